/**
 * Everything Dacapo throws: one base class, one stable code each, and whether trying again may help.
 *
 * A message says what happened and what to do next. An expected "no" of the domain is not here: that is a rejection,
 * a typed value (`rejection.ts`); only `execute` wraps it into a CommandRejectedError. A class a code, so the file is long.
 */
import type { Rejection } from './rejection.ts'

/** Every code, with one line about it; `docs/errors.md` has a section for each. */
export const errorCodes = {
  ES_DEFINITION: 'a mistake in the program, found where it is written or by createApp()',
  ES_VALIDATION: 'a value does not fit its schema, or validate() said no',
  ES_FORBIDDEN: 'the actor may not do this',
  ES_REJECTED: 'the domain said no; attempt() returns it as a value',
  ES_UNKNOWN_COMMAND: 'no registered command has this name',
  ES_UNKNOWN_EVENT: 'a stored event type or schema version that this build cannot read',
  ES_CONCURRENCY: 'the stream is not at the expected version',
  ES_CONDITION_FAILED: 'an event that the decision did not see now matches its boundary',
  ES_VIEW_CONFLICT: 'a row of a transactional projection was changed by somebody else',
  ES_VIEW_SET_CHANGED: 'the transactional projections of the store are others than those that an append was checked against',
  ES_PROJECTION_SET_CHANGED:
    'this process does not have a transactional projection as the store knows it, and would leave holes in its view',
  ES_PROJECTION_FAILED: 'a transactional projection threw, so its command wrote nothing',
  ES_STREAM_NOT_FOUND: 'the stream was expected to exist',
  ES_STREAM_NAME: 'not a stream name, or a reserved one',
  ES_DUPLICATE_EVENT: 'an event id is already stored, but not as part of the same append',
  ES_IDEMPOTENCY_MISMATCH: 'an idempotency key came back with another command or input',
  ES_TOO_LARGE: 'an append above the limits',
  ES_SERIALIZATION: 'a value that JSON cannot keep',
  ES_UPCAST: 'a stored event could not be brought to its current schema version',
  ES_CORRUPT_STREAM: 'the stored events of a stream do not follow each other',
  ES_CLOCK_DRIFT: 'the clock is more than 60 seconds away from the newest stored event',
  ES_SQL: 'a statement of your own failed',
  ES_LEASE_LOST: 'somebody else has taken this part of a subscription over',
  ES_RECORD_CONFLICT: 'a record was changed by somebody else',
  ES_REBUILD_ENDED: 'a rebuild has failed, was cancelled, or another one has taken its place',
  ES_NOT_FOUND: 'there is no instance, or no schedule, with this id',
  ES_WRONG_STATUS: 'an instance, or a schedule, is in a status in which that cannot be done',
  ES_DEAD_LETTERED: 'what is waited for has failed, and waits in the dead letters',
  ES_UNKNOWN_SUBSCRIPTION: 'no projection, handler or process that follows the log has this name, or several have',
  ES_SUBSCRIPTION_PAUSED: 'what is waited for is paused',
  ES_SUBSCRIPTION_FAILED: 'what is waited for has failed as a whole, and stands still',
  ES_WAIT_CYCLE: 'who waits would wait for itself',
  ES_CHECKPOINT_AHEAD: 'a subscription is further than the log',
  ES_OVERFLOW: 'a live reader could not keep up, and has used up its buffer',
  ES_STORE_UNAVAILABLE: 'the store could not be reached or written',
  ES_STORE_FORMAT: 'what is there is not a store that this version can open',
  ES_UNSUPPORTED: 'the store, or this version, cannot do it',
  ES_DRIVER_MISSING: 'the driver of a store is not there',
  ES_NESTED_TRANSACTION: 'the outer app was used inside a transaction',
  ES_TIMED_OUT: 'it took longer than the given timeout',
  ES_STOPPED: 'the app or the store is stopped',
} as const

/** A stable error code, e.g. `ES_CONCURRENCY`. */
export type ErrorCode = keyof typeof errorCodes

const brand: unique symbol = Symbol.for('dacapo.error') as never

