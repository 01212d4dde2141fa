/**
 * The rules of an append: what answers it from memory, and what refuses it. The same for every store that can look things up
 * while it writes; a store brings the look-ups, and what it has accepted before in the same commit is among them.
 */
import { expectationHolds } from './check-append.ts'
import {
  ClockDriftError,
  ConcurrencyError,
  ConditionFailedError,
  type DacapoError,
  DuplicateEventError,
  StreamNotFoundError,
  ValidationError,
  ViewConflictError,
  ViewSetChangedError,
} from './errors.ts'
import { type AppendRequest, type AppendResult, clockDriftLimitMs, type ExpectedVersion } from './event-store.ts'
import type { Query } from './query.ts'
import type { StoredEvent } from './stored-event.ts'

/** What a store knows at the moment of the append. */
export interface AppendFacts {
  readonly now: number
  /** Of the newest event; 0 in an empty store. */
  readonly recordedAt: number
  /** 0: the stream does not exist. */
  version(tenant: string, stream: string): number
  eventById(tenant: string, id: string): StoredEvent | undefined
  /** Of the views that appends keep. */
  viewEpoch(): number
  /** 0: the key was never written. */
  rowVersion(tenant: string, view: string, key: string): number
  /** The position of an event that matches, above a position. */
  firstMatch(tenant: string, query: Query, after: number): number | undefined
}

/** The time that an append's events get. */
export function timeOf({ recordedAt }: AppendRequest, facts: Pick<AppendFacts, 'now' | 'recordedAt'>): number {
  return recordedAt ?? Math.max(facts.recordedAt, facts.now)
}

/** A retry finds all of its events in its own stream, one after the other; anything else with a known id is a mistake. */
export function knownEvents(
  { tenant = '', stream, events }: AppendRequest,
  facts: Pick<AppendFacts, 'eventById'>,
): AppendResult | undefined {
  const ids = events.length > 1 ? new Set<string>() : undefined
  const stored: StoredEvent[] = []
  for (const { id } of events) {
    if (ids?.has(id)) return { kind: 'refused', error: new DuplicateEventError(id) }
    ids?.add(id)
    const event = facts.eventById(tenant, id)
    if (event) stored.push(event)
  }
  const [first] = stored
  if (!first) return undefined
  const same = stored.length === events.length && stored.every((event, i) => event.stream === stream && event.version === first.version + i)
  if (!same) return { kind: 'refused', error: new DuplicateEventError(first.id) }
  return { kind: 'duplicate', version: first.version + stored.length - 1, events: stored }
}

/** Why an append cannot be written, in the order of checks that the port names; `undefined` when it can. */
export function refusalOf(request: AppendRequest, facts: AppendFacts): DacapoError | undefined {
  return (
    outdatedViews(request, facts) ??
    violatedVersion(request, facts) ??
    failedCondition(request, facts) ??
    movedRow(request, facts) ??
    badTime(request, facts)
  )
}

function outdatedViews({ stream, viewEpoch }: AppendRequest, facts: AppendFacts): DacapoError | undefined {
  return viewEpoch === undefined || viewEpoch === facts.viewEpoch() ? undefined : new ViewSetChangedError(stream)
}

function violatedVersion(
  { tenant = '', stream, expectedVersion, follows, checks = [] }: AppendRequest,
  facts: AppendFacts,
): DacapoError | undefined {
  const actual = facts.version(tenant, stream)
  if (!expectationHolds(expectedVersion, actual)) return violated(stream, expectedVersion, actual)
  for (const check of checks) {
    const found = facts.version(tenant, check.stream)
    if (!expectationHolds(check.expectedVersion, found)) return violated(check.stream, check.expectedVersion, found)
  }
  return isMissing(tenant, follows, facts) ? new ConcurrencyError(stream, expectedVersion, facts.version(tenant, stream)) : undefined
}

/** The error that a stream's version is, for somebody who expected another one. */
export function violated(stream: string, expected: ExpectedVersion, actual: number): DacapoError {
  return expected === 'exists' ? new StreamNotFoundError(stream) : new ConcurrencyError(stream, expected, actual)
}

/** What a request was decided or folded on, while it was still on its way, must have been written by now. */
function isMissing(tenant: string, eventId: string | undefined, facts: AppendFacts): boolean {
  return eventId !== undefined && facts.eventById(tenant, eventId) === undefined
}

function failedCondition({ tenant = '', condition }: AppendRequest, facts: AppendFacts): DacapoError | undefined {
  if (!condition) return undefined
  const position = facts.firstMatch(tenant, condition.query, condition.after)
  return position === undefined ? undefined : new ConditionFailedError(condition.after, position)
}

/** A key that comes twice is compared with what its first write will make of it. */
function movedRow({ tenant = '', views = [] }: AppendRequest, facts: AppendFacts): DacapoError | undefined {
  const coming = new Map<string, number>()
  for (const { view, key, expectedRowVersion, follows } of views) {
    const actual = coming.get(`${view} ${key}`) ?? facts.rowVersion(tenant, view, key)
    if (actual !== expectedRowVersion || isMissing(tenant, follows, facts)) return new ViewConflictError(view, key)
    if (views.length > 1) coming.set(`${view} ${key}`, actual + 1)
  }
  return undefined
}

/** Neither a clock that jumped nor an import may make the times of the log fall, or pin them to the future. */
function badTime(request: AppendRequest, facts: AppendFacts): DacapoError | undefined {
  if (request.events.length === 0) return undefined
  const driftMs = timeOf(request, facts) - facts.now
  if (driftMs > clockDriftLimitMs) return new ClockDriftError(driftMs, clockDriftLimitMs)
  const { recordedAt: imported } = request
  if (imported === undefined || (Number.isSafeInteger(imported) && imported >= facts.recordedAt)) return undefined
  const why = `${imported} is before ${facts.recordedAt}, the time of the newest event: import into an empty store, oldest first`
  return new ValidationError('recordedAt', [why])
}
