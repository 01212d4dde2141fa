/** The app as its callers see it: types only. */
import type { AnyAggregate, EventsOf, StateOf } from '../core/aggregate.ts'
import type { Clock } from '../core/clock.ts'
import type { AnyCommand, CommandCall } from '../core/command.ts'
import type { AnyEventType, DomainEvent, EventOf } from '../core/event.ts'
import type { AnyEventHandler } from '../core/event-handler.ts'
import type { EventStore, ListStreamsOptions } from '../core/event-store.ts'
import type { IdSource } from '../core/ids.ts'
import type { Observer } from '../core/observer.ts'
import type { Outcome, Receipt, TransactionReceipt } from '../core/outcome.ts'
import type { AnyProcessManager, ProcessManager } from '../core/process-manager.ts'
import type { AnyProjection, IndexesOf, Projection, ViewOf } from '../core/projection.ts'
import type { RecordedEvent } from '../core/recorded-event.ts'
import type { Rejection } from '../core/rejection.ts'
import type { SqlValue } from '../core/sql.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { TypeProblem } from '../core/type-problem.ts'
import type { CommandRequest, ExecuteOptions, Middleware } from './command/execute-command.ts'
import type { TransactionOptions, TransactionOutcome } from './command/transactions.ts'
import type { ListOrModule } from './definitions.ts'
import type { AppDescription } from './describe.ts'
import type { Fallbacks } from './engine.ts'
import type { ProcessInstances } from './process/process-instances.ts'
import type { EventsOptions, HistoryOptions, Loaded, LoadOptions, StreamSummary } from './read/reads.ts'
import type { ScheduleOptions } from './schedule/make-schedule.ts'
import type { ScheduledCommand, Schedules } from './schedule/schedules.ts'
import type { Defaults } from './settings.ts'
import type { HeapProbe, MemoryPressureChange } from './state/memory-pressure.ts'
import type { Snapshots } from './state/snapshots.ts'
import type { AggregateStatistics, AppStatistics } from './statistics.ts'
import type { DeadLetters } from './subscription/dead-letters.ts'
import type { SubscriptionCalls } from './subscription/operate.ts'
import type { Views } from './view/retire.ts'
import type { ViewReader } from './view/view-reader.ts'

/** `unknown` unless the compiler knows that the store cannot run the projection; then a type whose text is the reason. */
type Supported<S extends EventStore, P> = P extends TableProjection
  ? S['capabilities']['sql'] extends false
    ? TypeProblem<'This store runs no SQL: keep a view with projection(), or choose another store.'>
    : unknown
  : S['capabilities']['transactions'] extends false
    ? P extends Projection<string, any, 'transactional', any>
      ? TypeProblem<'This store has no transactions: make the projection async or choose another store.'>
      : unknown
    : unknown

/** The names of the commands in a list or in a module. */
export type CommandNames<M> = M extends readonly (infer C extends AnyCommand)[]
  ? C['command']
  : { [K in keyof M]: M[K] extends AnyCommand ? M[K]['command'] : never }[keyof M]
/** The projections in a list or in a module. */
export type ProjectionsIn<M> = M extends readonly (infer P)[] ? Extract<P, AnyProjection> : Extract<M[keyof M], AnyProjection>

/** Who asks, and what comes along where the command has bound its type. */
export type AskingFor<Who, Values> = { readonly actor: NoInfer<Who> } & (Readonly<Record<string, unknown>> extends Values
  ? { readonly context?: Readonly<Record<string, unknown>> }
  : { readonly context: NoInfer<Values> })

/** The calls that an app, a transaction, and a caller's own transaction have in common; `N` is the union of command names. */
export interface Executor<N extends string> {
  /**
   * Runs parse → authorize → validate → load → decide → append → transactional projections.
   *
   * @returns a receipt; everything in it is durable.
   * @throws CommandRejectedError (`ES_REJECTED`) the domain said no; ForbiddenError, ValidationError, ConcurrencyError,
   *         IdempotencyMismatchError, ProjectionFailedError, TimedOutError, StoreUnavailableError; what `decide` throws.
   */
  execute<E, X extends Rejection, Who, Values>(
    call: CommandCall<N, E, X, Who, Values>,
    options: ExecuteOptions & AskingFor<Who, Values>,
  ): Promise<Receipt<E>>
  /** The same for plain data: the input is parsed by the command's schema. @throws UnknownCommandError with a suggestion. */
  execute(request: CommandRequest, options: ExecuteOptions & { readonly actor: unknown; readonly context?: unknown }): Promise<Receipt>
  /** The same, with a "no" as a value, typed by the command's own rejection codes. */
  attempt<E, X extends Rejection, Who, Values>(
    call: CommandCall<N, E, X, Who, Values>,
    options: ExecuteOptions & AskingFor<Who, Values>,
  ): Promise<Outcome<E, X>>
  attempt(
    request: CommandRequest,
    options: ExecuteOptions & { readonly actor: unknown; readonly context?: unknown },
  ): Promise<Outcome<DomainEvent, Rejection>>
}

