/**
 * PORT: the observer. Everything worth watching is signalled here, typed; telemetry and Studio listen.
 *
 * A signal is told after the fact and cannot change anything: an observer that throws is ignored by the work it watches.
 * `docs/telemetry.md` lists every signal.
 */
import type { ErrorCode } from './errors.ts'

/** Where a signal about a stream comes from. */
interface OfStream {
  readonly tenant: string
  readonly stream: string
}

/** Where a signal about a command comes from. */
interface OfCommand {
  readonly tenant: string
  readonly command: string
  /** Equal in the start, stop and exception of one execution. */
  readonly executionId: string
}

/** Which part of a subscription a signal is about. */
interface OfPart {
  /** `rebuild`: the rows of a projection are built anew. */
  readonly kind: 'projection' | 'handler' | 'process' | 'rebuild'
  /** Of the projection, handler or process. */
  readonly name: string
  readonly part: string
}

/** A piece of the log. */
interface OfRange {
  /** Only positions above. */
  readonly after: number
  /** Only positions up to and including. */
  readonly to: number
}

/** The handling of one event by a handler. */
interface OfHandling {
  readonly tenant: string
  readonly handler: string
  readonly type: string
  readonly stream: string
  readonly position: number
  readonly attempt: number
  /** How many events were given together. */
  readonly batch: number
}

/** An event that could not be handled, as it is kept. */
interface OfFailure {
  readonly tenant: string
  readonly key: string
  readonly position: number
  /** How often it was tried. */
  readonly attempts: number
  readonly error: KeptError
}

/** A view that is built anew. */
interface OfRebuild {
  readonly projection: string
  /** Only to compare its rows with the stored ones. */
  readonly comparison: boolean
}

interface KeptError {
  readonly message: string
  readonly code?: string
  readonly stack?: string
}

/** A layer of middleware around a command. */
interface OfMiddleware {
  /** 1 is the outermost. */
  readonly layer: number
  /** Of its function; `''` if it has none. */
  readonly name: string
}

/** An instance of a process manager. */
interface OfInstance {
  readonly process: string
  readonly tenant: string
  readonly instance: string
}

/** A command on a schedule. */
interface OfSchedule {
  readonly tenant: string
  /** Its id. */
  readonly schedule: string
  readonly command: string
}

