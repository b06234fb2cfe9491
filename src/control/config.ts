import { checkShape, matching, oneOf, readJsonFile } from './json-file.js'

/** `config.json`: all of it optional, written by the user. docs/CLI.md describes each key. */
export interface Config {
  /** Application (client) id of your own app registration. */
  readonly clientId?: string
  /** Name of the cloud that your home tenant is in, or absolute path of a `cloud.json`. */
  readonly cloud?: string
  readonly logLevel?: 'error' | 'warn' | 'info' | 'debug'
}

export const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A missing file is an empty configuration. @throws {Fault} `configuration-invalid` */
export async function readConfig(file: string): Promise<Config> {
  return parseConfig((await readJsonFile(file)) ?? {}, file)
}

/** @param file named in messages */
export function parseConfig(content: unknown, file: string): Config {
  return checkShape<Config>(
    content,
    file,
    {
      clientId: matching('the application (client) id of an app registration, a GUID', GUID),
      cloud: matching('the name of a cloud or the absolute path of a cloud.json', /./),
      logLevel: oneOf('error', 'warn', 'info', 'debug'),
    },
    [],
  )
}
