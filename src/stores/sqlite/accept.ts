/** Accepts or refuses one request inside an open transaction, in the order of checks that the port names. */
import { DacapoError, StoreUnavailableError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult, IdempotencyEntry, RememberedOutcome } from '../../core/event-store.ts'
import { type AppendFacts, knownEvents, refusalOf, timeOf } from '../../core/judge-append.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import { eventColumns, toEvent } from '../sql/event-rows.ts'
import { statementFailure } from '../sql/statement-failure.ts'
import type { Batch } from './batch.ts'
import { isConstraint, isFatal } from './driver-errors.ts'
import type { Handle } from './handle.ts'
import { runStatement } from './run-statement.ts'
import { firstMatch } from './select.ts'

/** The events could not be written, and some of them may have been: only when they are undone can it be said why. */
class MustBeUndone extends Error {}

/**
 * Writes a request, or says why not.
 *
 * A refusal that is returned has written nothing. One that is thrown has: whoever calls must undo it, then ask `explain`.
 * Event ids come before versions in the answer, but are looked for only when something is wrong: an append that
 * succeeds costs no look-up, because the unique index does it anyway.
 */
export function accept(batch: Batch, request: AppendRequest): AppendResult {
  const { tenant = '', stream, events, idempotency, views = [], statements = [] } = request
  const entry = idempotency && remembered(batch.handle, tenant, idempotency.key, batch.now)
  if (entry) return { kind: 'remembered', entry }

  const facts = factsOf(batch)
  const problem = refusalOf(request, facts)
  if (problem) return knownEvents(request, facts) ?? { kind: 'refused', error: problem }

  const before = batch.version(tenant, stream)
  let stored: readonly StoredEvent[] = []
  if (events.length > 0) {
    try {
      stored = batch.insert(tenant, stream, events, timeOf(request, facts))
    } catch (error) {
      if (!isConstraint(error)) throw error
      // With one event nothing was written. With several, the first ones were, and would be taken for known.
      const answer = events.length === 1 ? knownEvents(request, facts) : undefined
      if (answer) return answer
      throw new MustBeUndone('An event could not be written.', { cause: error })
    }
  }
  for (const { view, key, expectedRowVersion, row } of views) setRow(batch.handle, tenant, view, key, expectedRowVersion + 1, row)
  if (idempotency) remember(batch.handle, tenant, stream, idempotency, before, events.length)
  for (const statement of statements) {
    try {
      runStatement(batch.handle, statement)
    } catch (error) {
      if (isFatal(error)) throw error
      throw statementFailure(statement, error, events[0]?.type)
    }
  }
  return { kind: 'appended', version: before + events.length, events: stored }
}

/** The answer to a request whose writes failed and are undone by now. */
export function explain(handle: Handle, request: AppendRequest, error: unknown): AppendResult {
  if (DacapoError.is(error)) return { kind: 'refused', error }
  const known =
    error instanceof MustBeUndone ? knownEvents(request, { eventById: (tenant, id) => eventById(handle, tenant, id) }) : undefined
  if (known) return known
  const cause = error instanceof MustBeUndone ? error.cause : error
  const why = cause instanceof Error ? cause.message : String(cause)
  const message = `An append to ${request.stream} cannot be written: ${why}. Nothing of it was.`
  return { kind: 'refused', error: new StoreUnavailableError('sqlite', message, { retryable: false, cause }) }
}

/** The outcome kept under a key, unless it has expired. */
export function remembered(handle: Handle, tenant: string, key: string, now: number): RememberedOutcome | undefined {
  const row = handle.first(
    'SELECT hash, outcome, stream, first_version, last_version FROM dacapo_idempotency WHERE tenant = ? AND key = ? AND expires_at >= ?',
    tenant,
    key,
    now,
  ) as readonly [string, string, string, number, number] | undefined
  return row && { hash: row[0], outcome: row[1], stream: row[2], firstVersion: row[3], lastVersion: row[4] }
}

function factsOf(batch: Batch): AppendFacts {
  const { handle, now, recordedAt, position } = batch
  return {
    now,
    recordedAt,
    version: (tenant, stream) => batch.version(tenant, stream),
    eventById: (tenant, id) => eventById(handle, tenant, id),
    viewEpoch: () => batch.viewEpoch,
    rowVersion: (tenant, view, key) => Number(handle.first(selectRowVersion, tenant, view, key)?.[0] ?? 0),
    // Nothing can be above the head, which is the usual case for a decision that has just been made.
    firstMatch: (tenant, query, after) => (after >= position ? undefined : firstMatch(handle, tenant, query, after)),
  }
}

const selectRowVersion = 'SELECT row_version FROM dacapo_view_rows WHERE tenant = ? AND view = ? AND key = ?'

function eventById(handle: Handle, tenant: string, id: string): StoredEvent | undefined {
  const row = handle.first(`SELECT ${eventColumns} FROM dacapo_events e WHERE tenant = ? AND id = ?`, tenant, id)
  return row && toEvent(row)
}

function setRow(handle: Handle, tenant: string, view: string, key: string, version: number, row: string | null): void {
  handle.run(
    `INSERT INTO dacapo_view_rows (tenant, view, key, row_version, row) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (tenant, view, key) DO UPDATE SET row_version = excluded.row_version, row = excluded.row`,
    tenant,
    view,
    key,
    version,
    row,
  )
}

/** An entry that is still there at this point has expired, so it is replaced. */
function remember(
  handle: Handle,
  tenant: string,
  stream: string,
  { key, hash, outcome, expiresAt }: IdempotencyEntry,
  before: number,
  count: number,
): void {
  handle.run(
    `INSERT OR REPLACE INTO dacapo_idempotency (tenant, key, hash, outcome, stream, first_version, last_version, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    tenant,
    key,
    hash,
    outcome,
    stream,
    count > 0 ? before + 1 : 0,
    count > 0 ? before + count : 0,
    expiresAt,
  )
}