/** Every signal and what it carries; durations in milliseconds. */
export interface Signals {
  'dispatch.start': OfCommand & { readonly correlationId: string }
  'dispatch.stop': OfCommand & {
    readonly outcome: 'accepted' | 'empty' | 'rejected'
    readonly code?: string
    readonly duplicate: boolean
    readonly events: number
    readonly durationMs: number
  }
  'dispatch.exception': OfCommand & { readonly error: unknown; readonly code: ErrorCode | undefined; readonly durationMs: number }
  'middleware.start': OfCommand & OfMiddleware
  'middleware.stop': OfCommand & OfMiddleware & { readonly durationMs: number }
  'middleware.exception': OfCommand & OfMiddleware & { readonly error: unknown; readonly durationMs: number }
  'aggregate.execute.start': OfStream & { readonly command: string; readonly attempt: number }
  'aggregate.execute.stop': OfStream & {
    readonly command: string
    readonly attempt: number
    readonly version: number
    readonly events: number
    readonly warm: boolean
  }
  'aggregate.execute.exception': OfStream & { readonly command: string; readonly attempt: number; readonly error: unknown }
  'aggregate.init': OfStream & {
    readonly version: number
    readonly events: number
    readonly snapshotVersion: number | undefined
    readonly durationMs: number
  }
  'aggregate.hibernate': OfStream & { readonly version: number; readonly characters: number }
  'aggregate.passivate': OfStream & { readonly version: number; readonly reason: 'idle' | 'memory' | 'stop' }
  'aggregate.activate': OfStream & { readonly version: number; readonly from: 'hibernation' | 'snapshot' }
  'aggregate.unreadable': OfStream & { readonly code: ErrorCode; readonly error: unknown }
  'aggregate.conflict': OfStream & { readonly command: string; readonly attempt: number; readonly code: ErrorCode }
  'snapshot.save': OfStream & { readonly version: number; readonly characters: number }
  'snapshot.load': OfStream & { readonly version: number }
  'snapshot.mismatch': OfStream & { readonly version: number }
  'snapshot.failed': OfStream & { readonly version: number; readonly error: unknown }
  'idempotency.hit': { readonly tenant: string; readonly key: string; readonly command: string }
  'idempotency.miss': { readonly tenant: string; readonly key: string; readonly command: string }
  'event.upcast': OfStream & { readonly type: string; readonly version: number; readonly from: number; readonly to: number }
  'memory.pressure': { readonly level: PressureLevel; readonly usedBytes: number; readonly limitBytes: number; readonly factor: number }
  'events.overflow': {
    readonly tenant: string
    readonly overflow: 'drop-oldest' | 'drop-newest' | 'error'
    readonly events: number
  } & OfRange
  'projection.rebuilt': { readonly projection: string; readonly rows: number; readonly events: number; readonly durationMs: number }
  'subscription.start': OfPart & { readonly epoch: number }
  'subscription.stop': OfPart & { readonly epoch: number }
  'subscription.events': OfPart & { readonly events: number; readonly position: number; readonly durationMs: number }
  'subscription.restart': OfPart & { readonly error: unknown }
  'subscription.failed': OfPart & { readonly error: unknown }
  'subscription.pause': OfPart
  'subscription.resume': OfPart
  'subscription.rewind': OfPart & { readonly from: number; readonly to: number }
  'subscription.changed': OfPart & { readonly position: number }
  'subscription.late': OfPart & { readonly tenant: string; readonly keys: readonly string[]; readonly position: number }
  'subscription.audit': OfPart & OfRange & { readonly events: number; readonly durationMs: number }
  'subscription.hole': OfPart &
    OfRange & { readonly expected: number; readonly actual: number; readonly positions: readonly number[] | undefined }
  'lease.lost': OfPart & { readonly epoch: number }
  'handler.event.start': OfHandling
  'handler.event.stop': OfHandling & { readonly durationMs: number }
  'handler.event.exception': OfHandling & { readonly error: unknown; readonly durationMs: number }
  'handler.retry': OfPart & OfFailure & { readonly dueAt: number }
  'handler.dead-letter': OfPart & OfFailure
  'handler.skip': OfPart & OfFailure
  'projection.event': {
    readonly projection: string
    readonly part: string
    readonly tenant: string
    readonly key: string
    readonly type: string
    readonly position: number
  }
  'projection.checkpoint': {
    readonly projection: string
    readonly part: string
    readonly position: number
    readonly events: number
    readonly durationMs: number
  }
  'projection.exception': {
    readonly projection: string
    readonly part: string
    readonly tenant: string
    readonly key: string
    readonly position: number
    readonly attempt: number
    readonly error: unknown
  }
  'projection.changed': { readonly projection: string; readonly rebuild: 'manual' | 'auto' }
  'projection.rebuild.start': OfRebuild & { readonly position: number; readonly head: number }
  'projection.rebuild.progress': OfRebuild & {
    readonly position: number
    readonly head: number
    readonly events: number
    readonly perSecond: number
    readonly etaMs: number | undefined
  }
  'projection.rebuild.stop': {
    readonly projection: string
    readonly outcome: 'switched' | 'compared' | 'cancelled'
    readonly position: number
    readonly events: number
    readonly durationMs: number
  }
  'read-model.behind': { readonly projection: string; readonly part: string; readonly position: number; readonly checkpoint: number }
  'process.start': OfInstance
  'process.command': OfInstance & {
    readonly command: string
    readonly undo: boolean
    readonly outcome: 'accepted' | 'rejected' | 'failed'
    readonly duplicate: boolean
    readonly reason: string | undefined
  }
  'process.compensate': OfInstance & { readonly commands: number }
  'process.timer': OfInstance & { readonly timer: string; readonly change: 'set' | 'fired' | 'cancelled' | 'failed' }
  'process.stuck': OfInstance & { readonly name: string; readonly reason: string }
  'process.act': OfInstance & {
    readonly act: 'retry' | 'compensate' | 'close'
    readonly actor: unknown
    readonly reason: string | undefined
  }
  'process.stop': OfInstance & { readonly compensated: boolean; readonly durationMs: number }
  'schedule.set': OfSchedule & { readonly dueAt: number; readonly everyMs: number | undefined }
  'schedule.run': OfSchedule & {
    /** The time that was meant. */
    readonly dueAt: number
    readonly attempt: number
    readonly outcome: 'accepted' | 'empty' | 'rejected' | 'failed'
    readonly code: string | undefined
    readonly duplicate: boolean
    readonly lateMs: number
    readonly durationMs: number
  }
  'schedule.failed': OfSchedule & { readonly dueAt: number; readonly attempts: number; readonly error: KeptError }
  'schedule.retry': OfSchedule & { readonly dueAt: number }
  'schedule.cancel': OfSchedule
}

/** How full the heap is: `elevated` from 70 %, `critical` from 85 % of its limit. */
export type PressureLevel = 'normal' | 'elevated' | 'critical'

/** The name of a signal. */
export type SignalName = keyof Signals

/** One signal, with its name. */
export type Signal = { readonly [N in SignalName]: { readonly signal: N } & Signals[N] }[SignalName]

/** Watches signals. Called synchronously: keep it short. */
export type Observer = (signal: Signal) => void

/** Every name, for listeners that subscribe by name and for the test that walks the documentation. */
export const signalNames = [
  'dispatch.start',
  'dispatch.stop',
  'dispatch.exception',
  'middleware.start',
  'middleware.stop',
  'middleware.exception',
  'aggregate.execute.start',
  'aggregate.execute.stop',
  'aggregate.execute.exception',
  'aggregate.init',
  'aggregate.hibernate',
  'aggregate.passivate',
  'aggregate.activate',
  'aggregate.unreadable',
  'aggregate.conflict',
  'snapshot.save',
  'snapshot.load',
  'snapshot.mismatch',
  'snapshot.failed',
  'idempotency.hit',
  'idempotency.miss',
  'event.upcast',
  'memory.pressure',
  'events.overflow',
  'projection.rebuilt',
  'subscription.start',
  'subscription.stop',
  'subscription.events',
  'subscription.restart',
  'subscription.failed',
  'subscription.pause',
  'subscription.resume',
  'subscription.rewind',
  'subscription.changed',
  'subscription.late',
  'subscription.audit',
  'subscription.hole',
  'lease.lost',
  'handler.event.start',
  'handler.event.stop',
  'handler.event.exception',
  'handler.retry',
  'handler.dead-letter',
  'handler.skip',
  'projection.event',
  'projection.checkpoint',
  'projection.exception',
  'projection.changed',
  'projection.rebuild.start',
  'projection.rebuild.progress',
  'projection.rebuild.stop',
  'read-model.behind',
  'process.start',
  'process.command',
  'process.compensate',
  'process.timer',
  'process.stuck',
  'process.act',
  'process.stop',
  'schedule.set',
  'schedule.run',
  'schedule.failed',
  'schedule.retry',
  'schedule.cancel',
] as const satisfies readonly SignalName[]
