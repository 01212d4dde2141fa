/** An expected "no" from the domain: a typed value, not an exception. */

/** Part of a command's type: which codes it may answer with, and their details. */
export interface Rejection<C extends string = string, D = unknown> {
  readonly kind: 'rejection'
  readonly code: C
  readonly details: D
}

/**
 * Says no. `decide` returns it; `attempt` hands it to the caller as a value, `execute` throws a CommandRejectedError.
 *
 * @param code     PascalCase, stable: `InsufficientFunds`.
 * @param details  JSON: it is kept with the idempotency key.
 * @example
 * if (state.balance < input.amount) return reject('InsufficientFunds', { balance: state.balance })
 */
export function reject<const C extends string>(code: C): Rejection<C, undefined>
export function reject<const C extends string, D>(code: C, details: D): Rejection<C, D>
export function reject(code: string, details?: unknown): Rejection {
  return { kind: 'rejection', code, details }
}

/** Whether a decided value is a rejection. */
export function isRejection(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && (value as Rejection).kind === 'rejection'
}
