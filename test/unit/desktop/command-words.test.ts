import t from 'tap'
import { desktopExec, systemdExec } from '../../../src/desktop/command-words.js'

const COMMAND = ['/opt/my node/node', '/home/ann/$x "y" \\z 100%/main.js', 'pin']

t.test('plain words stay as they are', t => {
  t.equal(
    desktopExec(['/usr/bin/node', '/a/main.js', '--cloud', 'global']),
    '/usr/bin/node /a/main.js --cloud global',
  )
  t.equal(systemdExec(['/usr/bin/node', '/a/main.js']), '/usr/bin/node /a/main.js')
  t.end()
})

t.test('others are quoted by the rules of each format', t => {
  t.equal(
    desktopExec(COMMAND),
    '"/opt/my node/node" "/home/ann/\\\\$x \\\\"y\\\\" \\\\\\\\z 100%%/main.js" pin',
  )
  t.equal(systemdExec(COMMAND), '"/opt/my node/node" "/home/ann/$$x \\"y\\" \\\\z 100%%/main.js" pin')
  t.end()
})

t.test('a path with a newline is refused: it could begin another line of the file', t => {
  t.throws(() => desktopExec(['/tmp/a\nExec=evil']), { code: 'configuration-invalid' })
  t.throws(() => systemdExec(['/tmp/a\nExecStartPre=evil']), { code: 'configuration-invalid' })
  t.end()
})
