/** createApp: puts the parts of an app together. A composition root without logic of its own. */
import type { AnyAggregate } from '../core/aggregate.ts'
import type { AnyCommand } from '../core/command.ts'
import { CommandRejectedError, DefinitionError, StoppedError, UnsupportedError, ValidationError } from '../core/errors.ts'
import type { EventStore, ListStreamsOptions } from '../core/event-store.ts'
import type { AnyProjection } from '../core/projection.ts'
import { streamName } from '../core/stream-name.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { App, AppOptions, CommandNames, ProjectionsIn } from './app.ts'
import { makeBackground } from './background.ts'
import { gatherDefinitions, type ListOrModule } from './definitions.ts'
import { type Engine, tellAll } from './engine.ts'
import { type CommandRequest, executeCommand, type Middleware } from './execute-command.ts'
import { v8Heap } from './memory-pressure.ts'
import { prepareStore } from './prepare-store.ts'
import {
  type EventsOptions,
  findStream,
  type HistoryOptions,
  type LoadOptions,
  listStreams,
  loadFor,
  readEvents,
  readHistory,
} from './reads.ts'
import { toSettings } from './settings.ts'
import { executeSingle, type Session } from './single-execution.ts'
import { snapshotsOf } from './snapshots.ts'
import { stateCodecOf } from './state-codec.ts'
import { type AggregateStatistics, type AppStatistics, makeCounters } from './statistics.ts'
import { systemClock, systemIds } from './system.ts'
import { makeTransactionalViews } from './transactional-views.ts'
import { assertOutside, callsWithin, runTransaction, type TransactionOptions, unwrapTransaction } from './transactions.ts'
import { makeViewReader } from './view-reader.ts'
import { makeWarmAggregates, type WarmAggregates } from './warm-aggregates.ts'

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
  const warm = makeWarmAggregates(engine, options.heap ?? v8Heap)
  return makeApp({ engine, warm, middleware: options.middleware ?? [], lifecycle: makeLifecycle(engine, warm) }, '') as never
}

interface Parts {
  readonly engine: Engine
  readonly warm: WarmAggregates
  readonly middleware: readonly Middleware[]
  readonly lifecycle: Lifecycle
}

interface Lifecycle {
  /** Settles when the store is prepared; throws when the app is stopped. */
  ready(): Promise<void>
  stop(keepStore: boolean): Promise<void>
}

type AnyOptions = AppOptions<EventStore, ListOrModule<AnyCommand>, ListOrModule<any>>

function makeEngine(options: AnyOptions): Engine {
  const { store, authorize, validate, clock = systemClock, nodeId, observer = [], random = Math.random } = options
  if (typeof store?.append !== 'function') throw new DefinitionError('createApp needs a store, e.g. memory() or sqlite(file).')
  if (nodeId !== undefined && !(Number.isInteger(nodeId) && nodeId >= 0 && nodeId <= 0xffff_ffff)) {
    throw new DefinitionError(`nodeId is a whole number of 32 bits, not ${nodeId}.`)
  }
  const definitions = gatherDefinitions({ ...options, projections: options.projections as never }, store)
  const settings = toSettings(options.defaults ?? {})
  if (options.requireAuthorize && !authorize) {
    const open = [...definitions.commands.values()].filter((command) => !command.authorize).map(({ command }) => command)
    if (open.length > 0)
      throw new DefinitionError(`requireAuthorize: these commands have no authorize, and createApp has none either: ${open.join(', ')}.`)
  }
  return {
    store,
    definitions,
    settings,
    clock,
    ids: options.ids ?? systemIds(() => clock.now(), nodeId),
    random,
    tell: tellAll(typeof observer === 'function' ? [observer] : observer),
    counters: makeCounters(),
    background: makeBackground(),
    views: makeTransactionalViews(definitions.views, definitions.tables, store.views, settings.warmRows),
    fallbacks: { authorize, validate },
  }
}

function makeLifecycle(engine: Engine, warm: WarmAggregates): Lifecycle {
  let prepared: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  return {
    async ready() {
      if (stopped) throw new StoppedError('The app')
      prepared ??= prepareStore(engine)
      try {
        await prepared
      } catch (error) {
        prepared = undefined // what was wrong may be put right: the next use tries again
        throw error
      }
    },
    stop(keepStore) {
      stopped ??= (async () => {
        await warm.stop()
        await engine.background.idle()
        if (!keepStore) await engine.store.close()
      })()
      return stopped
    },
  }
}

