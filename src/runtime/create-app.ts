/** createApp: puts the parts of an app together. A composition root without logic of its own. */
import type { AnyAggregate } from '../core/aggregate.ts'
import type { AnyCommand } from '../core/command.ts'
import { CommandRejectedError, DefinitionError } from '../core/errors.ts'
import type { HandlerContext } from '../core/event-handler.ts'
import type { EventStore, ListStreamsOptions } from '../core/event-store.ts'
import type { AnyProcessManager } from '../core/process-manager.ts'
import type { AnyProjection } from '../core/projection.ts'
import type { RecordedEvent } from '../core/recorded-event.ts'
import { assertTenant } from '../core/stream-name.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { App, AppOptions, CommandNames, ProjectionsIn } from './app.ts'
import { type CommandRequest, type Decider, type ExecutionPath, executeCommand, type Middleware } from './command/execute-command.ts'
import type { Session } from './command/single-execution.ts'
import type { TransactionOptions } from './command/transactions.ts'
import { callsWithin } from './command/within.ts'
import { findCommand } from './definitions.ts'
import { describe } from './describe.ts'
import type { Engine } from './engine.ts'
import { lazily } from './lazily.ts'
import { type Lifecycle, makeLifecycle } from './lifecycle.ts'
import { makeEngine } from './make-engine.ts'
import type { SendFor } from './process/command-queue.ts'
import type { ProcessInstances } from './process/process-instances.ts'
import {
  type EventsOptions,
  findStream,
  type HistoryOptions,
  type LoadOptions,
  listStreams,
  loadFor,
  readEvents,
  readHistory,
} from './read/reads.ts'
import type { SchedulesOf } from './schedule/schedules.ts'
import { snapshotsOf } from './state/snapshots.ts'
import { makeWarmAggregates, type WarmAggregates } from './state/warm-aggregates.ts'
import { aggregateStatistics, appStatistics } from './statistics.ts'
import type { DeadLetters } from './subscription/dead-letters.ts'
import type { SubscriptionCalls } from './subscription/operate.ts'
import { appendKept } from './view/append-kept.ts'
import type { Views } from './view/retire.ts'
import { makeViewReader } from './view/view-reader.ts'
import { waitAfter, waitBefore } from './wait-after.ts'

/**
 * Makes an app. Nothing is opened and nothing runs before its first use.
 *
 * @throws DefinitionError (`ES_DEFINITION`), UnsupportedError (`ES_UNSUPPORTED`) a mistake in what it is made of.
 * @example
 * const app = createApp({ store: sqlite('bank.db'), commands: [deposit, withdraw], projections: [balances] })
 * const receipt = await app.execute(deposit({ accountId: 'a', amount: 5 }), { actor })
 */
export function createApp<
  S extends EventStore,
  const M extends readonly AnyCommand[] | Readonly<Record<string, unknown>>,
  const P extends readonly (AnyProjection | TableProjection)[] | Readonly<Record<string, unknown>> = [],
>(options: AppOptions<S, M, P>): App<CommandNames<M>, ProjectionsIn<P>> {
  const engine = makeEngine(options as never)
  const warm = makeWarmAggregates(engine)
  const { telemetry } = options
  const trace = async () => {
    if (!telemetry) return () => {}
    const { startTracing } = await import('./tracing.ts')
    return startTracing(engine, telemetry, warm, () => lifecycle.subscriptions)
  }
  const lifecycle: Lifecycle = makeLifecycle(engine, () => warm.stop(), trace)
  return makeApp({ engine, warm, lifecycle, middleware: options.middleware ?? [] }, '') as never
}

interface Parts {
  readonly engine: Engine
  readonly warm: WarmAggregates
  readonly lifecycle: Lifecycle
  readonly middleware: readonly Middleware[]
}

