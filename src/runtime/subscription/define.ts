/** From the definitions of an app to its subscriptions. */
import type { Consistency } from '../../core/projection.ts'
import type { StartFrom } from '../../core/start-from.ts'
import { withdrawWith } from '../command/withdraw-command.ts'
import type { Engine } from '../engine.ts'
import type { SendFor } from '../process/command-queue.ts'
import { processConsumer } from '../process/process-consumer.ts'
import type { ExecuteFor } from '../schedule/run-schedule.ts'
import { type CallsFor, handlerConsumer } from './handler-consumer.ts'
import { persistenceOf, persistenceOfHandler } from './persistence.ts'
import { liveGeneration, projectionConsumer } from './projection-consumer.ts'
import { readModelConsumer } from './read-model-consumer.ts'
import type { ConsumerContext, Subscription, SubscriptionKind } from './subscription.ts'
import { tableConsumer } from './table-consumer.ts'

/** The id of a subscription; parts of different kinds may have the same name. */
export const subscriptionId = (kind: SubscriptionKind, name: string): string => `${kind}:${name}`

/** How what follows the log executes commands. */
export interface Calls {
  readonly forEvent: CallsFor
  readonly send: SendFor
  readonly execute: ExecuteFor
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
      consumer: ({ slots }: ConsumerContext) =>
        view.readModel
          ? readModelConsumer(view, view.readModel, slots)
          : projectionConsumer(view, store.views, () => liveGeneration(store.views, view.name)),
    })),
    ...definitions.tables.filter(isAsync).map((table) => ({
      ...followerOf('projection', table),
      persistence: patient,
      consumer: () => tableConsumer(table),
    })),
    ...definitions.handlers.map((handler) => ({
      ...followerOf('handler', handler),
      persistence: persistenceOfHandler(handler, engine),
      consumer: (context: ConsumerContext) => handlerConsumer(handler, calls.forEvent, context, engine),
    })),
    ...definitions.processes.map((process) => {
      const follower = followerOf('process', process)
      const { tell, tracing } = engine
      const ports = { store, clock, persistence: patient, send: calls.send, withdraw: withdrawWith(engine), tell, tracing }
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
    startFrom = 'beginning',
  }: {
    readonly name: string
    readonly events: readonly { readonly type: string }[]
    readonly partitions?: number
    readonly startFrom?: StartFrom
  },
): Follower {
  return { id: subscriptionId(kind, name), kind, name, types: new Set(events.map(({ type }) => type)), partitions, startFrom }
}
