/** Takes a request through the whole command path, and says what became of it. */
import { CommandRejectedError, DacapoError, type ErrorCode, ForbiddenError, ValidationError } from 'dacapo'
import type { Bank } from '../domain/bank.ts'
import { transfer } from '../domain/transfer.ts'
import { issuesText, type Request } from './request.ts'

export type Outcome =
  | { readonly kind: 'accepted'; readonly events: number }
  /** The bank said no. */
  | { readonly kind: 'rejected'; readonly code: string }
  /** The sender made a mistake: sending it again cannot help. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** The key was settled before: nothing happened now. */
  | { readonly kind: 'duplicate' }

/** Errors that tell of the request and not of the bank. */
const sendersMistakes: readonly ErrorCode[] = [
  'ES_VALIDATION',
  'ES_UNKNOWN_COMMAND',
  'ES_IDEMPOTENCY_MISMATCH',
  'ES_STREAM_NAME',
  'ES_SERIALIZATION',
  'ES_TOO_LARGE',
]

/**
 * Settles a request. Its outcome is kept under its key, so settling it again changes nothing.
 *
 * @throws DacapoError when it is the bank that could not, e.g. `ES_STORE_UNAVAILABLE`: nothing is known to have happened.
 */
export async function settle(bank: Bank, request: Request): Promise<Outcome> {
  try {
    return await (request.command === 'Transfer' ? settleTransfer(bank, request) : settleCommand(bank, request))
  } catch (error) {
    if (error instanceof ForbiddenError) return error.duplicate ? { kind: 'duplicate' } : { kind: 'rejected', code: 'Forbidden' }
    if (error instanceof ValidationError) return { kind: 'invalid', reason: issuesText(error.issues) }
    if (DacapoError.is(error) && sendersMistakes.includes(error.code)) return { kind: 'invalid', reason: error.message }
    throw error
  }
}

async function settleCommand(bank: Bank, { key, actor, command, input }: Request): Promise<Outcome> {
  const outcome = await bank.attempt({ command, input }, { actor, idempotencyKey: key })
  if (!outcome.ok) return outcome.duplicate ? { kind: 'duplicate' } : { kind: 'rejected', code: outcome.rejection.code }
  const { duplicate, events } = outcome.receipt
  return duplicate ? { kind: 'duplicate' } : { kind: 'accepted', events: events.length }
}

async function settleTransfer(bank: Bank, { key, actor, input }: Request): Promise<Outcome> {
  try {
    const { duplicate, value } = await transfer(bank, input, { actor, idempotencyKey: key })
    return duplicate ? { kind: 'duplicate' } : { kind: 'accepted', events: value }
  } catch (error) {
    if (!(error instanceof CommandRejectedError)) throw error
    return error.duplicate ? { kind: 'duplicate' } : { kind: 'rejected', code: error.rejection.code }
  }
}
