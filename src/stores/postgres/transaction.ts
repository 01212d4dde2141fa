/** A transaction of the user's own, on a client that somebody else begins and commits. */

import { checkAppend } from '../../core/check-append.ts'
import { ConcurrencyError, DacapoError, RecordConflictError, SqlError, StoppedError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult, ReadAllOptions, StoreTransaction } from '../../core/event-store.ts'
import { type Gate, gate } from '../../core/gate.ts'
import type { LogPage } from '../../core/stored-event.ts'
import { keepStatement } from '../sql/work-rows.ts'
import type { AppendContext } from './append-context.ts'
import { changingClaims, keyClaim } from './claims.ts'
import { isConstraint, isDeadlock, isRefusal, isSerialization, isTakenVersion, storeError } from './driver-errors.ts'
import { remembered } from './idempotency.ts'
import { appendStaged, explain, judge } from './judged-append.ts'
import { claimViews, keptViews } from './kept-views.ts'
import { type PgClient, rowsOf } from './pg.ts'
import { readAll, readStream } from './read.ts'
import { needReadCommitted } from './read-committed.ts'
import type { ReadContext } from './read-context.ts'
import { runStatement } from './run-statement.ts'
import { latestSnapshot } from './snapshots.ts'
import { select } from './sql-text.ts'
import { streamInfo } from './streams.ts'
import { getRow, keepView } from './views.ts'

/** One at a time on a client: of two that took turns with their statements, one would go back to the savepoint of the other. */
const turns = new WeakMap<PgClient, Gate>()

/**
 * @returns the transaction, and how to make it unusable: resolves once nothing of it is under way any more, so that it can be committed.
 */
export function storeTransaction(client: PgClient, context: AppendContext): readonly [StoreTransaction, end: () => Promise<void>] {
  const { schema, now } = context
  const turn = turns.get(client) ?? gate()
  turns.set(client, turn)
  let open = true
  let depth = 0

  async function on<T>(work: (client: PgClient) => Promise<T>): Promise<T> {
    const leave = await turn.enter()
    try {
      if (!open) throw new StoppedError('The transaction')
      return await work(client)
    } catch (error) {
      throw storeError(error)
    } finally {
      leave()
    }
  }

  /** PostgreSQL ends a transaction at the first error, unless a savepoint is there to go back to. */
  async function guarded<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
    const name = `dacapo_${++depth}`
    await rowsOf(client, `SAVEPOINT ${name}`)
    try {
      const result = await work()
      await rowsOf(client, `RELEASE ${name}`)
      return result
    } catch (error) {
      if (DacapoError.is(error) || isRefusal(error)) await rowsOf(client, `ROLLBACK TO ${name}`)
      throw error
    } finally {
      depth--
    }
  }

  async function append(client: PgClient, request: AppendRequest): Promise<AppendResult> {
    try {
      checkAppend(request)
      return await guarded(client, () => appendStaged(context, client, request))
    } catch (error) {
      // Somebody's commit came in between. What it has written can be seen now, unless the transaction keeps an old picture.
      const verdict = isConstraint(error) ? await judge(context, client, request, now()) : undefined
      if (verdict) return verdict
      // In a circle of waiting transactions this one was chosen to give way. It has to give way as a whole.
      if (isDeadlock(error)) throw error
      if (isSerialization(error) || isTakenVersion(error)) {
        const { stream, expectedVersion } = request
        return { kind: 'refused', error: new ConcurrencyError(stream, expectedVersion, Number.NaN) }
      }
      return explain(request, error)
    }
  }

  const reads: ReadContext = { schema, now, read: on, inTransaction: true }

  /**
   * The log, and behind its end nothing that comes before this transaction: what is made of it is complete when it commits. Reads while
   * others go on, then keeps them out and reads what has come meanwhile.
   */
  async function* untilNobodyCommits(options: ReadAllOptions = {}): AsyncGenerator<LogPage> {
    await on((client) => needReadCommitted(client, 'Reading the log'))
    let { after = 0, limit = Number.POSITIVE_INFINITY } = options
    for (const isComplete of [false, true]) {
      if (isComplete && (options.backwards || options.to !== undefined || limit <= 0)) return
      if (isComplete) await on((client) => rowsOf(client, `SELECT ${schema}.hold_order_lock()`))
      for await (const page of readAll(reads, { ...options, after, ...(Number.isFinite(limit) ? { limit } : {}) })) {
        yield page
        after = page.position
        limit -= page.events.length
      }
    }
  }

  const transaction: StoreTransaction = {
    append: (request) => on((client) => append(client, request)),
    readStream: (stream, options) => readStream(reads, stream, options),
    readAll: (options) => untilNobodyCommits(options),
    streamInfo: (stream, tenant = '') => streamInfo(reads, tenant, stream),
    // Who looks for an outcome is about to make one: the others with the same key wait until it is there.
    remembered: (tenant, key) =>
      on(async (client) => {
        await rowsOf(client, `SELECT pg_advisory_xact_lock(${schema}.claim_lock($1))`, [keyClaim(tenant, key)])
        return remembered(client, schema, tenant, key, now())
      }),
    views: {
      get: (tenant, view, key) => on((client) => getRow(client, schema, tenant, view, key)),
      kept: () => on((client) => keptViews(client, schema)),
      keep: (definition) =>
        on(async (client) => {
          await claimViews(client, schema, changingClaims(definition.view, definition.types), false)
          await keepView(client, schema, definition)
        }),
    },
    snapshots: {
      latest: (tenant, stream, fingerprint, to) => on((client) => latestSnapshot(client, schema, tenant, stream, fingerprint, to)),
    },
    sql: (statement) =>
      on(async (client) => {
        try {
          return await guarded(client, () => runStatement(client, statement))
        } catch (error) {
          throw DacapoError.is(error) || !isRefusal(error) ? error : new SqlError(error)
        }
      }),
    keep: (record) =>
      on(async (client) => {
        const [kept] = await guarded(client, () => select(client, keepStatement(`${schema}.records`, record)))
        if (!kept) throw new RecordConflictError(record.kind, record.key)
      }),
    async savepoint(work) {
      const name = `dacapo_user_${++depth}`
      await on((client) => rowsOf(client, `SAVEPOINT ${name}`))
      try {
        const result = await work()
        await on((client) => rowsOf(client, `RELEASE ${name}`))
        return result
      } catch (error) {
        await on(async (client) => {
          await rowsOf(client, `ROLLBACK TO ${name}`)
          await rowsOf(client, `RELEASE ${name}`)
        })
        throw error
      } finally {
        depth--
      }
    },
  }
  return [
    transaction,
    async () => {
      open = false
      const leave = await turn.enter()
      leave()
    },
  ]
}
