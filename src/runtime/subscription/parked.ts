/**
 * Events that could not be handled yet, and those that have to wait behind them.
 *
 * One record a key: the first position has failed, the others come after it. While it waits for its next attempt the record is
 * `retrying`; when there is none, it is a dead letter, and the key stands still until somebody has done something about it.
 */
import { decodeEvent, type EventTypes } from '../../core/event-codec.ts'
import { fromJson } from '../../core/json.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import type { RecordWrite, WorkRecord } from '../../core/work-store.ts'

/** The kind of record. */
export const parkedKind = 'parked'

/** What is known of a failure. */
export interface Failure {
  readonly message: string
  readonly code?: string
  readonly stack?: string
}

/** What waits in one key. */
export interface Parked {
  readonly subscription: string
  readonly tenant: string
  readonly key: string
  readonly slot: number
  readonly status: 'retrying' | 'dead'
  /** The next attempt, in milliseconds since 1970; `null` for a dead letter. */
  readonly dueAt: number | null
  /** The first one has failed; in the order of the log. */
  readonly positions: readonly number[]
  /** How often the first one was tried. */
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly firstFailedAt: number
  readonly failure: Failure
  /** Data to use instead of the first event's own, encoded in the current schema version: somebody has corrected it. */
  readonly edited?: unknown
  /** How often somebody has asked for it to be tried again. */
  readonly retries?: number
  /** Positions of events that could not be read: which keys they concern is not known yet, so they are parked under their stream. */
  readonly unread?: readonly number[]
  /** 0 when it is not stored yet. */
  readonly revision: number
}

/** How many events may wait in one key. */
export const mostParked = 1000

/** What is parked, from its record. */
export function toParked({ owner, tenant, key, slot, status, dueAt, body, revision }: WorkRecord): Parked {
  const rest = fromJson(body) as Pick<Parked, 'positions' | 'attempts' | 'firstFailedAt' | 'failure' | 'edited' | 'retries' | 'unread'>
  return { subscription: owner, tenant, key, slot, status: status as Parked['status'], dueAt, revision, ...rest }
}

/** Its record, as it is to be written; `undefined` deletes it. */
export function toRecord(known: Parked, next: Parked | undefined): RecordWrite {
  const { subscription: owner, tenant, key, slot, revision: expectedRevision } = known
  const name = { kind: parkedKind, owner, tenant, key, slot, expectedRevision }
  if (!next) return { ...name, status: known.status, dueAt: null, body: null }
  const { positions, attempts, firstFailedAt, failure, edited, retries, unread, status, dueAt } = next
  const body = { positions, attempts, firstFailedAt, failure, edited, retries, unread } // what is undefined is left out
  return { ...name, status, dueAt, body: JSON.stringify(body) }
}

/** The first event as it is to be handled. */
export function asEdited(types: EventTypes, stored: StoredEvent, edited: unknown): RecordedEvent {
  const type = types.get(stored.type)
  const event = decodeEvent(type, stored)
  return edited === undefined || !type ? event : { ...event, data: type.read(edited, type.schemaVersion) }
}

/** What is kept of an error. */
export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code } = error as { code?: unknown }
  return {
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    stack: stackOf(error).slice(0, longestStack),
  }
}

/** With those of its causes: an error that is told of another one has come from where that was thrown. */
function stackOf(error: Error): string {
  const stacks: string[] = []
  for (let one: unknown = error; one instanceof Error && stacks.length < mostCauses; one = one.cause) stacks.push(one.stack ?? String(one))
  return stacks.join('\n[cause]: ')
}

const longestStack = 4000

/** A cause may be its own cause. */
const mostCauses = 5
