/** Dacapo: commands in, events kept for ever, state rebuilt from the beginning at any time. */

export { actors } from './core/actors.ts'
export type { Aggregate, EventsOf, Lifespan, LifespanPolicy, SnapshotPolicy, StateOf } from './core/aggregate.ts'
export { aggregate } from './core/aggregate.ts'
export type { Clock } from './core/clock.ts'
export type {
  Actor,
  CallOf,
  Command,
  CommandCall,
  CommandContext,
  CommandFactory,
  ContextValues,
  EmittedOf,
  RejectionOf,
} from './core/command.ts'
export { command } from './core/command.ts'
export type { DecisionFactory } from './core/decision.ts'
export { decision } from './core/decision.ts'
export type { Duration } from './core/duration.ts'
export type { Effect, Effects, Reaction } from './core/effect.ts'
export * from './core/errors.ts'
export type { DomainEvent, EventOf, EventOptions, EventType } from './core/event.ts'
export { event } from './core/event.ts'
export { encodeEvent } from './core/event-codec.ts'
export type { BatchContext, EventHandler, FailureDecision, HandlerContext, InitContext, RetryPolicy } from './core/event-handler.ts'
export { eventHandler } from './core/event-handler.ts'
export type {
  AppendRequest,
  AppendResult,
  Capabilities,
  EventStore,
  ExpectedVersion,
  ReadAllOptions,
  ReadStreamOptions,
  StreamInfo,
} from './core/event-store.ts'
export type { IdSource } from './core/ids.ts'
export { timeOfId } from './core/ids.ts'
export type { Codec } from './core/json.ts'
export type { Metadata } from './core/metadata.ts'
export type { Observer, PressureLevel, Signal, SignalName, Signals } from './core/observer.ts'
export { signalNames } from './core/observer.ts'
export type { SignalsOf } from './core/on-signals.ts'
export { onSignals } from './core/on-signals.ts'
export type { Outcome, Receipt, TransactionReceipt } from './core/outcome.ts'
export type { ProcessManager } from './core/process-manager.ts'
export { processManager } from './core/process-manager.ts'
export type { Consistency, Projection, ViewOf } from './core/projection.ts'
export { projection } from './core/projection.ts'
export type { Query, QueryItem } from './core/query.ts'
export type { ReadModel, ReadModelBatch, ReadModelRow, ReadModelWrite } from './core/read-model.ts'
export type { DecidedEvent, RecordedEvent } from './core/recorded-event.ts'
export type { Rejection } from './core/rejection.ts'
export { reject } from './core/rejection.ts'
export type { SqlStatement, SqlTag, SqlValue } from './core/sql.ts'
export { sql } from './core/sql.ts'
export type { LogPlace, StartFrom } from './core/start-from.ts'
export type { EventToAppend, StoredEvent } from './core/stored-event.ts'
export type { TableProjection } from './core/table-projection.ts'
export { tableProjection } from './core/table-projection.ts'
export type { Carrier, Levels, Telemetry, TracedWork } from './core/telemetry.ts'
export type { TypeProblem } from './core/type-problem.ts'
export type { App, AppOptions, Executor, Transaction } from './runtime/app.ts'
export type { CommandRequest, ExecuteOptions, Middleware, MiddlewareContext } from './runtime/command/execute-command.ts'
export type { TransactionOptions, TransactionOutcome } from './runtime/command/transactions.ts'
export { createApp } from './runtime/create-app.ts'
export type { AppDescription } from './runtime/describe.ts'
export type { ActOptions, InstanceFilter, ProcessInstance, ProcessInstances, ProcessStep } from './runtime/process/process-instances.ts'
export type { DroppedEvents } from './runtime/read/event-buffer.ts'
export type { EventsBuffer } from './runtime/read/read-ahead.ts'
export type { EventsOptions, HistoryOptions, Loaded, LoadOptions, StreamSummary } from './runtime/read/reads.ts'
export type { Comparison, RowDifference } from './runtime/rebuild/comparison.ts'
export type { RebuildProgress } from './runtime/rebuild/pace.ts'
export type { RebuildOptions, Rebuilt } from './runtime/rebuild/rebuilds.ts'
export type { ScheduleOptions, ScheduleTimes } from './runtime/schedule/make-schedule.ts'
export type { ScheduledCommand, ScheduleFilter, ScheduleRun, Schedules } from './runtime/schedule/schedules.ts'
export type { Defaults } from './runtime/settings.ts'
export type { HeapProbe, MemoryPressureChange } from './runtime/state/memory-pressure.ts'
export type { SnapshotInfo, Snapshots } from './runtime/state/snapshots.ts'
export type { AggregateStatistics, AppStatistics } from './runtime/statistics.ts'
export type { DeadLetter, DeadLetterFilter, DeadLetters } from './runtime/subscription/dead-letters.ts'
export type { Hole } from './runtime/subscription/holes.ts'
export type { SubscriptionCalls } from './runtime/subscription/operate.ts'
export type { SubscriptionStatistics } from './runtime/subscription/subscription-statistics.ts'
export { newId } from './runtime/system.ts'
export type { Views } from './runtime/view/retire.ts'
export type { ListOptions, RowPage, ViewReader } from './runtime/view/view-reader.ts'
export { memory } from './stores/memory/index.ts'