/** Base of every error that Dacapo throws. */
export class DacapoError extends Error {
  /** Stable: safe to compare and to log. */
  readonly code: ErrorCode
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: { readonly retryable?: boolean; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.retryable = options.retryable ?? false
    Object.defineProperty(this, brand, { value: true })
  }

  /** Whether a value is an error of Dacapo, also when it comes from another copy of the package. */
  static is(value: unknown): value is DacapoError {
    return typeof value === 'object' && value !== null && (value as { [brand]?: unknown })[brand] === true
  }
}

/** A mistake in the program: two definitions with one name, a count of 0, a missing `authorize`. */
export class DefinitionError extends DacapoError {
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super('ES_DEFINITION', message, options)
  }
}

/** One thing that is wrong with a value; `path` leads to it, e.g. `['lines', 0, 'amount']`. */
export interface Issue {
  readonly message: string
  readonly path: readonly (string | number)[]
}

/** A value does not fit its schema, or a command's `validate` said no. */
export class ValidationError extends DacapoError {
  readonly issues: readonly Issue[]

  constructor(what: string, issues: readonly (Issue | string)[]) {
    const list = issues.map((issue) => (typeof issue === 'string' ? { message: issue, path: [] } : issue))
    const text = list.map(({ message, path }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; ')
    super('ES_VALIDATION', `${what} is not valid: ${text}`)
    this.issues = list
  }
}

/** `authorize` said no. */
export class ForbiddenError extends DacapoError {
  readonly command: string
  /** Whether the answer was remembered from an earlier call with the same idempotency key. */
  readonly duplicate: boolean

  constructor(command: string, duplicate = false) {
    super('ES_FORBIDDEN', `The actor may not execute ${command}.`)
    this.command = command
    this.duplicate = duplicate
  }
}

/** The domain said no, thrown by `execute`; `attempt` returns the rejection as a typed value instead. */
export class CommandRejectedError<X extends Rejection = Rejection> extends DacapoError {
  readonly command: string
  readonly rejection: X
  /** Whether the answer was remembered from an earlier call with the same idempotency key. */
  readonly duplicate: boolean

  constructor(command: string, rejection: X, duplicate = false) {
    super('ES_REJECTED', `${command} was rejected: ${rejection.code}.`)
    this.command = command
    this.rejection = rejection
    this.duplicate = duplicate
  }
}

/** Plain data named a command that this app does not have. */
export class UnknownCommandError extends DacapoError {
  readonly command: string
  readonly suggestion: string | undefined

  constructor(command: string, suggestion: string | undefined, known: readonly string[]) {
    const hint = suggestion ? `did you mean ${suggestion}?` : `this app has ${known.length > 0 ? known.join(', ') : 'no commands'}.`
    super('ES_UNKNOWN_COMMAND', `No command is called "${command}"; ${hint}`)
    this.command = command
    this.suggestion = suggestion
  }
}

/** An event type or schema version that this build does not know, where it must know it. */
export class UnknownEventError extends DacapoError {
  readonly type: string

  constructor(type: string, message: string) {
    super('ES_UNKNOWN_EVENT', message)
    this.type = type
  }
}

/** The stream is not at the expected version. Nothing was written. */
export class ConcurrencyError extends DacapoError {
  readonly stream: string
  readonly expected: number | 'none' | 'exists' | 'any'
  readonly actual: number

  constructor(stream: string, expected: number | 'none' | 'exists' | 'any', actual: number) {
    super('ES_CONCURRENCY', `Stream ${stream} is at version ${actual}, expected ${expected}: load it again and decide again.`, {
      retryable: true,
    })
    this.stream = stream
    this.expected = expected
    this.actual = actual
  }
}

/** Events that a decision had not seen match its boundary. Nothing was written. */
export class ConditionFailedError extends DacapoError {
  readonly after: number
  /** The position of one event that the decision had not seen. */
  readonly position: number

  constructor(after: number, position: number) {
    super(
      'ES_CONDITION_FAILED',
      `Position ${position} matches the boundary, which was read up to ${after}: read it again and decide again.`,
      {
        retryable: true,
      },
    )
    this.after = after
    this.position = position
  }
}

/** A row of a transactional projection is not at the version that the fold started from. Nothing was written. */
export class ViewConflictError extends DacapoError {
  readonly view: string
  readonly key: string

  constructor(view: string, key: string) {
    super('ES_VIEW_CONFLICT', `Row "${key}" of view ${view} was changed by somebody else: fold again.`, { retryable: true })
    this.view = view
    this.key = key
  }
}

/** The views that appends keep are not those that an append was checked against. Nothing was written. */
export class ViewSetChangedError extends DacapoError {
  constructor(stream: string) {
    super('ES_VIEW_SET_CHANGED', `An append to ${stream} was checked against an old set of views: read it again.`, { retryable: true })
  }
}

/** This build would leave a hole in a view: the store has its transactional projection with another fold, or only the store has it. */
export class ProjectionSetChangedError extends DacapoError {
  readonly projection: string

  constructor(projection: string, eventType: string) {
    super(
      'ES_PROJECTION_SET_CHANGED',
      `Another build keeps projection ${projection}, and this one cannot append ${eventType} without leaving a hole in it: deploy the current build. Nothing was written.`,
    )
    this.projection = projection
  }
}

/** A transactional projection failed; the command that caused it wrote nothing. `cause` has what it threw. */
export class ProjectionFailedError extends DacapoError {
  readonly projection: string

  constructor(projection: string, eventType: string, cause: unknown) {
    super('ES_PROJECTION_FAILED', `Projection ${projection} failed on ${eventType}: ${textOf(cause)} Nothing was written.`, { cause })
    this.projection = projection
  }
}

/** The stream was expected to exist. Nothing was written. */
export class StreamNotFoundError extends DacapoError {
  readonly stream: string

  constructor(stream: string) {
    super('ES_STREAM_NOT_FOUND', `Stream ${stream} does not exist.`)
    this.stream = stream
  }
}

/** Not a stream name. */
export class StreamNameError extends DacapoError {
  readonly stream: string

  constructor(stream: string, reason: string) {
    super('ES_STREAM_NAME', `${JSON.stringify(stream)} is not a stream name: ${reason}`)
    this.stream = stream
  }
}

/** Some, but not all, of an append's event ids are already stored, or they are stored elsewhere. Nothing was written. */
export class DuplicateEventError extends DacapoError {
  readonly eventId: string

  constructor(eventId: string) {
    super('ES_DUPLICATE_EVENT', `Event id ${eventId} is already stored, but not by this very append: give new events new ids.`)
    this.eventId = eventId
  }
}

/** The same idempotency key, but another command or input. Nothing was written. */
export class IdempotencyMismatchError extends DacapoError {
  readonly key: string

  constructor(key: string) {
    super('ES_IDEMPOTENCY_MISMATCH', `Idempotency key ${JSON.stringify(key)} belongs to another command or input: use one key per request.`)
    this.key = key
  }
}

/** An append is above a limit. Nothing was written. */
export class TooLargeError extends DacapoError {
  constructor(what: string, size: number, limit: number, unit: string) {
    super('ES_TOO_LARGE', `${what} has ${size} ${unit}; the limit is ${limit}.`)
  }
}

/** A value that JSON cannot keep; `path` leads to it. */
export class SerializationError extends DacapoError {
  readonly path: string

  constructor(message: string, path: string, options: { readonly cause?: unknown } = {}) {
    super('ES_SERIALIZATION', message, options)
    this.path = path
  }
}

/** A stored event could not be brought to the current schema version. */
export class UpcastError extends DacapoError {
  readonly type: string
  readonly from: number
  readonly to: number

  constructor(type: string, from: number, to: number, cause: unknown) {
    super('ES_UPCAST', `${type} of schema version ${from} could not be read as version ${to}: ${textOf(cause)}`, { cause })
    this.type = type
    this.from = from
    this.to = to
  }
}

/** The stored events of a stream do not follow each other: the store was changed from outside. */
export class CorruptStreamError extends DacapoError {
  readonly stream: string
  readonly version: number

  constructor(stream: string, version: number, reason: string) {
    super('ES_CORRUPT_STREAM', `Stream ${stream} cannot be folded at version ${version}: ${reason}`)
    this.stream = stream
    this.version = version
  }
}

/** The clock is so far behind the newest stored event that new events would pin the future. */
export class ClockDriftError extends DacapoError {
  readonly driftMs: number

  constructor(driftMs: number, limitMs: number) {
    super(
      'ES_CLOCK_DRIFT',
      `The newest stored event is ${driftMs} ms ahead of this clock, more than the ${limitMs} ms allowed: check the clocks of all machines that write.`,
      { retryable: true },
    )
    this.driftMs = driftMs
  }
}

/** The store could not be reached or written. With `retryable`, the same call is safe to repeat. */
export class StoreUnavailableError extends DacapoError {
  readonly store: string

  constructor(store: string, message: string, options: { readonly retryable?: boolean; readonly cause?: unknown } = {}) {
    super('ES_STORE_UNAVAILABLE', message, { retryable: true, ...options })
    this.store = store
  }
}

/** A statement of `tx.sql` failed: a mistake in it, or a constraint of your own. `cause` has the driver's error. */
export class SqlError extends DacapoError {
  constructor(cause: unknown) {
    super('ES_SQL', `The statement failed: ${textOf(cause)}`, { cause })
  }
}

/** What is there is not a store, or one that only a newer version can open. Nothing was changed. */
export class StoreFormatError extends DacapoError {
  readonly store: string

  constructor(store: string, message: string, options: { readonly cause?: unknown } = {}) {
    super('ES_STORE_FORMAT', message, options)
    this.store = store
  }
}

/** Somebody else works on this part of a subscription now: nothing of the work was written. */
export class LeaseLostError extends DacapoError {
  readonly subscription: string
  readonly part: string

  constructor(subscription: string, part: string) {
    super('ES_LEASE_LOST', `Part ${part} of subscription ${subscription} belongs to somebody else by now: nothing of the work was written.`)
    this.subscription = subscription
    this.part = part
  }
}

/** A record was changed since it was read: nothing of the work was written. */
export class RecordConflictError extends DacapoError {
  constructor(kind: string, key: string) {
    super('ES_RECORD_CONFLICT', `The ${kind} ${JSON.stringify(key)} was changed by somebody else: read it again.`, { retryable: true })
  }
}

/** The rebuild that was waited for will not come to its end: it has failed, or somebody has cancelled it, or has begun another one. The view is as it was. */
export class RebuildEndedError extends DacapoError {
  readonly projection: string

  /** @param reason  why it has failed. */
  constructor(projection: string, reason?: string) {
    const what = reason === undefined ? 'was cancelled, or another build of the app has begun its own.' : `has failed: ${textOf(reason)}`
    super('ES_REBUILD_ENDED', `The rebuild of ${projection} ${what}`)
    this.projection = projection
  }
}

/** There is nothing with this id to be looked at or acted on. */
export class NotFoundError extends DacapoError {
  /** What was looked for, e.g. `instance "t1" of transfers`. */
  readonly what: string

  constructor(what: string) {
    super('ES_NOT_FOUND', `There is no ${what}.`)
    this.what = what
  }
}

/** It is there, but in a status in which this cannot be done. Nothing was changed. */
export class WrongStatusError extends DacapoError {
  /** What was to be changed, e.g. `instance "t1" of transfers`. */
  readonly what: string
  readonly status: string

  constructor(what: string, status: string, act: string) {
    super('ES_WRONG_STATUS', `There is nothing to ${act}: ${what} is ${status}.`)
    this.what = what
    this.status = status
  }
}

/** An event that is waited for has failed as often as its policy permits, or waits behind one that has. The command itself was executed. */
export class DeadLetteredError extends DacapoError {
  /** The projection, handler or process that has failed. */
  readonly part: string
  /** The key in which everything waits. */
  readonly key: string

  constructor(part: string, key: string, reason: string) {
    super(
      'ES_DEAD_LETTERED',
      `${part} has given up on ${JSON.stringify(key)}: ${textOf(reason)} See the dead letters; the command was executed.`,
    )
    this.part = part
    this.key = key
  }
}

/** No async projection, handler or process of this app has the name, or several have: then say `handler:…`, `process:…` or `projection:…`. */
export class UnknownSubscriptionError extends DacapoError {
  readonly subscription: string

  constructor(subscription: string, hint: string) {
    super('ES_UNKNOWN_SUBSCRIPTION', `Not one subscription is called "${subscription}"; ${hint}`)
    this.subscription = subscription
  }
}

/** What is waited for is paused, so there would be no end to it. The command was executed. */
export class SubscriptionPausedError extends DacapoError {
  /** The projection, handler or process. */
  readonly part: string

  constructor(part: string) {
    super('ES_SUBSCRIPTION_PAUSED', `${part} is paused, so nobody waits for it: resume it. The command was executed.`)
    this.part = part
  }
}

/** What is waited for has failed as a whole, and stands still until somebody resumes it. The command was executed. */
export class SubscriptionFailedError extends DacapoError {
  /** The projection, handler or process. */
  readonly part: string

  constructor(part: string, reason: string) {
    super('ES_SUBSCRIPTION_FAILED', `${part} has failed: ${textOf(reason)} Mend it and resume it; the command was executed.`)
    this.part = part
  }
}

/** What waits is itself waited for, so there would be no end to it. */
export class WaitCycleError extends DacapoError {
  /** Who waits, for whom, and so on, to the first again. */
  readonly path: readonly string[]

  constructor(path: readonly string[]) {
    super('ES_WAIT_CYCLE', `Waiting would never end (${path.join(' waits for ')}): leave it out of waitFor.`)
    this.path = path
  }
}

/** A subscription is further than the log, which must have lost events: e.g. it comes from an older backup. Nothing is handled. */
export class CheckpointAheadError extends DacapoError {
  readonly position: number
  readonly head: number

  constructor(name: string, position: number, head: number) {
    super(
      'ES_CHECKPOINT_AHEAD',
      `${name} is at position ${position}, but the log ends at ${head}; was an older backup restored? Rewind it (a projection: rebuild it).`,
    )
    this.position = position
    this.head = head
  }
}

/** A live reader could not keep up, and its buffer is used up. Nothing is lost: read on from `after`. */
export class OverflowError extends DacapoError {
  /** Position of the last event that was handed out; with `stream`, its version. */
  readonly after: number

  constructor(limit: number, after: number) {
    super('ES_OVERFLOW', `More than ${limit} events wait for a reader that is slower than they come: go on with { after: ${after} }.`)
    this.after = after
  }
}

/** The store, or this version of Dacapo, cannot do what was asked. */
export class UnsupportedError extends DacapoError {
  constructor(message: string) {
    super('ES_UNSUPPORTED', message)
  }
}

/** The driver of a store is not installed, or this runtime does not have it. */
export class DriverMissingError extends DacapoError {
  readonly driver: string

  constructor(driver: string, message: string, options: { readonly cause?: unknown } = {}) {
    super('ES_DRIVER_MISSING', message, options)
    this.driver = driver
  }
}

/** The outer app was used inside `app.transaction`, where it would wait for itself. */
export class NestedTransactionError extends DacapoError {
  constructor(what: string) {
    super(
      'ES_NESTED_TRANSACTION',
      `app.${what} was called inside app.transaction, where it could wait for ever: use what your function is given (tx.execute, tx.attempt, tx.load, tx.sql), or call it before or after.`,
    )
  }
}

/** It took longer than the given timeout. What was already sent may still happen: an idempotency key makes a retry safe. */
export class TimedOutError extends DacapoError {
  /** What was waited for, e.g. `execute Withdraw`. */
  readonly what: string
  readonly afterMs: number

  constructor(what: string, afterMs: number) {
    super('ES_TIMED_OUT', `${what} took longer than ${afterMs} ms.`, { retryable: true })
    this.what = what
    this.afterMs = afterMs
  }
}

/** The app or the store was stopped. */
export class StoppedError extends DacapoError {
  constructor(what: string) {
    super('ES_STOPPED', `${what} is stopped.`)
  }
}

function textOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  return /[.!?]$/.test(text) ? text : `${text}.`
}
