/** What a case expects, said so that a failure reads as a sentence. No test runner and nothing of Node: it runs anywhere. */
import { DacapoError, type ErrorCode } from '../../core/errors.ts'
import type { AppendResult } from '../../core/event-store.ts'
import type { StoredEvent } from '../../core/stored-event.ts'

/** A store does not keep the contract. */
export class ContractViolation extends Error {
  override readonly name = 'ContractViolation'
}

/** Both are the same as JSON; the order of an object's members does not matter. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [is, wanted] = [canonical(actual), canonical(expected)]
  if (is !== wanted) throw new ContractViolation(`${what}: expected ${brief(wanted)}, but it is ${brief(is)}.`)
}

/** @param sentence  what should be so, as a statement. */
export function expectTrue(holds: boolean, sentence: string): void {
  if (!holds) throw new ContractViolation(`This should be so, but is not: ${sentence}.`)
}

/** The request was written, just now. */
export function expectAppended(result: AppendResult | undefined): { readonly version: number; readonly events: readonly StoredEvent[] } {
  if (result?.kind === 'appended') return result
  throw new ContractViolation(`The append should have been written, but it was ${describe(result)}.`)
}

/** The request was written by an earlier call, whose result is given again. */
export function expectDuplicate(result: AppendResult | undefined): { readonly version: number; readonly events: readonly StoredEvent[] } {
  if (result?.kind === 'duplicate') return result
  throw new ContractViolation(`The append should have been recognised as a duplicate, but it was ${describe(result)}.`)
}

/** The request was refused, with this code. Returns its error. */
export function expectRefused(result: AppendResult | undefined, code?: ErrorCode): DacapoError {
  if (result?.kind === 'refused' && DacapoError.is(result.error) && (!code || result.error.code === code)) return result.error
  throw new ContractViolation(`The append should have been refused${code ? ` with ${code}` : ''}, but it was ${describe(result)}.`)
}

/** The call rejects with an error of Dacapo. Returns it. */
export async function expectThrown(call: () => Promise<unknown>, code: ErrorCode): Promise<DacapoError> {
  try {
    await call()
  } catch (error) {
    if (DacapoError.is(error) && error.code === code) return error
    throw new ContractViolation(`The call should have ended in ${code}, but it ended in ${String(error)}`, { cause: error })
  }
  throw new ContractViolation(`The call should have ended in ${code}, but it succeeded.`)
}

/** How many elements a test is true for. */
export function count<T>(values: readonly T[], test: (value: T) => boolean): number {
  return values.filter(test).length
}

function describe(result: AppendResult | undefined): string {
  if (!result) return 'not answered'
  return result.kind === 'refused' ? `refused: ${String(result.error)}` : result.kind
}

function canonical(value: unknown): string {
  const sorted = (_: string, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(byName))
      : member
  return JSON.stringify(value, sorted) ?? 'undefined'
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function brief(text: string): string {
  return text.length > 600 ? `${text.slice(0, 600)}… (${text.length} characters)` : text
}
