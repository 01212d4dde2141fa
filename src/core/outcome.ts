/** What a command came to, as its caller sees it. */
import type { DomainEvent } from './event.ts'
import type { DecidedEvent, RecordedEvent } from './recorded-event.ts'

/** The proof that a command was accepted: durable by the time it is handed out. */
export interface Receipt<E = DomainEvent> {
  /** The events it appended; none when it decided nothing. */
  readonly events: readonly RecordedEvent<Extract<E, DomainEvent>>[]
  /** The stream's version after it. */
  readonly version: number
  /** The position of its last event, for reading your own writes; 0 when it appended nothing. */
  readonly position: number
  /** Whether this is the answer to an earlier call with the same idempotency key. */
  readonly duplicate: boolean
  /** The aggregate's state after it; only with `execute(…, { returnState: true })`. */
  readonly state?: unknown
}

/** A receipt inside a transaction: nothing is committed yet, so there is no position. */
export interface TransactionReceipt<E = DomainEvent> {
  readonly events: readonly DecidedEvent<Extract<E, DomainEvent>>[]
  readonly version: number
  readonly duplicate: boolean
  /** As this transaction sees it; only with `execute(…, { returnState: true })`. */
  readonly state?: unknown
}

/** A command's answer as a value. */
export type Outcome<E, X, R = Receipt<E>> =
  | { readonly ok: true; readonly receipt: R }
  | { readonly ok: false; readonly rejection: X; readonly duplicate: boolean }
