/** What a subscription is: which events, in which order, and who does something with them. */
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { StartFrom } from '../../core/start-from.ts'
import type { Lease, Work } from '../../core/work-store.ts'
import type { Slots } from './slots.ts'

/** An event for one of the keys that it concerns. */
export interface Delivery {
  readonly event: RecordedEvent
  /** Order is kept among deliveries of one key and tenant. */
  readonly key: string
  readonly slot: number
  /** 1 at first. */
  readonly attempt: number
  /** Why the event cannot be handled at all. */
  readonly unreadable?: { readonly error: unknown } | undefined
}

/** What is committed together with the step in the log. */
export type Gathered = Pick<Work, 'rows' | 'records' | 'statements'>

/** Deliveries that are done one after the other and committed together. */
export interface Batch {
  /** Whether a delivery must wait until what is there has been committed. */
  isFull?(delivery: Delivery): boolean
  /** When to try again, if the key is not ready for the delivery: it waits, with all that come after it, and has not failed. */
  busyUntil?(delivery: Delivery): number | undefined
  /** Does what one delivery asks for. When it throws, nothing of it may be left in the batch. */
  handle(delivery: Delivery): Promise<void> | void
  /**
   * Does together what the deliveries have asked for, before anything is committed: outside of the store. Returns what has failed because of
   * them; throws what has nothing to do with them. Either way it may be done again.
   *
   * @param to  where the commit is going to bring the part.
   */
  finish?(to: number): Promise<Failed | undefined>
  /** What is to be committed with the step; called once, at the end. @throws what one of the deliveries has made impossible. */
  gathered(): Gathered
  /** It is committed. */
  committed?(): Promise<void>
}

/** What a consumer is given of the part that it works on. */
export interface ConsumerContext {
  /** The name of the part. */
  readonly part: string
  readonly slots: Slots
  /** Aborts when the part is given up. */
  readonly stopping: AbortSignal
  readonly lease: Lease
  /** Commits something that is no step in the log, under the lease, and under those of other parts that are named. */
  readonly commit: (work: Gathered & Pick<Work, 'steps' | 'switches'>) => Promise<void>
}

/** Who does something with events. */
export interface Consumer {
  /** It leads to nothing in the store, and may be given events again: while there are more, its step may stay unwritten for some time. */
  readonly mayRepeat?: true
  /** The keys that an event concerns; in each of them it comes after those before it. */
  keysOf(event: RecordedEvent): readonly string[]
  /** Prepares for deliveries that come together. */
  begin(deliveries: readonly Delivery[]): Promise<Batch> | Batch
  /** What was begun may not have been committed: whatever is remembered of it must be forgotten. */
  forget(): void
  /** Told before a commit moves the position of the part. */
  reached?(to: number): Promise<void>
  /** How far what it keeps outside of the store has come; if that is less far than the part, something was lost there. */
  kept?(): Promise<number>
  /** Reads what was left to be done. */
  resume?(): Promise<void>
  /** When there is something to do by itself, in milliseconds since 1970. */
  readonly nextDueAt?: number | undefined
  /** Does what is due. @param seen  everything in the log up to here is done. @param isParked  whether events of a key wait. */
  due?(seen: number, isParked: (tenant: string, key: string) => boolean): Promise<void>
}

/** Why deliveries could not be done. */
export interface Failed {
  readonly error: unknown
}

/** What is to become of an event that has failed: another attempt, if there may be one, after a pause; or none. */
export type Verdict = 'retry' | { readonly pauseMs: number } | 'skip' | 'stop' | 'dead-letter'

/** How often a failing event is tried, and what then. */
export interface Persistence {
  readonly attempts: number
  /** The longest pause before an attempt, from 2 on. */
  pauseMs(attempt: number): number
  readonly whenExhausted: 'dead-letter' | 'stop'
  /** Asked about each failure of an event that can be read. Absent: `'retry'`. */
  judge?(failure: unknown, delivery: Delivery): Verdict
}

/** What a subscription does. */
export type SubscriptionKind = 'projection' | 'handler' | 'process'

/** What is worked on in parts: subscriptions, and the rebuilding of a view. */
export type WorkKind = SubscriptionKind | 'rebuild'

/** A subscription as the app defines it. */
export interface Subscription {
  /** Unique: `<kind>:<name>`. */
  readonly id: string
  readonly kind: WorkKind
  /** Of the projection, handler or process. */
  readonly name: string
  readonly types: ReadonlySet<string>
  /** How many parts can be worked on at the same time. */
  readonly partitions: number
  /** Where it begins when it was never there before. */
  readonly startFrom: StartFrom
  /** How many deliveries share a commit at most; default 1,000. */
  readonly together?: number
  /** There are parts only while somebody wants them: they are not made by whoever finds none. */
  readonly isOnDemand?: boolean
  readonly persistence: Persistence
  /** A consumer for one part, with a memory of its own. */
  consumer(context: ConsumerContext): Consumer
}
