/** createApp: puts the parts of an app together. A composition root without logic of its own. */
import type { AnyAggregate } from '../core/aggregate.ts'
import type { AnyCommand } from '../core/command.ts'
import { CommandRejectedError, DefinitionError, UnsupportedError } from '../core/errors.ts'
import type { EventStore, ListStreamsOptions } from '../core/event-store.ts'
import type { AnyProjection } from '../core/projection.ts'
import { assertTenant } from '../core/stream-name.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { App, AppOptions, CommandNames, ProjectionsIn } from './app.ts'
import { type CommandRequest, type Decider, type ExecutionPath, executeCommand, type Middleware } from './command/execute-command.ts'
import { executeSingle, type Session } from './command/single-execution.ts'
import { callsWithin, runTransaction, type TransactionOptions, unwrapTransaction } from './command/transactions.ts'
import { describe } from './describe.ts'
import type { Engine } from './engine.ts'
import { type Lifecycle, makeLifecycle } from './lifecycle.ts'
import { makeEngine } from './make-engine.ts'
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
import { v8Heap } from './state/memory-pressure.ts'
import { snapshotsOf } from './state/snapshots.ts'
import { makeWarmAggregates, type WarmAggregates } from './state/warm-aggregates.ts'
import { aggregateStatistics, appStatistics } from './statistics.ts'
import { makeViewReader } from './view/view-reader.ts'

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
  const lifecycle = makeLifecycle(engine, () => warm.stop())
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
  const path = executionPath(parts, tenant)
  const forAttempt = { ...path, during: <T>(call: () => Promise<T>) => during('attempt', call) }
  const scope = { engine, tenant, middleware, warm }

  return {
    tenant,
    attempt: (request: CommandRequest, asking: any) => executeCommand(forAttempt, request, asking),
    async execute(request: CommandRequest, asking: any) {
      const outcome = await executeCommand(path, request, asking)
      if (!outcome.ok) throw new CommandRejectedError(request.command, outcome.rejection, outcome.duplicate)
      return outcome.receipt
    },
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
      during('transaction', async () => unwrapTransaction(await runTransaction(scope, work as never, options))),
    within: (client: unknown) => callsWithin(scope, client, lifecycle.ready),
    forTenant(id: string): unknown {
      assertTenant(id)
      return makeApp(parts, id)
    },
    stats: (aggregate?: AnyAggregate, id?: string) =>
      during('stats', async () =>
        aggregate ? aggregateStatistics(engine, warm, tenant, aggregate, id as string) : appStatistics(engine, warm),
      ),
    describe: () => describe(engine),
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
    stop: async ({ keepStore = false }: { readonly keepStore?: boolean } = {}) => lifecycle.stop(keepStore),
    [Symbol.asyncDispose]: async () => lifecycle.stop(false),
  }
}

/** The way of a command outside of transactions: an aggregate's to the worker of its stream, any other's by itself. */
function executionPath({ engine, warm, middleware, lifecycle }: Parts, tenant: string): ExecutionPath {
  const { store } = engine
  const session: Session = {
    append: async (request) => (await store.append([request]))[0] as never,
    readStream: store.readStream.bind(store),
    streamInfo: store.streamInfo.bind(store),
    remembered: store.remembered.bind(store),
    snapshots: store.snapshots,
    views: engine.views,
    log: store,
  }
  const decider: Decider = (execution, stream) => {
    const { boundary } = execution.command
    if (boundary.kind !== 'aggregate' || stream === undefined) return executeSingle(engine, session, execution)
    return warm.workerOf(boundary.aggregate, tenant, stream).run(execution)
  }
  return { engine, tenant, middleware, source: store, decider, during: (call) => lifecycle.during('execute', call) }
}