/** One app in one tenant, its types erased; `createApp` gives them back. */
function makeApp(parts: Parts, tenant: string) {
  const { engine, warm, lifecycle, middleware } = parts
  const { during } = lifecycle
  const scope = { engine, tenant, middleware, warm, scheduled: () => lifecycle.scheduler?.poke() }
  const schedules = schedulesIn(parts, tenant)

  return {
    tenant,
    ...commandCalls(parts, tenant),
    load: (aggregate: AnyAggregate, id: string, options: LoadOptions = {}) =>
      during('load', () => loadFor(engine, warm, aggregate, tenant, id, options)),
    history: (aggregate: AnyAggregate, id: string, options: HistoryOptions = {}) =>
      readHistory(engine, tenant, aggregate, id, options, () => during('history', async () => {})),
    events(options: EventsOptions = {}) {
      // A live reader ends with the app. Another one must not end early as if that were all: the store refuses it.
      const signals = [...(options.signal ? [options.signal] : []), ...(options.live ? [lifecycle.stopping] : [])]
      const ending = signals.length > 0 ? { ...options, signal: AbortSignal.any(signals) } : options
      return readEvents(engine, tenant, ending, () => during('events', async () => {}))
    },
    view(projection: AnyProjection) {
      if (!engine.definitions.views.includes(projection)) {
        throw new DefinitionError(`Projection ${projection?.name} is not registered in this app: list it in the projections of createApp.`)
      }
      return makeViewReader(engine, projection, tenant, (read) => during('view', read))
    },
    streams: {
      list: (options: ListStreamsOptions = {}) => during('streams.list', () => listStreams(engine, tenant, options)),
      info: (stream: string) => during('streams.info', () => findStream(engine, tenant, stream)),
    },
    snapshots: (aggregate: AnyAggregate, id: string) => snapshotsOf(engine, aggregate, tenant, id, (call) => during('snapshots', call)),
    transaction: (work: (tx: never) => Promise<unknown>, options: TransactionOptions = {}) =>
      during('transaction', async () => (await import('./command/transactions.ts')).transact(scope, work as never, options)),
    within: (client: unknown) => callsWithin(scope, client, lifecycle.ready),
    forTenant(id: string): unknown {
      assertTenant(id)
      return makeApp(parts, id)
    },
    subscriptions: subscriptionsIn(parts),
    deadLetters: deadLettersIn(parts, tenant),
    schedule: schedules.schedule,
    schedules,
    process: (process: AnyProcessManager) => instancesIn(parts, tenant, process),
    views: lazily<Views>(lifecycle, 'views', ['retire'], async () => (await import('./view/retire.ts')).viewsOf(engine)),
    stats: (aggregate?: AnyAggregate, id?: string) =>
      during('stats', async () =>
        aggregate ? aggregateStatistics(engine, warm, tenant, aggregate, id as string) : appStatistics(engine, warm),
      ),
    describe: () => describe(engine),
    prepare: lifecycle.ready,
    idle: () => engine.background.idle(),
    start: () =>
      lifecycle.start({
        forEvent: (event) => handlerCalls(parts, event),
        send: sendFor(parts),
        execute: (of, request, asking) => executeCommand({ ...executionPath(atWork(parts), of), isKeptLong: true }, request, asking),
      }),
    settle: lifecycle.settle,
    stop: async ({ keepStore = false }: { readonly keepStore?: boolean } = {}) => lifecycle.stop(keepStore),
    [Symbol.asyncDispose]: async () => lifecycle.stop(false),
  }
}

/** Executes commands in one tenant, and waits for what follows the log where it is asked to. */
function commandCalls(parts: Parts, tenant: string) {
  const { engine, lifecycle } = parts
  const path = executionPath(parts, tenant)
  const forAttempt = { ...path, during: <T>(call: () => Promise<T>) => lifecycle.during('attempt', call) }
  const patiently = async (way: ExecutionPath, request: CommandRequest, asking: any) => {
    if (asking?.waitFor?.length) await waitBefore(engine, asking.waitFor)
    const outcome = await executeCommand(way, request, asking)
    if (outcome.ok) await waitAfter(engine, request.command, outcome.receipt, asking)
    return outcome
  }
  return {
    attempt: (request: CommandRequest, asking: any) => patiently(forAttempt, request, asking),
    async execute(request: CommandRequest, asking: any) {
      const outcome = await patiently(path, request, asking)
      if (!outcome.ok) throw new CommandRejectedError(request.command, outcome.rejection, outcome.duplicate)
      return outcome.receipt
    },
  }
}

