/** Whoever works on a part of a subscription: what it needs, and what can be seen of it. */
import type { Clock } from '../../core/clock.ts'
import type { EventTypes } from '../../core/event-codec.ts'
import type { EventStore } from '../../core/event-store.ts'
import type { Signals } from '../../core/observer.ts'
import type { Lease } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import type { LogFeed } from './log-feed.ts'
import type { Parked } from './parked.ts'
import type { Proof } from './proof.ts'
import type { Delivery, Subscription } from './subscription.ts'

/** What a worker needs of its engine. */
export interface WorkerContext {
  readonly store: EventStore
  readonly eventTypes: EventTypes
  readonly clock: Clock
  readonly feed: LogFeed
  readonly random: () => number
  /** How long a step without anything to write may stay unwritten, and how long handling may go on without a commit. */
  readonly checkpointEveryMs: number
  readonly restart: { readonly maxRestarts: number; readonly withinMs: number }
  /** Whether parts keep proofs of what they have looked at. */
  readonly isProving: boolean
  /** Told whenever the position or the status has changed. */
  readonly moved: (worker: PartWorker) => void
  /** Told when something is parked, tried again, or done after all. */
  readonly parked: (worker: PartWorker, parked: Parked, before: Parked) => void
  /** Told when an event that has failed was passed by. */
  readonly skipped: (worker: PartWorker, delivery: Delivery, failure: unknown) => void
  /** Told when it follows other types of events than whoever has worked on the part before. */
  readonly changed: (worker: PartWorker) => void
  /** Told when an event comes to keys behind later ones, because its keys could not be told when it was its turn. */
  readonly late: (worker: PartWorker, event: Late) => void
  /** Told when something is parked that may belong to another part of the same subscription. */
  readonly handedOn: (subscription: Subscription) => void
  readonly failed: (worker: PartWorker, error: unknown) => void
  /** Runs what an event leads to in the name of the part, which is held up meanwhile. */
  readonly inside: <T>(worker: PartWorker, work: () => Promise<T> | T) => Promise<T> | T
  readonly tell: Engine['tell']
  readonly tracing: Engine['tracing']
}

/** An event that comes late. */
export type Late = Pick<Signals['subscription.late'], 'tenant' | 'keys' | 'position'>

/** `waiting`: everything that was there is done. */
export type WorkerStatus = 'working' | 'waiting' | 'restarting' | 'failed' | 'lost' | 'stopped'

/** Works on a part until it is stopped or has lost it. */
export interface PartWorker {
  readonly subscription: Subscription
  readonly lease: Lease
  readonly status: WorkerStatus
  /** Everything up to here is done or parked, and committed. */
  readonly position: number
  /** Everything up to here was looked at; what is between the two has concerned nobody, or may be handled once more. */
  readonly seen: number
  /** What is parked, by key. */
  readonly parked: readonly Parked[]
  readonly handled: number
  /** What it has looked at; nobody has compared that with the log yet. */
  readonly proofs: readonly Proof[]
  readonly error: unknown
  /** When there is something to do by itself, in milliseconds since 1970. */
  readonly nextDueAt: number | undefined
  /** Looks again at what is parked: somebody has changed it. */
  poke(): void
  /** A proof was compared with the log. */
  compared(proof: Proof): void
  /** Ends after what it is doing; the lease is still held. */
  stop(): Promise<void>
}
