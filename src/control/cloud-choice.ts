import { isAbsolute, resolve } from 'node:path'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import { GUID, readConfig, type Config } from './config.js'
import { checkShape, matching, readJsonFile, type Rule } from './json-file.js'
import { configFileFor, type Environment } from './paths.js'

/** @see https://learn.microsoft.com/graph/deployments */
const MICROSOFT_CLOUDS: readonly Omit<Cloud, 'clientId'>[] = [
  {
    name: 'global',
    loginHost: 'login.microsoftonline.com',
    graphHost: 'graph.microsoft.com',
    sharePointSuffix: '.sharepoint.com',
  },
  {
    name: 'us-government',
    loginHost: 'login.microsoftonline.us',
    graphHost: 'graph.microsoft.us',
    sharePointSuffix: '.sharepoint.us',
  },
  {
    name: 'us-government-dod',
    loginHost: 'login.microsoftonline.us',
    graphHost: 'dod-graph.microsoft.us',
    sharePointSuffix: '.sharepoint-mil.us',
  },
  {
    name: 'china',
    loginHost: 'login.partner.microsoftonline.cn',
    graphHost: 'microsoftgraph.chinacloudapi.cn',
    sharePointSuffix: '.sharepoint.cn',
  },
]

export interface CloudChoice {
  readonly cloud: Cloud
  readonly config: Config
  /** What to pass as `--cloud` to another process: a name or an absolute path. */
  readonly choice: string
}

/**
 * Which cloud this run is about: `--cloud`, else B2BMOUNT_CLOUD, else `cloud` of config.json, else Microsoft's global one.
 *
 * @param option name of a cloud, or path of a `cloud.json`
 * @throws {Fault} `configuration-invalid`
 */
export async function chooseCloud(
  option: string | undefined,
  environment: Environment,
): Promise<CloudChoice> {
  const configFile = configFileFor(environment)
  const config = await readConfig(configFile)
  const choice = option ?? environment['B2BMOUNT_CLOUD'] ?? config.cloud ?? 'global'
  const isPath = choice.includes('/') || choice.endsWith('.json')
  if (!isPath) return { cloud: microsoftCloud(choice, config, configFile), config, choice }
  const file = resolve(choice)
  return { cloud: await readCloudFile(file), config, choice: file }
}

function microsoftCloud(name: string, config: Config, configFile: string): Cloud {
  const cloud = MICROSOFT_CLOUDS.find(known => known.name === name)
  if (cloud === undefined) {
    throw new Fault('configuration-invalid', `There is no cloud named ${JSON.stringify(name)}`, {
      nextStep: `Choose one of ${MICROSOFT_CLOUDS.map(known => known.name).join(', ')}, or give the path of a cloud.json.`,
    })
  }
  if (config.clientId === undefined) {
    throw new Fault('configuration-invalid', 'No app registration is configured', {
      nextStep: `Register an app (README.md, "A real account", five minutes) and write {"clientId": "…"} to ${configFile}.`,
    })
  }
  return { ...cloud, clientId: config.clientId }
}

async function readCloudFile(file: string): Promise<Cloud> {
  const content = await readJsonFile(file)
  if (content === undefined) {
    throw new Fault('configuration-invalid', `There is no file ${file}`, {
      nextStep: 'Check --cloud and B2BMOUNT_CLOUD; an emulator writes its cloud.json once it is ready.',
    })
  }
  return parseCloud(content, file)
}

const HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/

const address: Rule<NonNullable<Cloud['connectTo']>> = {
  expected: 'an address and a port: {"address": "127.0.0.1", "port": 8443}',
  holds: (value): value is { address: string; port: number } => {
    if (typeof value !== 'object' || value === null) return false
    const { address, port, ...rest } = value as Record<string, unknown>
    const isPort = Number.isInteger(port) && (port as number) > 0 && (port as number) < 65536
    return typeof address === 'string' && address !== '' && isPort && Object.keys(rest).length === 0
  },
}

const absolutePath: Rule<string> = {
  expected: 'an absolute path',
  holds: (value): value is string => typeof value === 'string' && isAbsolute(value),
}

/** @param file named in messages */
export function parseCloud(content: unknown, file: string): Cloud {
  return checkShape<Cloud>(
    content,
    file,
    {
      // Names a folder: nothing but these characters, and nothing longer than a file name.
      name: matching("1 to 40 letters, digits or '-'", /^[a-z0-9][a-z0-9-]{0,39}$/i),
      loginHost: matching('a host name', HOST),
      graphHost: matching('a host name', HOST),
      sharePointSuffix: matching("a host name after a '.'", /^(\.[a-z0-9-]+)+$/),
      clientId: matching('a GUID', GUID),
      connectTo: address,
      caFile: absolutePath,
    },
    ['name', 'loginHost', 'graphHost', 'sharePointSuffix', 'clientId'],
  )
}
