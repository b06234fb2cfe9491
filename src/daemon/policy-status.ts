import type { Check, PolicyStatus } from '../control/answers.js'
import { toProblem } from '../control/problem.js'
import type { Bytes } from '../model/ids.js'
import type { AutoMount } from './auto-mount.js'
import type { PolicyHolder } from './policy-holder.js'

export interface PolicyStatusDeps {
  readonly policy: PolicyHolder
  readonly autoMount: AutoMount
  readonly freeBytes: () => Bytes
}

export function policyStatus({ policy, autoMount, freeBytes }: PolicyStatusDeps): PolicyStatus {
  const { problem, isThere, file } = policy
  const disk = diskStatus(policy, freeBytes)
  return {
    file,
    state: problem !== undefined ? 'unusable' : isThere ? 'in-force' : 'none',
    keys: policy.policy.keys,
    ...(problem === undefined ? {} : { problem: toProblem(problem) }),
    ...(disk === undefined ? {} : { disk }),
    notAdded: autoMount.failures.map(({ name, fault }) => ({ name, problem: toProblem(fault) })),
  }
}

function diskStatus(
  { policy: { leastFree = 0, warnsBelow = 0 } }: PolicyHolder,
  freeBytes: () => Bytes,
): PolicyStatus['disk'] {
  const least = Math.max(leastFree, warnsBelow)
  if (least === 0) return undefined
  const free = freeBytes()
  const stopsDownloads = free < leastFree
  return free >= least
    ? undefined
    : { freeBytes: free, leastBytes: stopsDownloads ? leastFree : warnsBelow, stopsDownloads }
}

/** For `doctor`. */
export function policyChecks(deps: PolicyStatusDeps): Check[] {
  const { file, state, keys, problem, disk, notAdded } = policyStatus(deps)
  return [
    policyCheck(file, state, keys, problem),
    ...(disk === undefined ? [] : [diskCheck(disk)]),
    ...notAdded.map(({ name, problem: { message, nextStep } }): Check => ({
      name: `Policy: ${name}`,
      verdict: 'warn',
      found: `could not be added: ${message}`,
      ...(nextStep === undefined ? {} : { nextStep }),
    })),
  ]
}

function policyCheck(
  file: string,
  state: PolicyStatus['state'],
  keys: readonly string[],
  problem: PolicyStatus['problem'],
): Check {
  const name = 'Policy'
  switch (state) {
    case 'none':
      return { name, verdict: 'ok', found: `none (${file})` }
    case 'in-force':
      return { name, verdict: 'ok', found: `${file}: ${keys.length === 0 ? 'empty' : keys.join(', ')}` }
    case 'unusable':
      return {
        name,
        verdict: 'fail',
        found: problem?.message ?? file,
        ...(problem?.nextStep === undefined ? {} : { nextStep: problem.nextStep }),
      }
  }
}

function diskCheck({ freeBytes, leastBytes, stopsDownloads }: NonNullable<PolicyStatus['disk']>): Check {
  const megabytes = (bytes: Bytes) => `${Math.floor(bytes / 1e6).toLocaleString('en-US')} MB`
  return {
    name: 'Policy: free space',
    verdict: stopsDownloads ? 'fail' : 'warn',
    found: `${megabytes(freeBytes)}, less than the ${megabytes(leastBytes)} that the administrator wants${stopsDownloads ? ': nothing is downloaded' : ''}`,
    nextStep: 'Free some space, for example with:  b2bmount free-up',
  }
}
