/** createApp: puts the parts of an app together. A composition root without logic of its own. */
import type { AnyAggregate } from '../core/aggregate.ts'
import type { AnyCommand } from '../core/command.ts'
import { CommandRejectedError, DefinitionError } from '../core/errors.ts'
import type { HandlerContext } from '../core/event-handler.ts'
import type { EventStore, ListStreamsOptions } from '../core/event-store.ts'
import type { AnyProjection } from '../core/projection.ts'
import type { RecordedEvent } from '../core/recorded-event.ts'
import { assertTenant } from '../core/stream-name.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { App, AppOptions, CommandNames, ProjectionsIn } from './app.ts'
import { type CommandRequest, type Decider, type ExecutionPath, executeCommand, type Middleware } from './command/execute-command.ts'
import { executeSingle, type Session } from './command/single-execution.ts'
import { callsWithin, runTransaction, type TransactionOptions, unwrapTransaction } from './command/transactions.ts'
import { findCommand } from './definitions.ts'
import { describe } from './describe.ts'
import type { Engine } from './engine.ts'
import { type Lifecycle, makeLifecycle } from './lifecycle.ts'
import { makeEngine } from './make-engine.ts'
import type { SendFor } from './process/process-consumer.ts'
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
import type { RebuildOptions, Rebuilds, WhichProjection } from './rebuild/rebuilds.ts'
import { v8Heap } from './state/memory-pressure.ts'
import { snapshotsOf } from './state/snapshots.ts'
import { makeWarmAggregates, type WarmAggregates } from './state/warm-aggregates.ts'
import { aggregateStatistics, appStatistics } from './statistics.ts'
import type { DeadLetters } from './subscription/dead-letters.ts'
import { makeViewReader } from './view/view-reader.ts'
import { waitAfter } from './wait-after.ts'

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
  const patiently = async (way: ExecutionPath, request: CommandRequest, asking: any) => {
    const outcome = await executeCommand(way, request, asking)
    if (outcome.ok) await waitAfter(engine, request.command, outcome.receipt, asking)
    return outcome
  }
  const scope = { engine, tenant, middleware, warm }

  return {
    tenant,
    attempt: (request: CommandRequest, asking: any) => patiently(forAttempt, request, asking),
    async execute(request: CommandRequest, asking: any) {
      const outcome = await patiently(path, request, asking)
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
    subscriptions: {
      list: () =>
        during('subscriptions.list', async () => {
          const { subscriptionStatistics } = await import('./subscription/subscription-statistics.ts')
          return subscriptionStatistics(engine, lifecycle.subscriptions)
        }),
      ...rebuildsIn(parts),
    },
    deadLetters: deadLettersIn(parts, tenant),
    stats: (aggregate?: AnyAggregate, id?: string) =>
      during('stats', async () =>
        aggregate ? aggregateStatistics(engine, warm, tenant, aggregate, id as string) : appStatistics(engine, warm),
      ),
    describe: () => describe(engine),
    prepare: lifecycle.ready,
    idle: () => engine.background.idle(),
    start: () => lifecycle.start({ forEvent: (event) => handlerCalls(parts, event), send: sendFor(parts) }),
    settle: lifecycle.settle,
    stop: async ({ keepStore = false }: { readonly keepStore?: boolean } = {}) => lifecycle.stop(keepStore),
    [Symbol.asyncDispose]: async () => lifecycle.stop(false),
  }
}

/** What is called loads them: an app without dead letters has no need of them. */
function deadLettersIn({ engine, lifecycle }: Parts, tenant: string): DeadLetters {
  const through = <T>(what: string, call: (letters: DeadLetters) => Promise<T>) =>
    lifecycle.during(`deadLetters.${what}`, async () => {
      const { deadLettersOf } = await import('./subscription/dead-letters.ts')
      return call(deadLettersOf(engine, tenant, (subscription) => lifecycle.subscriptions?.poke(subscription)))
    })
  const calls = ['list', 'get', 'retry', 'edit', 'discard'] as const
  return Object.fromEntries(
    calls.map((call) => [call, (...given: readonly unknown[]) => through(call, (letters) => (letters[call] as any)(...given))]),
  ) as unknown as DeadLetters
}

/** Loaded when one of them is called. */
function rebuildsIn({ engine, lifecycle }: Parts): Rebuilds {
  const through = (call: keyof Rebuilds) => (which: WhichProjection, options?: RebuildOptions) =>
    lifecycle.during(`subscriptions.${call}`, async () => {
      const { rebuildsOf } = await import('./rebuild/rebuilds.ts')
      return rebuildsOf(engine, () => lifecycle.subscriptions, lifecycle.stopping)[call](which, options) as Promise<never>
    })
  return { rebuild: through('rebuild'), compare: through('compare') }
}

/** What a handler executes because of an event: in its tenant, with its correlation, and with the event as the cause. */
function handlerCalls(parts: Parts, { tenant, id, metadata }: RecordedEvent): Pick<HandlerContext, 'execute'> {
  return {
    execute(call, options) {
      const asking = { ...options, correlationId: metadata.correlationId, causationId: id }
      return makeApp(atWork(parts), tenant).execute(call as never, asking) as Promise<never>
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
    const path = { ...executionPath(atWorkParts, tenant), trusted: true }
    return executeCommand(path, { command, input }, { actor, ...options })
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