/** One app in one tenant, its types erased; `createApp` gives them back. */
function makeApp(parts: Parts, tenant: string) {
  const { engine, warm, middleware, lifecycle } = parts
  const { store } = engine
  const session: Session = {
    append: async (request) => (await store.append([request]))[0] as never,
    readStream: store.readStream.bind(store),
    streamInfo: store.streamInfo.bind(store),
    snapshots: store.snapshots,
    views: engine.views,
    log: store,
  }
  const path = {
    engine,
    tenant,
    middleware,
    source: store,
    decider: (execution: Parameters<typeof executeSingle>[2], stream: string | undefined) => {
      const { boundary } = execution.command
      if (boundary.kind !== 'aggregate' || stream === undefined) return executeSingle(engine, session, execution)
      return warm.workerOf(boundary.aggregate, tenant, stream).run(execution)
    },
  }
  const scope = { engine, tenant, middleware, warm }
  const attempt = async (request: CommandRequest, asking: any) => {
    assertOutside(engine, 'attempt')
    await lifecycle.ready()
    return executeCommand(path, request, asking)
  }

  return {
    tenant,
    attempt,
    async execute(request: CommandRequest, asking: any) {
      assertOutside(engine, 'execute')
      await lifecycle.ready()
      const outcome = await executeCommand(path, request, asking)
      if (!outcome.ok) throw new CommandRejectedError(request.command, outcome.rejection, outcome.duplicate)
      return outcome.receipt
    },
    async load(aggregate: AnyAggregate, id: string, options: LoadOptions = {}) {
      assertOutside(engine, 'load')
      await lifecycle.ready()
      return loadFor(engine, warm, aggregate, tenant, id, options)
    },
    async *history(aggregate: AnyAggregate, id: string, options: HistoryOptions = {}) {
      await lifecycle.ready()
      yield* readHistory(engine, tenant, streamName(aggregate.name, id), options)
    },
    async *events(options: EventsOptions = {}) {
      await lifecycle.ready()
      yield* readEvents(engine, tenant, options)
    },
    view(projection: AnyProjection) {
      if (!engine.definitions.views.includes(projection)) {
        throw new DefinitionError(`Projection ${projection?.name} is not registered in this app: list it in the projections of createApp.`)
      }
      return makeViewReader(store.views, projection, tenant, lifecycle.ready)
    },
    streams: {
      list: async (options: ListStreamsOptions = {}) => lifecycle.ready().then(() => listStreams(engine, tenant, options)),
      info: async (stream: string) => lifecycle.ready().then(() => findStream(engine, tenant, stream)),
    },
    snapshots: (aggregate: AnyAggregate, id: string) => snapshotsOf(engine, aggregate, tenant, id),
    async transaction(work: (tx: never) => Promise<unknown>, options: TransactionOptions = {}) {
      assertOutside(engine, 'transaction')
      await lifecycle.ready()
      return unwrapTransaction(await runTransaction(scope, work as never, options))
    },
    within: (client: unknown) => callsWithin(scope, client, lifecycle.ready),
    forTenant(id: string): unknown {
      if (typeof id !== 'string' || id.length > 255) throw new ValidationError('tenant', ['it must be text of at most 255 characters'])
      return makeApp(parts, id)
    },
    async stats(aggregate?: AnyAggregate, id?: string) {
      await lifecycle.ready()
      return aggregate ? aggregateStatistics(parts, tenant, aggregate, id as string) : appStatistics(parts)
    },
    prepare: lifecycle.ready,
    idle: () => engine.background.idle(),
    async start() {
      await lifecycle.ready()
      const waiting = engine.definitions.asynchronous
      if (waiting.length === 0) return
      throw new UnsupportedError(
        `start() would run ${waiting.join(', ')}, but the engine for async projections, handlers and processes is not part of this version yet. Commands and transactional projections work without it.`,
      )
    },
    stop: ({ keepStore = false }: { readonly keepStore?: boolean } = {}) => lifecycle.stop(keepStore),
    [Symbol.asyncDispose]: () => lifecycle.stop(false),
  }
}

async function appStatistics({ engine, warm }: Parts): Promise<AppStatistics> {
  const { accepted, empty, rejected, failed, duplicates, conflicts, events, loads, snapshotsSaved, snapshotsLoaded } = engine.counters
  return {
    commands: { accepted, empty, rejected, failed, duplicates, conflicts },
    events: { appended: events, head: await engine.store.head() },
    aggregates: { ...warm.count(), loads },
    snapshots: { saved: snapshotsSaved, loaded: snapshotsLoaded },
    memory: { level: warm.memory.level, warmRows: engine.views.warmRows },
  }
}

async function aggregateStatistics(
  { engine, warm }: Parts,
  tenant: string,
  aggregate: AnyAggregate,
  id: string,
): Promise<AggregateStatistics> {
  const stream = streamName(aggregate.name, id)
  const version = (await engine.store.streamInfo(stream, tenant))?.version ?? 0
  const snapshot = await engine.store.snapshots.latest(tenant, stream, stateCodecOf(aggregate).fingerprint)
  return {
    stream,
    exists: version > 0,
    events: version,
    version,
    hasSnapshot: snapshot !== undefined,
    snapshotVersion: snapshot?.version,
    state: warm.stateOf(tenant, stream),
  }
}
