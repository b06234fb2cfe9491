import { readFileSync } from 'node:fs'
import t from 'tap'
import { EXIT } from '../../../src/cli/exit-code.js'
import { buildProgram } from '../../../src/cli/program.js'

// dist/test/unit/cli -> docs
const documented = readFileSync(new URL('../../../../docs/CLI.md', import.meta.url), 'utf8')

t.test('docs/CLI.md has every command, option and exit code', t => {
  const program = buildProgram([], () => Promise.resolve())
  for (const command of program.commands) {
    t.match(documented, new RegExp(`^\\| \`${command.name()}\\b`, 'm'), command.name())
    for (const { long } of command.options)
      t.ok(documented.includes(String(long)), `${command.name()} ${long}`)
  }
  for (const { long } of program.options) {
    if (long !== '--version') t.ok(documented.includes(String(long)), String(long))
  }
  for (const [name, code] of Object.entries(EXIT)) t.match(documented, new RegExp(`^\\| ${code} `, 'm'), name)
  t.end()
})

t.test('each command says what it does', t => {
  for (const command of buildProgram([], () => Promise.resolve()).commands) {
    t.not(command.summary(), '', command.name())
    t.not(command.description(), '', command.name())
  }
  t.end()
})
