/** From the definitions of an app to its subscriptions. */
import { toMs } from '../../core/duration.ts'
import type { AnyEventHandler } from '../../core/event-handler.ts'
import type { Consistency } from '../../core/projection.ts'
import type { Engine } from '../engine.ts'
import { processConsumer, type SendFor } from '../process/process-consumer.ts'
import { jitteredMs } from '../timeout.ts'
import { type CallsFor, handlerConsumer } from './handler-consumer.ts'
import { liveGeneration, projectionConsumer } from './projection-consumer.ts'
import type { ConsumerContext, Persistence, Subscription, SubscriptionKind } from './subscription.ts'
import { tableConsumer } from './table-consumer.ts'

/** The id of a subscription; parts of different kinds may have the same name. */
export const subscriptionId = (kind: SubscriptionKind, name: string): string => `${kind}:${name}`

/** How what follows the log executes commands. */
export interface Calls {
  readonly forEvent: CallsFor
  readonly send: SendFor
}

/** Everything in an app that follows the log, and what it follows; nothing of it can be run. */
export function followersOf({ definitions: { views, tables, handlers, processes } }: Pick<Engine, 'definitions'>): readonly Follower[] {
  return [
    ...[...views, ...tables].filter(isAsync).map((part) => followerOf('projection', part)),
    ...handlers.map((part) => followerOf('handler', part)),
    ...processes.map((part) => followerOf('process', part)),
  ]
}

/** The same, to be run. */
export function subscriptionsOf(engine: Engine, calls: Calls): readonly Subscription[] {
  const { definitions, store, settings, clock } = engine
  const patient = persistenceOf(settings.retry, engine)
  return [
    ...definitions.views.filter(isAsync).map((view) => ({
      ...followerOf('projection', view),
      persistence: patient,
      consumer: () => projectionConsumer(view, store.views, () => liveGeneration(store.views, view.name)),
    })),
    ...definitions.tables.filter(isAsync).map((table) => ({
      ...followerOf('projection', table),
      persistence: patient,
      consumer: () => tableConsumer(table),
    })),
    ...definitions.handlers.map((handler) => ({
      ...followerOf('handler', handler),
      persistence: persistenceOf({ ...settings.retry, ...handler.retry }, engine),
      consumer: ({ stopping }: ConsumerContext) => handlerConsumer(handler, calls.forEvent, stopping, engine),
    })),
    ...definitions.processes.map((process) => {
      const follower = followerOf('process', process)
      const ports = { store, clock, persistence: patient, send: calls.send, tell: engine.tell }
      const consumer = (context: ConsumerContext) => processConsumer(process, follower.id, ports, context)
      return { ...follower, persistence: patient, consumer }
    }),
  ]
}

type Follower = Omit<Subscription, 'persistence' | 'consumer' | 'kind'> & { readonly kind: SubscriptionKind }

const isAsync = ({ consistency }: { readonly consistency: Consistency }): boolean => consistency === 'async'

function followerOf(
  kind: SubscriptionKind,
  {
    name,
    events,
    partitions = 1,
  }: { readonly name: string; readonly events: readonly { readonly type: string }[]; readonly partitions?: number },
): Follower {
  return { id: subscriptionId(kind, name), kind, name, types: new Set(events.map(({ type }) => type)), partitions }
}

/** Pauses double from the policy's backoff up to 30 seconds, half of each by chance. */
function persistenceOf(
  { attempts, backoff, whenExhausted }: Required<AnyEventHandler['retry']>,
  { random, settings }: Engine,
): Persistence {
  const baseMs = toMs(backoff, 'retry.backoff')
  return {
    attempts,
    whenExhausted,
    pauseMs: (attempt) => {
      if (settings.retryAtOnce) return 0
      const longest = Math.min(longestPauseMs, baseMs * 2 ** (attempt - 2))
      return longest / 2 + jitteredMs(1, longest / 2, longest / 2, random)
    },
  }
}

const longestPauseMs = 30_000
