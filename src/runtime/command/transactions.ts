/**
 * Several commands in one commit: `app.transaction`, and the calls of `app.within` for a transaction that the caller owns.
 *
 * Loaded by the first of them: an app that uses neither has no need of it.
 * Nothing in here is warm: a transaction sees its own writes and nobody else's, and what it read must not outlive it.
 */
import type { AnyAggregate } from '../../core/aggregate.ts'
import { type Duration, toMs } from '../../core/duration.ts'
import { CommandRejectedError, ForbiddenError, IdempotencyMismatchError, UnsupportedError } from '../../core/errors.ts'
import type { DomainEvent } from '../../core/event.ts'
import type { AppendRequest, AppendResult, RememberedOutcome, StoreTransaction } from '../../core/event-store.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { Rejection } from '../../core/rejection.ts'
import { sql } from '../../core/sql.ts'
import { streamName } from '../../core/stream-name.ts'
import { addCounters, makeCounters } from '../counters.ts'
import type { Engine } from '../engine.ts'
import { loadAggregate } from '../state/load-aggregate.ts'
import type { WarmAggregates } from '../state/warm-aggregates.ts'
import { unlessAbandoned, withPatience } from '../timeout.ts'
import { appendKept } from '../view/append-kept.ts'
import { type CommandRequest, type Decider, type ExecutionPath, executeCommand, type Middleware } from './execute-command.ts'
import type { Execution, IdempotencyKey } from './execution.ts'
import { entryForError, entryForRejection, entryForReturn, recallKept, toKey, toRejection } from './idempotency.ts'
import { makeLanes } from './lanes.ts'
import { asOpen, type OpenTransaction } from './open-transaction.ts'
import { executeSingle, type Session } from './single-execution.ts'
import { whileOpen } from './while-open.ts'

/** Makes a transaction itself idempotent: the same key gives the same value, or the same rejection, without running it again. */
export interface TransactionOptions {
  /** 1–512 characters. */
  readonly idempotencyKey?: string
  /** What the transaction is about; the same key with another input is refused. */
  readonly input?: unknown
  readonly timeout?: Duration
  readonly signal?: AbortSignal
}

/** What an idempotent transaction comes to. */
export interface TransactionOutcome<T> {
  /** What the work returned; kept as JSON. */
  readonly value: T
  /** Whether it was remembered, and nothing ran. */
  readonly duplicate: boolean
}

/** What the parts of a transaction are bound to. */
export interface TransactionScope {
  readonly engine: Engine
  readonly tenant: string
  readonly middleware: readonly Middleware[]
  readonly warm: WarmAggregates
  /** Tells whoever fires schedules in this process that there is a new one. */
  readonly scheduled: () => void
}

/** The calls of a transaction, untyped; `app.ts` gives them their types. */
export interface TransactionCalls {
  execute(request: any, asking: any): Promise<unknown>
  attempt(request: any, asking: any): Promise<unknown>
  load(aggregate: AnyAggregate, id: string): Promise<unknown>
  schedule(request: any, options: any): Promise<unknown>
  sql(parts: TemplateStringsArray, ...values: readonly never[]): Promise<readonly Record<string, unknown>[]>
}

/** Runs work in one transaction of the store. @returns what the work returned, or its outcome when it has a key. */
export async function transact(
  scope: TransactionScope,
  work: (calls: TransactionCalls) => Promise<unknown>,
  options: TransactionOptions,
): Promise<unknown> {
  const run = async () => {
    const result = await runTransaction(scope, work, options)
    if (result instanceof Refusal) throw result.error
    return result
  }
  const { tracing } = scope.engine
  return tracing ? tracing.around({ kind: 'transaction', tenant: scope.tenant }, run) : run()
}

async function runTransaction(
  scope: TransactionScope,
  work: (calls: TransactionCalls) => Promise<unknown>,
  options: TransactionOptions,
): Promise<unknown> {
  const { engine } = scope
  const { store, clock, settings } = engine
  if (!store.transaction) throw new UnsupportedError(`The ${store.name} store has no transactions.`)
  const { idempotencyKey, input = null, timeout, signal } = options
  const key = idempotencyKey === undefined ? undefined : toKey(idempotencyKey, 'transaction', input, clock.now() + settings.keepOutcomeMs)
  const remembered = key && (await store.remembered(scope.tenant, key.key))
  if (key && remembered) return recallTransaction(key, remembered)
  const begin = store.transaction
  const touched = new Set<string>()
  const open: OpenTransaction = { engine, over: false }
  // Counted aside: what a transaction undoes was never done.
  const counters = makeCounters()
  let hasScheduled = false
  const scheduled = () => {
    hasScheduled = true
  }
  const inside = { ...scope, engine: { ...engine, counters }, scheduled }
  const run = async (abandoned: AbortSignal | undefined) => {
    try {
      const result = await asOpen(open, () =>
        begin((transaction) => {
          let working = true
          const calls = callsOf(
            inside,
            whileOpen(transaction, () => working),
            touched,
          )
          const workOn = async () => {
            try {
              return await work(calls)
            } finally {
              working = false
            }
          }
          // Once its caller was told that it failed, it is undone, and at once: others are waiting for its turn to end.
          return unlessAbandoned(abandoned, () => (key ? runOnce(scope, transaction, key, workOn) : workOn()))
        }),
      )
      addCounters(engine.counters, counters)
      if (hasScheduled) scope.scheduled()
      return result
    } finally {
      open.over = true
      // What the transaction wrote went past the warm aggregates; they would find out, but only by a conflict.
      for (const stream of touched) scope.warm.forget(scope.tenant, stream)
    }
  }
  const timeoutMs = timeout === undefined ? undefined : toMs(timeout, 'timeout')
  return withPatience(run, { timeoutMs, signal }, 'transaction', clock)
}