const subscriptionsIn = ({ engine, lifecycle }: Parts): SubscriptionCalls =>
  lazily(lifecycle, 'subscriptions', ['list', 'pause', 'resume', 'rewind', 'audit', 'forgetHoles', 'rebuild', 'compare'], async () => {
    const { subscriptionCalls } = await import('./subscription/operate.ts')
    return subscriptionCalls(engine, () => lifecycle.subscriptions, lifecycle.stopping)
  })

const deadLettersIn = ({ engine, lifecycle }: Parts, tenant: string): DeadLetters =>
  lazily(lifecycle, 'deadLetters', ['list', 'get', 'retry', 'edit', 'discard'], async () => {
    const { deadLettersOf } = await import('./subscription/dead-letters.ts')
    return deadLettersOf(engine, tenant, pokeIn(lifecycle))
  })

function instancesIn({ engine, lifecycle }: Parts, tenant: string, process: AnyProcessManager): ProcessInstances {
  if (!engine.definitions.processes.includes(process)) {
    throw new DefinitionError(`Process manager ${process?.name} is not registered in this app: list it in the processes of createApp.`)
  }
  return lazily(lifecycle, 'process', ['list', 'get', 'timeline', 'retry', 'compensate', 'close'], async () => {
    const { processInstancesOf } = await import('./process/process-instances.ts')
    return processInstancesOf(engine, tenant, process, pokeIn(lifecycle))
  })
}

const schedulesIn = ({ engine, lifecycle }: Parts, tenant: string): SchedulesOf =>
  lazily(lifecycle, 'schedules', ['schedule', 'list', 'get', 'cancel', 'retry'], async () => {
    const { schedulesOf } = await import('./schedule/schedules.ts')
    return schedulesOf(engine, tenant, () => lifecycle.scheduler?.poke())
  })

const pokeIn = (lifecycle: Lifecycle) => (subscription: string) => lifecycle.subscriptions?.poke(subscription)

/** What a handler executes because of an event: in its tenant, with its correlation, and with the event as the cause. */
function handlerCalls(parts: Parts, { tenant, id, metadata }: RecordedEvent): Pick<HandlerContext, 'execute'> {
  return {
    execute(call, options) {
      const asking = { ...options, correlationId: metadata.correlationId, causationId: id }
      return commandCalls(atWork(parts), tenant).execute(call as never, asking) as Promise<never>
    },
  }
}

/** The parts for calls of what follows the log, which may come to an end while the app is stopping. */
function atWork(parts: Parts): Parts {
  return { ...parts, lifecycle: { ...parts.lifecycle, during: parts.lifecycle.duringWork } }
}

/** How processes send commands: trusted, as an actor of their own. */
function sendFor(parts: Parts): SendFor {
  const atWorkParts = atWork(parts)
  return (process, tenant, { command, input }, options) => {
    const { asker } = findCommand(parts.engine.definitions, command)
    const actor = asker.process?.(process) ?? { id: process, roles: ['process'] }
    const path = { ...executionPath(atWorkParts, tenant), trusted: true, isKeptLong: true }
    return executeCommand(path, { command, input }, { actor, ...options })
  }
}

let loadingSingle: Promise<typeof import('./command/single-execution.ts')> | undefined

/** Loaded by the first command without an aggregate: an app that has none has no need of it. */
function single(): Promise<typeof import('./command/single-execution.ts')> {
  loadingSingle ??= import('./command/single-execution.ts')
  return loadingSingle
}

/** The way of a command outside of transactions: an aggregate's to the worker of its stream, any other's by itself. */
function executionPath({ engine, warm, middleware, lifecycle }: Parts, tenant: string): ExecutionPath {
  const { store } = engine
  const session: Session = {
    append: async (request) => (await appendKept(engine.kept, store.views, [request], (marked) => store.append(marked)))[0] as never,
    readStream: store.readStream.bind(store),
    streamInfo: store.streamInfo.bind(store),
    remembered: store.remembered.bind(store),
    snapshots: store.snapshots,
    views: engine.views,
    log: store,
  }
  const decider: Decider = (execution, stream) => {
    const { boundary } = execution.command
    if (boundary.kind !== 'aggregate' || stream === undefined)
      return single().then(({ executeSingle }) => executeSingle(engine, session, execution))
    return warm.workerOf(boundary.aggregate, tenant, stream).run(execution)
  }
  return { engine, tenant, middleware, source: store, decider, during: (call) => lifecycle.during('execute', call) }
}
