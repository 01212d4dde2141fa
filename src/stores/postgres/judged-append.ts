/**
 * Appends one request after the other in an open transaction, each judged by the rules that all stores share.
 *
 * This is the careful way: it costs several round trips a request, and can say why. The batch function is the quick one: it can
 * only say that all is well.
 */

import { DacapoError, StoreUnavailableError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import { type AppendFacts, knownEvents, refusalOf } from '../../core/judge-append.ts'
import { correlationIdOf } from '../../core/metadata.ts'
import { type StoredEvent, storedAt } from '../../core/stored-event.ts'
import { eventColumns, toEvent } from '../sql/event-rows.ts'
import { statementFailure } from '../sql/statement-failure.ts'
import { appendBatch } from './append-batch.ts'
import type { AppendContext } from './append-context.ts'
import { BatchPlan } from './batch-plan.ts'
import { keyClaim, rowClaim, sharedClaims, streamClaim } from './claims.ts'
import { isPassing, isRefusal } from './driver-errors.ts'
import { remembered } from './idempotency.ts'
import { firstOf, type PgClient, type Row, rowsOf } from './pg.ts'
import { needReadCommitted } from './read-committed.ts'
import { runStatement } from './run-statement.ts'

/** Somebody's open transaction holds what a request needs. */
export class Busy extends Error {}

/** Under the order lock: what is written has its position at once. @throws Busy */
export async function appendPositioned(context: AppendContext, client: PgClient, request: AppendRequest): Promise<AppendResult> {
  const now = context.now()
  await rowsOf(client, `SELECT ${context.schema}.stamp($1)`, [now])
  const verdict = await judge(context, client, request, now)
  if (verdict) return verdict
  const plan = new BatchPlan()
  plan.take(request)
  // It may still be undone, so which event types it brought is not known yet: the next one brings them again.
  const outcome = await appendBatch(rowsOf, client, context.batchStatement, plan, [request], request.recordedAt ?? now, new Set())
  if (outcome.kind === 'busy') throw new Busy(request.stream)
  if (outcome.kind !== 'written') throw new Error(`The database refuses an append to ${request.stream} that the rules allow.`)
  await runStatements(client, request)
  return outcome.results[0] as AppendResult
}

/** In a transaction of the user's own: claimed until it ends, and stamped by whoever comes next. */
export async function appendStaged(context: AppendContext, client: PgClient, request: AppendRequest): Promise<AppendResult> {
  const { schema } = context
  const { tenant = '', stream, events, idempotency, views = [], condition, expectedVersion } = request
  const now = context.now()
  // Until the commit, no view may come that these events are not in, and none may be built of a log without them.
  if (events.length + views.length > 0) {
    const shared = sharedClaims(
      events.map(({ type }) => type),
      views.map(({ view }) => view),
    )
    await rowsOf(client, `SELECT ${schema}.share_views($1)`, [shared])
  }
  // What is only read must be the newest there is, too. What is written is safe on any level: the server refuses what is outdated.
  if (condition || request.checks?.length || (events.length === 0 && expectedVersion !== 'any')) {
    await needReadCommitted(client, `An append to ${stream} that checks what it does not write`)
  }
  const claims = [
    ...(events.length > 0 || expectedVersion !== 'any' ? [streamClaim(tenant, stream)] : []),
    ...(request.checks ?? []).map((check) => streamClaim(tenant, check.stream)),
    ...(idempotency ? [keyClaim(tenant, idempotency.key)] : []),
    ...views.map(({ view, key }) => rowClaim(tenant, view, key)),
  ]
  // Always in the same order, so that transactions which need several of the same never wait for each other in a circle.
  for (const claim of [...new Set(claims)].sort()) await rowsOf(client, `SELECT pg_advisory_xact_lock(${schema}.claim_lock($1))`, [claim])
  // A condition must hold at the commit, so nobody may commit before.
  if (condition) await rowsOf(client, `SELECT ${schema}.hold_order_lock(), ${schema}.stamp($1)`, [now])
  const verdict = await judge(context, client, request, now)
  if (verdict) return verdict

  const before = await versionIn(context, client, tenant, stream)
  if (events.length > 0) {
    await rowsOf(client, `SELECT ${schema}.append_staged($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, [
      tenant,
      stream,
      before,
      events.map(({ id }) => id),
      events.map(({ type }) => type),
      events.map(({ schemaVersion }) => schemaVersion),
      events.map(({ data }) => data),
      events.map(({ metadata }) => metadata),
      events.map(({ tags }) => (tags.length > 0 ? JSON.stringify(tags) : null)),
      events.map(({ metadata }) => correlationIdOf(metadata) ?? null),
      events.map(({ occurredAt }) => occurredAt ?? null),
    ])
  }
  for (const { view, key, expectedRowVersion, row } of views) {
    await rowsOf(
      client,
      `INSERT INTO ${schema}.view_rows (tenant, view, key, row_version, row) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (tenant, view, key) DO UPDATE SET row_version = excluded.row_version, row = excluded.row`,
      [tenant, view, key, expectedRowVersion + 1, row],
    )
  }
  if (idempotency) {
    const [first, last] = events.length > 0 ? [before + 1, before + events.length] : [0, 0]
    const { key, hash, outcome, expiresAt } = idempotency
    await rowsOf(
      client,
      `INSERT INTO ${schema}.idempotency (tenant, key, hash, outcome, stream, first_version, last_version, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, outcome = excluded.outcome,
       stream = excluded.stream, first_version = excluded.first_version, last_version = excluded.last_version, expires_at = excluded.expires_at`,
      [tenant, key, hash, outcome, stream, first, last, expiresAt],
    )
  }
  await runStatements(client, request)
  // The position comes after the commit, and with it the time; until then it is 0.
  const written = events.map((event, n) => storedAt(event, { tenant, stream, version: before + 1 + n, position: 0, recordedAt: now }))
  return { kind: 'appended', version: before + events.length, events: written }
}

/**
 * What requests came to whose commit went unanswered, and which are written together or not at all; `undefined` when they were not.
 * Under the order lock only.
 */
export async function writtenBefore(
  context: AppendContext,
  client: PgClient,
  requests: readonly AppendRequest[],
): Promise<readonly AppendResult[] | undefined> {
  if (requests.every(({ events }) => events.length === 0)) return undefined
  const now = context.now()
  await rowsOf(client, `SELECT ${context.schema}.stamp($1)`, [now])
  const answers: AppendResult[] = []
  for (const request of requests) {
    const { tenant = '', stream, events, idempotency } = request
    if (events.length > 0) {
      const known = knownEvents(request, await factsFor(context, client, request, now))
      if (known?.kind !== 'duplicate') return undefined
      answers.push({ ...known, kind: 'appended' })
    } else {
      if (idempotency && !(await remembered(client, context.schema, tenant, idempotency.key, now))) return undefined
      answers.push({ kind: 'appended', version: await versionIn(context, client, tenant, stream), events: [] })
    }
  }
  return answers
}

/** Why a request is not written; `undefined` when it may be. */
export async function judge(
  context: AppendContext,
  client: PgClient,
  request: AppendRequest,
  now: number,
): Promise<AppendResult | undefined> {
  const { tenant = '', idempotency } = request
  const entry = idempotency && (await remembered(client, context.schema, tenant, idempotency.key, now))
  if (entry) return { kind: 'remembered', entry }
  const facts = await factsFor(context, client, request, now)
  const known = knownEvents(request, facts)
  if (known) return known
  const error = refusalOf(request, facts)
  return error && { kind: 'refused', error }
}

/** Everything that the rules may ask about a request. */
async function factsFor(
  context: AppendContext,
  client: PgClient,
  { tenant = '', stream, checks = [], events, follows, views = [], condition }: AppendRequest,
  now: number,
): Promise<AppendFacts> {
  const { schema } = context
  const versions = new Map<string, number>()
  for (const name of new Set([stream, ...checks.map((check) => check.stream)]))
    versions.set(name, await versionIn(context, client, tenant, name))
  const ids = [...events.map(({ id }) => id), follows, ...views.map((view) => view.follows)].filter((id) => id !== undefined)
  const found = new Map<string, StoredEvent>()
  if (ids.length > 0) {
    const rows = await rowsOf(client, `SELECT ${eventColumns} FROM ${schema}.events e WHERE tenant = $1 AND id = ANY ($2)`, [tenant, ids])
    for (const event of rows.map((row) => toEvent(row))) found.set(event.id, event)
  }
  const rowVersions = new Map<string, number>()
  for (const { view, key } of views) {
    const row = await firstOf(client, `SELECT row_version FROM ${schema}.view_rows WHERE tenant = $1 AND view = $2 AND key = $3`, [
      tenant,
      view,
      key,
    ])
    rowVersions.set(`${view} ${key}`, Number(row?.[0] ?? 0))
  }
  const match =
    condition &&
    (
      await firstOf(client, `SELECT ${schema}.first_match($1, $2::json, $3)`, [tenant, JSON.stringify(condition.query), condition.after])
    )?.[0]
  const newest = `SELECT recorded_at FROM ${schema}.events WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1`
  const [recordedAt, viewEpoch] = (await firstOf(client, `SELECT (${newest}), epoch FROM ${schema}.view_epoch`)) as Row
  return {
    now,
    recordedAt: Number(recordedAt ?? 0),
    version: (_, name) => versions.get(name) ?? 0,
    eventById: (_, id) => found.get(id),
    viewEpoch: () => viewEpoch as number,
    rowVersion: (_, view, key) => rowVersions.get(`${view} ${key}`) ?? 0,
    firstMatch: () => (match as number | null | undefined) ?? undefined,
  }
}

async function versionIn({ schema }: AppendContext, client: PgClient, tenant: string, stream: string): Promise<number> {
  const text = `SELECT version FROM ${schema}.events WHERE tenant = $1 AND stream = $2 ORDER BY version DESC LIMIT 1`
  return Number((await firstOf(client, text, [tenant, stream]))?.[0] ?? 0)
}

/** @throws ProjectionFailedError a statement failed, and with it the transaction, up to its last savepoint. */
async function runStatements(client: PgClient, { statements = [], events }: AppendRequest): Promise<void> {
  for (const statement of statements) {
    try {
      await runStatement(client, statement)
    } catch (error) {
      if (!DacapoError.is(error) && (!isRefusal(error) || isPassing(error))) throw error
      throw statementFailure(statement, error, events[0]?.type)
    }
  }
}

/** The answer to a request whose writes failed and are undone by now; anything that concerns others, too, is thrown. */
export function explain(request: AppendRequest, error: unknown): AppendResult {
  if (DacapoError.is(error)) return { kind: 'refused', error }
  if (!isRefusal(error) || isPassing(error)) throw error
  const why = error instanceof Error ? error.message : String(error)
  const message = `An append to ${request.stream} cannot be written: ${why}. Nothing of it was.`
  return { kind: 'refused', error: new StoreUnavailableError('postgres', message, { retryable: false, cause: error }) }
}
