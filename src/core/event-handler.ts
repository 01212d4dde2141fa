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

/** How often a failing event is tried, and what then. */
export interface RetryPolicy {
  /** Default 5. */
  readonly attempts?: number
  /** The wait before the second attempt; doubled from there, with jitter. Default 100 milliseconds. */
  readonly backoff?: Duration
  /** Default `'dead-letter'`. */
  readonly whenExhausted?: 'dead-letter' | 'stop'
}

/** What a handler is given beside the event. */
export interface HandlerContext {
  /** 1 on the first delivery. */
  readonly attempt: number
  /** Aborted when the runtime stops. */
  readonly signal: AbortSignal
  /**
   * Executes a command because of the event: in its tenant, with its correlation id, and with the event as the cause.
   *
   * @throws CommandRejectedError (`ES_REJECTED`) the domain said no; and what `app.execute` throws.
   */
  execute<E, X extends Rejection>(
    call: CommandCall<string, E, X>,
    options: {
      readonly actor: unknown
      readonly context?: unknown
      readonly metadata?: Readonly<Record<string, unknown>>
      /** An event may be handled more than once; with a key, made of `event.id`, the command is executed once. */
      readonly idempotencyKey?: string
    },
  ): Promise<Receipt<E>>
}

/** A side effect per event. */
export interface EventHandler<N extends string = string> {
  readonly kind: 'handler'
  readonly name: N
  readonly events: readonly AnyEventType[]
  readonly retry: RetryPolicy
  readonly partitions?: number
  readonly startFrom?: StartFrom
  readonly handle: (event: any, context: HandlerContext) => MaybePromise<void>
}

/** Any event handler. */
export type AnyEventHandler = EventHandler<string>

/**
 * Defines an event handler. Delivery is at least once, in order per stream: make it idempotent by `event.id`.
 *
 * @throws DefinitionError (`ES_DEFINITION`) attempts or backoff of 0 or less.
 */
export function eventHandler<const N extends string, ET extends AnyEventType>(
  name: N,
  definition: {
    readonly events: readonly ET[]
    readonly retry?: RetryPolicy
    /** How many streams can be handled at the same time, by one process or by several; 1–64, default 1. */
    readonly partitions?: number
    /** Where it begins when it was never started before; later it goes on where it was. Default `'beginning'`. */
    readonly startFrom?: StartFrom
    readonly handle: (event: RecordedEvent<EventOf<ET>>, context: HandlerContext) => MaybePromise<void>
  },
): EventHandler<N> {
  assertPartName('Event handler', name)
  assertFold(`Event handler ${name}`, { events: definition.events })
  if (typeof definition.handle !== 'function') throw new DefinitionError(`Event handler ${name} needs handle: (event) => ….`)
  assertRetry(definition.retry ?? {}, `event handler ${name}`)
  assertPartitions(`Event handler ${name}`, definition.partitions)
  assertStartFrom(`Event handler ${name}`, definition.startFrom)
  return { kind: 'handler', name, retry: {}, ...definition } as never
}

/** Refuses counts and durations of 0 or less. */
export function assertRetry(retry: RetryPolicy, owner: string): void {
  if (retry.attempts !== undefined) toCount(retry.attempts, `retry.attempts of ${owner}`)
  if (retry.backoff !== undefined) toMs(retry.backoff, `retry.backoff of ${owner}`)
}
