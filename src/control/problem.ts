import { Fault } from '../model/fault.js'
import type { Problem } from './answers.js'

/** A bug on the daemon's side, as its client sees it; the stack is in the daemon's log. */
export class InternalError extends Error {
  override readonly name = 'InternalError'
}

/** What may be told of a failure. Of a bug nothing: its message can hold anything. */
export function toProblem(failure: unknown): Problem {
  if (!(failure instanceof Fault)) return { code: 'internal-error', message: 'An internal error occurred' }
  const { code, message, nextStep } = failure
  return nextStep === undefined ? { code, message } : { code, message, nextStep }
}

export function fromProblem({ code, message, nextStep }: Problem): Fault | InternalError {
  if (code === 'internal-error') return new InternalError(message)
  return new Fault(code, message, nextStep === undefined ? {} : { nextStep })
}
