/** What a case of the store contract is, and what it may use besides the store. */
import type { Clock } from '../../core/clock.ts'
import type { Capabilities, EventStore, StoreTransaction } from '../../core/event-store.ts'

/** One sentence that must be true of every store, and the proof. */
export interface ContractCase {
  /** A sentence that can be false; unique in the contract. */
  readonly name: string
  /** The part of the contract, e.g. `A`. */
  readonly part: string
  /** The numbered lines of the contract that it proves; none for one that goes beyond them. */
  readonly lines: readonly number[]
  /** What must be there; without it the case is skipped, and the skip is printed with its reason. */
  readonly needs?: readonly Need[]
  run(store: EventStore, tools: ContractTools): Promise<void>
}

/**
 * A capability of the store, a tool that its opener may provide, or a fact:
 * `clock`: the store takes its time from the clock it was given; `parallelTransactions`: a transaction that stays open
 * does not delay other writers; `parallelReads`: nor readers; `emptyStore`: makes sense on a fresh store only.
 */
export type Need = keyof Capabilities | keyof StoreTools | 'clock' | 'parallelTransactions' | 'parallelReads' | 'emptyStore'

/** What a case may use besides the store. */
export interface ContractTools extends StoreTools {
  /** The head before the case began: what is after it, the case wrote. */
  readonly start: number
  /** The store's own clock, where it takes one (need `clock`). */
  readonly clock: ContractClock
}

/** Ways into an engine that the port does not have; each one is optional and turns a printed skip into a proof. */
export interface StoreTools {
  /**
   * Makes the next commit fail the way the engine's failures do: `before` it took place, or `after` it, when only the
   * answer is lost.
   */
  breakNextCommit?(when: 'before' | 'after'): void
  /** How many commits the store has made that wrote events. */
  commits?(): number | Promise<number>
  /** Opens the same data once more, as another process would. The caller closes it. */
  reopen?(): Promise<EventStore>
  /** Runs work in a transaction on a client of the caller's own, through `store.within(client)`; undone when it rejects. */
  ownTransaction?<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>
  /** Tries to change, then to delete stored events behind the store's back; resolves to how many attempts had an effect. */
  tamper?(): Promise<number>
}

/** A clock that stands still until it is set; its timers are real. */
export interface ContractClock extends Clock {
  /** Moves it, also back. */
  move(ms: number): void
}

/** Marks cases as those of one part. */
export function inPart(part: string, cases: readonly Omit<ContractCase, 'part'>[]): readonly ContractCase[] {
  return cases.map((one) => ({ part, ...one }))
}
