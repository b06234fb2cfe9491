import { execFile } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MOST_MEMORY, MOST_PROCESSOR_SECONDS } from './limits.js'

/**
 * How far the decoder is shut in. Everywhere: an empty environment, no descriptor but three pipes, limits on memory,
 * processor time and files (it cannot write one).
 *
 * `sandbox` (bubblewrap): sees no file but programs and libraries, no network, no other process.
 * `namespace` (unshare): no network; files are as the user's.
 * `limits`: nothing more.
 */
export type Confinement = 'sandbox' | 'namespace' | 'limits'

export interface Confined {
  readonly confinement: Confinement
  readonly program: string
  readonly args: readonly string[]
}

// dist/src/thumbnails/decoder, where this file runs; the packages are beside `dist`.
const PROGRAM = fileURLToPath(new URL('decoder-program.js', import.meta.url))
const PRODUCT = fileURLToPath(new URL('../../../../', import.meta.url))
const TRIAL_MILLISECONDS = 5_000

/** The strictest that this machine lets us have. Tries it, once. */
export async function findConfinement(): Promise<Confinement> {
  for (const confinement of ['sandbox', 'namespace'] as const) {
    if (await works(confinement)) return confinement
  }
  return 'limits'
}

/** The command that runs the decoder. */
export function confined(confinement: Confinement): Confined {
  return wrapped(confinement, [process.execPath, '--max-old-space-size=128', PROGRAM])
}

/** Any command, as far shut in as the decoder is. */
export function wrapped(confinement: Confinement, command: readonly string[]): Confined {
  return {
    confinement,
    program: '/bin/sh',
    args: ['-c', LIMITS, 'decoder', ...wrapper(confinement), ...command],
  }
}

/** By the shell that every machine has; what a limit is not known by is left. */
const LIMITS = [
  `ulimit -c 0 2>/dev/null`,
  `ulimit -f 0 2>/dev/null`,
  `ulimit -t ${MOST_PROCESSOR_SECONDS} 2>/dev/null`,
  `ulimit -d ${MOST_MEMORY / 1024} 2>/dev/null`,
  `exec "$@"`,
].join('; ')

function wrapper(confinement: Confinement): string[] {
  switch (confinement) {
    case 'sandbox':
      return [
        'bwrap',
        ...BARE,
        ...readOnly(SYSTEM),
        ...readOnly([dirname(realpathSync(process.execPath)), PRODUCT]),
        '--',
      ]
    case 'namespace':
      return ['unshare', '--user', '--net', '--ipc', '--']
    case 'limits':
      return []
  }
}

const BARE = [
  '--unshare-all',
  '--die-with-parent',
  '--new-session',
  ...['--cap-drop', 'ALL'],
  '--clearenv',
  ...['--dev', '/dev'],
  ...['--proc', '/proc'],
]
const SYSTEM = ['/usr', '/bin', '/lib', '/lib64', '/etc/ld.so.cache']

function readOnly(paths: readonly string[]): string[] {
  // Only what of the product is program: its folder may be below the home, and nothing else of that is shown.
  return paths
    .flatMap(path =>
      path === PRODUCT ? [`${PRODUCT}dist`, `${PRODUCT}node_modules`, `${PRODUCT}package.json`] : [path],
    )
    .filter(path => existsSync(path))
    .flatMap(path => ['--ro-bind', path, path])
}

function works(confinement: Exclude<Confinement, 'limits'>): Promise<boolean> {
  const { program, args } = wrapped(confinement, [process.execPath, '--version'])
  return new Promise(resolve => {
    execFile(program, [...args], { env: { PATH: '/usr/bin:/bin' }, timeout: TRIAL_MILLISECONDS }, failure =>
      resolve(failure === null),
    )
  })
}
