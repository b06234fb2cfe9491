import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import { cannotMount } from '../helpers/can-mount.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** systemd's end of the socket: prints the first message, and whether the drive was mounted when it came. */
const LISTENER = `
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print('listening', flush=True)
message = listener.recv(4096).decode()
print(message.replace(chr(10), ' '), os.path.ismount(sys.argv[2]), flush=True)
while True: listener.recv(4096)
`

const skip = cannotMount || missingPrograms('systemd-notify', 'python3')

t.test(
  'a service is ready when the drive is mounted, not before, and SIGTERM unmounts',
  { skip },
  async t => {
    const sandbox = await openSandbox()
    t.teardown(() => sandbox.close())
    const socket = join(await temporaryDirectory(t), 'notify')
    const drive = join(sandbox.home, 'B2B')
    await mkdir(drive)

    const listener = spawn('python3', ['-c', LISTENER, socket, drive], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => listener.kill('SIGKILL'))
    const heard = createInterface({ input: listener.stdout })[Symbol.asyncIterator]()
    t.equal((await heard.next()).value, 'listening')

    const service = spawn(process.execPath, [CLI, 'mount', '--foreground', '--', drive], {
      env: { ...sandbox.env, NOTIFY_SOCKET: socket },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    t.teardown(() => service.kill('SIGKILL'))
    const ended = once(service, 'exit')
    t.match((await heard.next()).value, /^READY=1 .*True$/)
    service.kill('SIGTERM')
    t.same(await ended, [0, null])
    t.same(await readdir(drive), [])
  },
)
