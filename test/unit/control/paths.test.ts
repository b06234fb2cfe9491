import { chmodSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LONGEST_SOCKET_PATH, pathsFor } from '../../../src/control/paths.js'
import { ensurePrivateDirectory } from '../../../src/control/private-directory.js'

t.test('everything has its place below the home directory', t => {
  t.same(pathsFor('global', { HOME: '/home/ann' }), {
    configFile: '/home/ann/.config/b2bmount/config.json',
    stateDirectory: '/home/ann/.local/state/b2bmount/global',
    cacheDirectory: '/home/ann/.cache/b2bmount/global',
    logFile: '/home/ann/.local/state/b2bmount/global/daemon.log',
    thumbnailDirectory: '/home/ann/.cache/thumbnails',
    runDirectory: '/home/ann/.local/state/b2bmount/global/run',
    socket: '/home/ann/.local/state/b2bmount/global/run/control.sock',
  })
  t.end()
})

t.test('XDG variables move it, unless they are relative', t => {
  const paths = pathsFor('x', { HOME: '/h', XDG_STATE_HOME: '/s', XDG_CACHE_HOME: 'c', XDG_CONFIG_HOME: '' })
  t.match(paths, {
    stateDirectory: '/s/b2bmount/x',
    cacheDirectory: '/h/.cache/b2bmount/x',
    configFile: '/h/.config/b2bmount/config.json',
  })
  t.end()
})

t.test('a login without XDG_RUNTIME_DIR finds the same socket as the desktop', t => {
  const desktop = pathsFor('global', { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000' })
  t.equal(pathsFor('global', { HOME: '/home/ann' }).socket, desktop.socket)
  t.end()
})

t.test('a socket path that the kernel would cut moves to /tmp, a different one for each state', t => {
  const socket = (home: string) => pathsFor('global', { HOME: home }).socket
  const long = socket(`/home/${'ä'.repeat(40)}`)
  t.match(long, /^\/tmp\/b2bmount-\d+-[0-9a-f]{16}\/control\.sock$/)
  t.ok(Buffer.byteLength(long) <= LONGEST_SOCKET_PATH)
  t.equal(socket(`/home/${'ä'.repeat(40)}`), long)
  t.not(socket(`/home/${'ö'.repeat(40)}`), long)
  t.end()
})

t.test('a private directory is made, or must be one already', async t => {
  const base = t.testdir({ open: {}, file: 'not a directory' })
  const made = join(base, 'a/b')
  await ensurePrivateDirectory(made)
  await t.resolves(ensurePrivateDirectory(made))

  chmodSync(join(base, 'open'), 0o755)
  await t.rejects(ensurePrivateDirectory(join(base, 'open')), {
    code: 'configuration-invalid',
    nextStep: /chmod 700/,
  })
  symlinkSync(made, join(base, 'link'))
  await t.rejects(ensurePrivateDirectory(join(base, 'link')), { message: /is not a directory$/ })
  await t.rejects(ensurePrivateDirectory(join(base, 'file/below')), { code: 'local-io' })
})