/** @param touched  gets the names of the streams that are written to. */
export function callsOf(scope: TransactionScope, transaction: StoreTransaction, touched: Set<string>): TransactionCalls {
  const { tenant, middleware, warm } = scope
  // Lanes of its own: another transaction's command may stay in its lane until this one has ended.
  const engine: Engine = { ...scope.engine, lanes: makeLanes() }
  const session: Session = {
    readStream: transaction.readStream.bind(transaction),
    streamInfo: transaction.streamInfo.bind(transaction),
    remembered: transaction.remembered.bind(transaction),
    snapshots: transaction.snapshots,
    views: engine.views.inside(transaction.views),
    async append(request): Promise<AppendResult> {
      touched.add(request.stream)
      const [result] = await appendKept(engine.kept, transaction.views, [request], ([marked]) =>
        transaction.append(marked as AppendRequest).then((one) => [one]),
      )
      for (const row of request.views ?? []) engine.views.forget(tenant, [row])
      warm.forget(tenant, request.stream)
      return result as AppendResult
    },
  }
  const decider: Decider = (execution: Execution) => executeSingle(engine, session, execution)
  const path: ExecutionPath = { engine, tenant, middleware, decider, source: session, during: (call) => call() }
  const attempt = async (request: CommandRequest, asking: never) => toTransactionOutcome(await executeCommand(path, request, asking))
  return {
    attempt,
    async execute(request, asking) {
      const outcome = await attempt(request, asking as never)
      if (!outcome.ok) throw new CommandRejectedError(request.command, outcome.rejection, outcome.duplicate)
      return outcome.receipt
    },
    async load(aggregate, id) {
      const { state, version } = await loadAggregate(engine, session, aggregate, tenant, streamName(aggregate.name, id))
      return { state, version, exists: version > 0 }
    },
    async schedule(request, options) {
      const { scheduleInside } = await import('../schedule/schedule-inside.ts')
      const shown = await scheduleInside(engine, tenant, transaction, request, options)
      scope.scheduled()
      return shown
    },
    sql: (parts, ...values) => transaction.sql(sql(parts, ...values)),
  }
}

/**
 * Runs work under a key, in the transaction that remembers its outcome.
 *
 * A rejection undoes the work, but is itself committed under the key; so it is carried out of the transaction as a value.
 */
async function runOnce(
  scope: TransactionScope,
  transaction: StoreTransaction,
  key: IdempotencyKey,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const found = await transaction.remembered(scope.tenant, key.key)
  if (found) return recallTransaction(key, found)
  const remember = async (idempotency: ReturnType<typeof entryForReturn>) => {
    // The entry belongs to no stream; the request needs a name for one that it neither reads nor writes.
    const request = { tenant: scope.tenant, stream: 'transaction-outcome', expectedVersion: 'any', events: [], idempotency } as const
    const result = await transaction.append(request)
    // One of its own commands has taken the key: without an outcome under it, a repeat would do everything again.
    if (result.kind === 'remembered') throw new IdempotencyMismatchError(key.key)
  }
  try {
    const value = await transaction.savepoint(work)
    await remember(entryForReturn(key, value))
    return { value, duplicate: false } satisfies TransactionOutcome<unknown>
  } catch (error) {
    const entry =
      error instanceof CommandRejectedError
        ? entryForRejection(key, error.rejection, error.command)
        : entryForError({ idempotency: key }, error)
    if (!entry) throw error
    await remember(entry)
    return new Refusal(error)
  }
}

/** A rejection, or a refusal by `authorize`, on its way out of a transaction that must commit. */
class Refusal {
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

function recallTransaction(key: IdempotencyKey, entry: RememberedOutcome): unknown {
  const kept = recallKept(key, entry)
  if (kept.kind === 'rejected') throw new CommandRejectedError(kept.command, toRejection(kept), true)
  if (kept.kind === 'forbidden') throw new ForbiddenError(kept.command, true)
  return { value: kept.kind === 'returned' ? kept.value : undefined, duplicate: true } satisfies TransactionOutcome<unknown>
}

/** Positions do not exist before the commit, so a receipt inside a transaction shows none. */
function toTransactionOutcome(outcome: Outcome<DomainEvent, Rejection>): Outcome<DomainEvent, Rejection, unknown> {
  if (!outcome.ok) return outcome
  const { position: _, events, ...receipt } = outcome.receipt
  const decided = (events as readonly RecordedEvent[]).map(({ position, recordedAt, ...event }) => event)
  return { ok: true, receipt: { ...receipt, events: decided } }
}
