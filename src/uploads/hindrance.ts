import type { Fault } from '../model/fault.js'
import { needsAttention } from '../model/upload-patience.js'
import type { Hindrance } from '../store/owed-table.js'

/**
 * Why something could not be sent, for a person: with what the service itself says, and the number by which its support finds the
 * request, where ours is not enough to act on.
 */
export function hindranceOf(fault: Fault, attempts: number): Hindrance {
  const { code, message, nextStep } = fault
  return {
    code,
    message: needsAttention(code, attempts) ? withServiceWords(fault) : message,
    ...(nextStep !== undefined && { nextStep }),
  }
}

function withServiceWords({ message, says, requestId }: Fault): string {
  const words = says === undefined ? '' : `: “${says}”`
  const number = requestId === undefined ? '' : ` (request ${requestId})`
  return `${message}${words}${number}`
}
