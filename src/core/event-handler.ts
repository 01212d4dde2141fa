/** Event handlers: a side effect per event, retried, then dead-lettered. */
import { assertFold } from './aggregate.ts'
import type { CommandCall, MaybePromise } from './command.ts'
import { type Duration, toCount, toMs } from './duration.ts'
import { DefinitionError } from './errors.ts'
import type { AnyEventType, EventOf } from './event.ts'
import type { Receipt } from './outcome.ts'
import { assertPartitions, assertPartName } from './projection.ts'
import type { RecordedEvent } from './recorded-event.ts'
import type { Rejection } from './rejection.ts'
import { assertStartFrom, type StartFrom } from './start-from.ts'
import type { TypeProblem } from './type-problem.ts'

/** How often a failing event is tried, after which pauses, and what then. */
export interface RetryPolicy {
  /** Default 5; the first one counts. */
  readonly attempts?: number
  /** The wait before the second attempt. Default 100 milliseconds. */
  readonly backoff?: Duration
  /** The longest wait between two attempts. Default 30 seconds, or `backoff` if that is longer. */
  readonly maxBackoff?: Duration
  /** How waits follow each other: doubled, all alike, or none at all. Default `'exponential'`. */
  readonly strategy?: 'exponential' | 'fixed' | 'immediate'
  /** Half of each wait is left to chance, so that not everybody tries again at the same moment. Default true. */
  readonly jitter?: boolean
  /** Default `'dead-letter'`. */
  readonly whenExhausted?: 'dead-letter' | 'stop'
}

/** What is said with a command that is executed because of an event. */
export interface BecauseOfEvent {
  readonly actor: unknown
  readonly context?: unknown
  readonly metadata?: Readonly<Record<string, unknown>>
  /** An event may be handled more than once; with a key, made of `event.id`, the command is executed once. */
  readonly idempotencyKey?: string
}

interface Handling<S> {
  /** What `init` has made; `undefined` without it. */
  readonly state: S
  /** 1 on the first delivery. Events that are given together are so for the first time, or were part of a batch that has failed. */
  readonly attempt: number
  /** Aborted when the runtime stops. */
  readonly signal: AbortSignal
}

/** What a handler is given beside the event. */
export interface HandlerContext<S = unknown> extends Handling<S> {
  /**
   * Executes a command because of the event: in its tenant, with its correlation id, and with the event as the cause.
   *
   * @throws CommandRejectedError (`ES_REJECTED`) the domain said no; and what `app.execute` throws.
   */
  execute<E, X extends Rejection>(call: CommandCall<string, E, X>, options: BecauseOfEvent): Promise<Receipt<E>>
}

/** What a handler is given beside a batch of events. */
export interface BatchContext<S = unknown> extends Handling<S> {
  /**
   * Executes a command because of one of the events: in its tenant, with its correlation id, and with the event as the cause.
   *
   * @param options.because  the event.
   * @throws CommandRejectedError (`ES_REJECTED`) the domain said no; and what `app.execute` throws.
   */
  execute<E, X extends Rejection>(
    call: CommandCall<string, E, X>,
    options: BecauseOfEvent & { readonly because: RecordedEvent },
  ): Promise<Receipt<E>>
}

/** What `init` is given. */
export interface InitContext {
  /** Which of the handler's parts begins, e.g. `0/1`. */
  readonly part: string
  /** Aborted when the runtime stops. */
  readonly signal: AbortSignal
}

/**
 * What becomes of an event that has failed. `retry`: it is tried again as the retry policy says; `retryAfter`: after this time. Neither of
 * them goes on for longer than `attempts`. `skip`: it is passed by. `stop`: the handler fails as a whole. `dead-letter`: now.
 */
export type FailureDecision = 'retry' | { readonly retryAfter: Duration } | 'skip' | 'stop' | 'dead-letter'

/** A side effect per event. */
export interface EventHandler<N extends string = string> {
  readonly kind: 'handler'
  readonly name: N
  readonly events: readonly AnyEventType[]
  readonly retry: RetryPolicy
  readonly partitions?: number
  readonly init?: (context: InitContext) => unknown
  /** Exactly one of these two is there. */
  readonly handle?: (event: any, context: HandlerContext<any>) => unknown
  readonly handleBatch?: (events: readonly any[], context: BatchContext<any>) => unknown
  readonly maxBatch?: number
  readonly onError?: (error: unknown, event: any, failure: { readonly attempt: number }) => FailureDecision | undefined
  readonly startFrom?: StartFrom
}

/** Any event handler. */
export type AnyEventHandler = EventHandler<string>

/** There is no `handle`; otherwise what it returns stands here. */
type NoHandle = TypeProblem<'Give handle or handleBatch, not both.'>