/** Inside a transaction. Receipts have no position: nothing is committed yet. */
export interface Transaction<N extends string> {
  execute<E, X extends Rejection, Who, Values>(
    call: CommandCall<N, E, X, Who, Values>,
    options: ExecuteOptions & AskingFor<Who, Values>,
  ): Promise<TransactionReceipt<E>>
  execute(
    request: CommandRequest,
    options: ExecuteOptions & { readonly actor: unknown; readonly context?: unknown },
  ): Promise<TransactionReceipt>
  attempt<E, X extends Rejection, Who, Values>(
    call: CommandCall<N, E, X, Who, Values>,
    options: ExecuteOptions & AskingFor<Who, Values>,
  ): Promise<Outcome<E, X, TransactionReceipt<E>>>
  attempt(
    request: CommandRequest,
    options: ExecuteOptions & { readonly actor: unknown; readonly context?: unknown },
  ): Promise<Outcome<DomainEvent, Rejection, TransactionReceipt>>
  /** The state as this transaction sees it, its own writes included. */
  load<A extends AnyAggregate>(aggregate: A, id: string): Promise<Loaded<StateOf<A>>>
  /**
   * Executes a command later, as `app.schedule` does, if this transaction commits. Under an id of its own: the transaction makes it once.
   *
   * @throws ValidationError (`ES_VALIDATION`), SerializationError (`ES_SERIALIZATION`), UnknownCommandError (`ES_UNKNOWN_COMMAND`)
   */
  schedule<E, X extends Rejection, Who, Values>(
    call: CommandCall<N, E, X, Who, Values>,
    options: ScheduleOptions & AskingFor<Who, Values> & { readonly id?: never },
  ): Promise<ScheduledCommand>
  schedule(
    request: CommandRequest,
    options: ScheduleOptions & { readonly actor: unknown; readonly context?: unknown; readonly id?: never },
  ): Promise<ScheduledCommand>
  /** Your own rows in the same commit; needs a store with `sql`. */
  sql(parts: TemplateStringsArray, ...values: readonly SqlValue[]): Promise<readonly Record<string, unknown>[]>
}

