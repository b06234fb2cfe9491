import {
  checkShape,
  isPlainObject,
  matching,
  oneOf,
  readJsonFile,
  type Rule,
  type Rules,
} from './json-file.js'

/** Programs by name or absolute path, `*` for any characters; see docs/CLI.md. */
export interface HydrationConfig {
  readonly full?: readonly string[]
  readonly headOnly?: readonly string[]
  readonly localOnly?: readonly string[]
  readonly deny?: readonly string[]
}

/** One of Microsoft's `HydrationDisallowedApps`. Versions of bundles mean nothing on Linux. */
export interface DisallowedApp {
  readonly ApplicationId: string
  readonly MaxBundleVersion?: string
  readonly MaxBuildVersion?: string
}

/** `config.json`: all of it optional, written by the user. docs/CLI.md describes each key. */
export interface Config {
  /** Application (client) id of your own app registration. */
  readonly clientId?: string
  /** Name of the cloud that your home tenant is in, or absolute path of a `cloud.json`. */
  readonly cloud?: string
  readonly logLevel?: 'error' | 'warn' | 'info' | 'debug'
  /** Which programs may download files; before the defaults. */
  readonly hydration?: HydrationConfig
  /** Programs that may not, in the words of Microsoft's policy. */
  readonly HydrationDisallowedApps?: readonly DisallowedApp[]
  /** SharePoint hosts whose Sync button adds a library without a question. */
  readonly syncButtonHosts?: readonly string[]
  /** The content cache grows no larger than this, as far as it can be helped. */
  readonly cacheLimitInMB?: number
  /** So much is left free on the disk of the cache, as far as it can be helped. */
  readonly minimumFreeSpaceInMB?: number
  /** What was not used for so long is freed. */
  readonly freeUpAfterDays?: number
  /** More items than this are not removed at once before you have been asked. */
  readonly massDeletionThreshold?: number
  /** Thumbnails as icons of files, for a Mac's Finder; absent: on a Mac. */
  readonly finderIcons?: boolean
}

export const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const MOST_PROGRAMS = 1_000
const MOST_HOSTS = 1_000
const HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i

/** A missing file is an empty configuration. @throws {Fault} `configuration-invalid` */
export async function readConfig(file: string): Promise<Config> {
  return parseConfig((await readJsonFile(file)) ?? {}, file)
}

/** @param file named in messages */
export function parseConfig(content: unknown, file: string): Config {
  const config = checkShape<Config>(
    content,
    file,
    {
      clientId: matching('the application (client) id of an app registration, a GUID', GUID),
      cloud: matching('the name of a cloud or the absolute path of a cloud.json', /./),
      logLevel: oneOf('error', 'warn', 'info', 'debug'),
      hydration: {
        expected: 'an object of lists of programs',
        holds: (value): value is HydrationConfig => isPlainObject(value),
      },
      HydrationDisallowedApps: {
        expected: 'a list of {"ApplicationId": "name or path of a program"}',
        holds: (value): value is DisallowedApp[] => Array.isArray(value) && value.length <= MOST_PROGRAMS,
      },
      syncButtonHosts: {
        expected: 'a list of SharePoint hosts, for example ["contoso.sharepoint.com"]',
        holds: (value): value is string[] =>
          Array.isArray(value) && value.length <= MOST_HOSTS && value.every(host => HOST.test(String(host))),
      },
      cacheLimitInMB: wholeNumber(0, 1_000_000_000),
      minimumFreeSpaceInMB: wholeNumber(0, 1_000_000_000),
      freeUpAfterDays: wholeNumber(1, 10_000),
      massDeletionThreshold: wholeNumber(1, 1_000_000_000),
      finderIcons: { expected: 'true or false', holds: value => typeof value === 'boolean' },
    },
    [],
  )
  if (config.hydration) {
    const rules = { full: PROGRAMS, headOnly: PROGRAMS, localOnly: PROGRAMS, deny: PROGRAMS }
    checkShape<HydrationConfig>(config.hydration, `"hydration" of ${file}`, rules, [])
  }
  for (const app of config.HydrationDisallowedApps ?? []) {
    checkShape<DisallowedApp>(app, `"HydrationDisallowedApps" of ${file}`, DISALLOWED_APP, ['ApplicationId'])
  }
  return config
}

// A relative path would depend on where the daemon was started.
const NAME_OR_PATH = /^(\/.+|[^/]+)$/s
export const PROGRAM = matching('the name of a program, or its absolute path', NAME_OR_PATH)

const VERSION = matching('a version', /^[\d.]+$/)
export const DISALLOWED_APP: Rules<DisallowedApp> = {
  ApplicationId: PROGRAM,
  MaxBundleVersion: VERSION,
  MaxBuildVersion: VERSION,
}

const PROGRAMS: Rule<readonly string[]> = {
  expected: 'a list of names or absolute paths of programs, for example ["tumblerd", "/opt/scanner/*"]',
  holds: (value): value is readonly string[] =>
    Array.isArray(value) && value.length <= MOST_PROGRAMS && value.every(PROGRAM.holds),
}

export function wholeNumber(least: number, most: number): Rule<number> {
  return {
    expected: `a whole number from ${least} to ${most}`,
    holds: (value): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most,
  }
}