/** `T` without a `handle`, otherwise why it must not be there. */
type WithoutHandle<R, T, Problem extends string> = [R] extends [NoHandle] ? T : TypeProblem<Problem>

/** How many events a batch may have at most; so many share a commit. */
const mostTogether = 1000

/**
 * Defines an event handler. Delivery is at least once, in order per stream: make it idempotent by `event.id`.
 *
 * @param definition.init         makes what is kept in memory for the others: once when the work on a part begins, and again when it begins
 *                                anew, after an interruption or elsewhere. While it fails, nothing is handled.
 * @param definition.handle       one event at a time. May be asynchronous; what it returns is not looked at.
 * @param definition.handleBatch  instead of `handle`: up to `maxBatch` events of any streams, in the order of the log. When it throws, halves
 *                                of the batch are given again, down to the event that fails by itself: at least once covers all of the batch.
 * @param definition.onError      decides what becomes of an event that has failed, by itself; `undefined`: what `retry` says.
 * @throws DefinitionError (`ES_DEFINITION`) attempts or backoff of 0 or less; both of `handle` and `handleBatch`, or neither.
 * @example
 * const index = eventHandler('index', {
 *   events: [AccountOpened],
 *   init: () => connect(),
 *   handleBatch: (events, { state }) => state.bulk(events.map(({ id, data }) => ({ id, owner: data.owner }))),
 * })
 */
export function eventHandler<const N extends string, ET extends AnyEventType, S = undefined, R = NoHandle>(
  name: N,
  definition: {
    readonly events: readonly ET[]
    readonly retry?: RetryPolicy
    /** How many streams can be handled at the same time, by one process or by several; 1–64, default 1. */
    readonly partitions?: number
    /** Where it begins when it was never started before; later it goes on where it was. Default `'beginning'`. */
    readonly startFrom?: StartFrom
    readonly init?: (context: InitContext) => MaybePromise<S>
    readonly handle?: (event: RecordedEvent<EventOf<ET>>, context: HandlerContext<NoInfer<S>>) => R
    readonly handleBatch?: WithoutHandle<
      R,
      (events: readonly RecordedEvent<EventOf<ET>>[], context: BatchContext<NoInfer<S>>) => unknown,
      'Give handle or handleBatch, not both.'
    >
    /** How many events `handleBatch` is given at most; 1–1,000, default 100. */
    readonly maxBatch?: WithoutHandle<R, number, 'maxBatch is for handleBatch.'>
    readonly onError?: (
      error: unknown,
      event: RecordedEvent<EventOf<ET>>,
      failure: { readonly attempt: number },
    ) => FailureDecision | undefined
  },
): EventHandler<N> {
  const what = `Event handler ${name}`
  const { events, handle, handleBatch, maxBatch, retry = {}, partitions, startFrom, init, onError } = definition
  assertPartName('Event handler', name)
  assertFold(what, { events })
  if ((typeof handle === 'function') === (typeof handleBatch === 'function'))
    throw new DefinitionError(`${what} needs handle: (event) => … or handleBatch: (events) => …, and not both.`)
  for (const [option, given] of Object.entries({ init, onError })) {
    if (given !== undefined && typeof given !== 'function') throw new DefinitionError(`${what}: ${option} must be a function.`)
  }
  if (maxBatch !== undefined && (!handleBatch || toCount(maxBatch as number, `maxBatch of event handler ${name}`) > mostTogether))
    throw new DefinitionError(`${what}: maxBatch is for handleBatch, and at most ${mostTogether}.`)
  assertRetry(retry, `event handler ${name}`)
  assertPartitions(what, partitions)
  assertStartFrom(what, startFrom)
  return { kind: 'handler', name, retry: {}, ...definition } as never
}

const strategies: readonly unknown[] = ['exponential', 'fixed', 'immediate', undefined]

/** Refuses counts and durations of 0 or less, and strategies that there are not. */
export function assertRetry({ attempts, backoff, maxBackoff, strategy }: RetryPolicy, owner: string): void {
  if (attempts !== undefined) toCount(attempts, `retry.attempts of ${owner}`)
  const shortest = backoff === undefined ? 0 : toMs(backoff, `retry.backoff of ${owner}`)
  if (maxBackoff !== undefined && toMs(maxBackoff, `retry.maxBackoff of ${owner}`) < shortest)
    throw new DefinitionError(`retry.maxBackoff of ${owner} must not be shorter than its backoff.`)
  if (!strategies.includes(strategy)) throw new DefinitionError(`retry.strategy of ${owner} must be 'exponential', 'fixed' or 'immediate'.`)
}