/** A running app. */
export interface App<N extends string, P extends AnyProjection = AnyProjection> extends Executor<N> {
  /** An aggregate now, confirmed against the store; as of a version or a time; or whatever is warm. */
  load<A extends AnyAggregate>(aggregate: A, id: string, options?: LoadOptions): Promise<Loaded<StateOf<A>>>
  /** The events of one aggregate, typed, upcast. */
  history<A extends AnyAggregate>(aggregate: A, id: string, options?: HistoryOptions): AsyncIterable<RecordedEvent<EventsOf<A>>>
  /** The rows of a registered projection. */
  view<Q extends P>(projection: Q): ViewReader<ViewOf<Q>, IndexesOf<Q>>
  /** What can be done with the views of the store: forget one that no build has any more. */
  readonly views: Views
  /** The log as a pull stream: with back-pressure, from any position, live if you like. */
  events<const ET extends AnyEventType | string = AnyEventType | string>(
    options?: EventsOptions<ET>,
  ): AsyncIterable<ET extends AnyEventType ? RecordedEvent<EventOf<ET>> : RecordedEvent>
  readonly streams: {
    list(options?: Omit<ListStreamsOptions, 'tenant'>): Promise<readonly StreamSummary[]>
    info(stream: string): Promise<StreamSummary | undefined>
  }
  /** Snapshots of one aggregate, by hand. */
  snapshots(aggregate: AnyAggregate, id: string): Snapshots
  /** Several commands, and your own rows, in one commit. */
  transaction<T>(
    work: (tx: Transaction<N>) => Promise<T>,
    options: TransactionOptions & { readonly idempotencyKey: string },
  ): Promise<TransactionOutcome<T>>
  transaction<T>(work: (tx: Transaction<N>) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Inside a transaction that you have opened on your own client, e.g. another handle on the same SQLite file. */
  within(client: unknown): Transaction<N>
  /** The same app in an isolated world: streams, views, keys. `''` is the default one. */
  forTenant(tenant: string): App<N, P>
  readonly tenant: string
  /** Async projections, handlers and processes: how far they are, and what they are to do. */
  readonly subscriptions: SubscriptionCalls
  /** Events that could not be handled. */
  readonly deadLetters: DeadLetters
  /**
   * Executes a command later, once, or again and again: by whichever process is started then.
   *
   * What is scheduled is durable when it resolves. The command is executed once for each due time, also when several processes are there,
   * or one of them dies; `authorize` is asked then, with the actor that is given now. Input, actor and context must be JSON.
   *
   * @throws ValidationError (`ES_VALIDATION`), SerializationError (`ES_SERIALIZATION`), UnknownCommandError (`ES_UNKNOWN_COMMAND`);
   *         IdempotencyMismatchError (`ES_IDEMPOTENCY_MISMATCH`) the id is that of another schedule.
   * @example
   * await app.schedule(chargeFees({}), { every: { days: 1 }, at: new Date('2030-01-01T03:00Z'), actor: robot, id: 'fees' })
   */
  schedule<E, X extends Rejection, Who, Values>(
    call: CommandCall<N, E, X, Who, Values>,
    options: ScheduleOptions & AskingFor<Who, Values>,
  ): Promise<ScheduledCommand & { cancel(): Promise<boolean> }>
  schedule(
    request: CommandRequest,
    options: ScheduleOptions & { readonly actor: unknown; readonly context?: unknown },
  ): Promise<ScheduledCommand & { cancel(): Promise<boolean> }>
  /** What is scheduled in this tenant; `list` of the default tenant shows all. */
  readonly schedules: Schedules
  /** The instances of a registered process manager: look at them, and act on them. */
  process<S>(process: ProcessManager<string, S>): ProcessInstances<S>
  stats(): Promise<AppStatistics>
  stats(aggregate: AnyAggregate, id: string): Promise<AggregateStatistics>
  /** What the app is made of, as plain data. */
  describe(): AppDescription
  /** Prepares the store now instead of at the first use: schema, views. */
  prepare(): Promise<void>
  /** Settles when nothing runs in the background any more, e.g. a snapshot. */
  idle(): Promise<void>
  /**
   * Runs async projections, handlers and processes, and fires schedules, until `stop`. Any number of processes may do so: they share the work.
   *
   * @throws what `prepare` throws. Whatever fails later is tried again, and shown by `subscriptions.list`.
   */
  start(): Promise<void>
  /** Waits for what runs, then closes the store, which closes only what it opened itself. Calls after that end in StoppedError. */
  stop(options?: { readonly keepStore?: boolean }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What an app is made of. */
export interface AppOptions<S extends EventStore, M, P> {
  readonly store: S
  /** A list, or a module: `import * as commands from './commands.ts'`. */
  readonly commands: M
  readonly projections?: { readonly [I in keyof P]: P[I] & Supported<S, P[I]> }
  readonly processes?: ListOrModule<AnyProcessManager>
  readonly handlers?: ListOrModule<AnyEventHandler>
  /** Event types that no other part lists, so that they can be read back. */
  readonly events?: ListOrModule<AnyEventType>
  /** Around every command, the first one outermost. */
  readonly middleware?: readonly Middleware[]
  /** For commands without their own `authorize`; its context has the command's name. */
  readonly authorize?: NonNullable<Fallbacks['authorize']>
  /** For commands without their own `validate`. */
  readonly validate?: NonNullable<Fallbacks['validate']>
  /** A command without any `authorize` is an error at start. Default false. */
  readonly requireAuthorize?: boolean
  /** Watches everything; see docs/telemetry.md. */
  readonly observer?: Observer | readonly Observer[]
  /** Traces and metrics, e.g. `openTelemetry()` from `dacapo/telemetry`. */
  readonly telemetry?: Telemetry
  readonly defaults?: Defaults
  /** Default: the system's. */
  readonly clock?: Clock
  /** Default: UUIDv7 from a hybrid logical clock. */
  readonly ids?: IdSource
  /** 32 bits that event ids carry, to tell which process made them. Default: random bits instead. */
  readonly nodeId?: number
  /** A number from 0 to 1, for jitter and samples. Default: Math.random. */
  readonly random?: () => number
  /** How full the heap is. Default: V8's own numbers. */
  readonly heap?: HeapProbe
  /**
   * Told when the heap gets full, and when it is not any more: only when the level changes, from the first use of the app on. Thresholds are
   * `defaults.memory`. Dacapo itself lets warm state go sooner then, and keeps less of the log for those who follow it.
   */
  readonly onMemoryPressure?: (change: MemoryPressureChange) => void
}
