/** A transaction of the user's own, on a handle that somebody else begins and commits. */
import type { Clock } from '../../core/clock.ts'
import { DacapoError, RecordConflictError, SqlError, StoppedError, StoreUnavailableError } from '../../core/errors.ts'
import type { StoreTransaction } from '../../core/event-store.ts'
import { keepStatement } from '../sql/work-rows.ts'
import { remembered } from './accept.ts'
import { appendInside } from './append.ts'
import { Batch } from './batch.ts'
import { isFatal, storeError } from './driver-errors.ts'
import type { Handle } from './handle.ts'
import { keptViews } from './kept-views.ts'
import { readAll, readStream } from './read.ts'
import { runStatement } from './run-statement.ts'
import { select } from './select.ts'
import { latestSnapshot } from './snapshots.ts'
import { streamInfo } from './streams.ts'
import { getRow, keepView } from './views.ts'

/**
 * @param use  gives the handle, once it is ready.
 * @param file  for messages.
 * @returns the transaction, and how to make it unusable once it has ended; that throws when it has ended before by itself.
 */
export function storeTransaction(
  use: () => Handle | Promise<Handle>,
  file: string,
  clock: Pick<Clock, 'now'>,
): readonly [StoreTransaction, end: () => void] {
  let open = true
  let lost: StoreUnavailableError | undefined
  let depth = 0

  async function on<T>(work: (handle: Handle) => T): Promise<T> {
    const handle = await use()
    if (!open) throw new StoppedError('The transaction')
    // What came after it would commit by itself, one statement at a time.
    if (lost) throw lost
    try {
      return work(handle)
    } catch (error) {
      if (!isInTransaction(handle)) lost = lostBy(error, file)
      throw lost ?? storeError(error, file)
    }
  }

  const transaction: StoreTransaction = {
    append: (request) => on((handle) => appendInside(new Batch(handle, clock), request)),
    readStream: (stream, options) => readStream(on, stream, options),
    readAll: (options) => readAll(on, options),
    streamInfo: (stream, tenant = '') => on((handle) => streamInfo(handle, tenant, stream)),
    remembered: (tenant, key) => on((handle) => remembered(handle, tenant, key, clock.now())),
    views: {
      get: (tenant, view, key) => on((handle) => getRow(handle, tenant, view, key)),
      kept: () => on(keptViews),
      keep: (definition) => on((handle) => keepView(handle, definition)),
    },
    snapshots: { latest: (tenant, stream, fingerprint, to) => on((handle) => latestSnapshot(handle, tenant, stream, fingerprint, to)) },
    sql: (statement) =>
      on((handle) => {
        try {
          return runStatement(handle, statement)
        } catch (error) {
          throw DacapoError.is(error) || isFatal(error) ? error : new SqlError(error)
        }
      }),
    keep: (record) =>
      on((handle) => {
        const [kept] = select(handle, keepStatement('dacapo_records', record))
        if (!kept) throw new RecordConflictError(record.kind, record.key)
      }),
    async savepoint(work) {
      const name = `dacapo_user_${++depth}`
      await on((handle) => handle.exec(`SAVEPOINT ${name}`))
      try {
        const result = await work()
        await on((handle) => handle.exec(`RELEASE ${name}`))
        return result
      } catch (error) {
        await on((handle) => handle.exec(`ROLLBACK TO ${name}; RELEASE ${name}`))
        throw error
      } finally {
        depth--
      }
    },
  }
  return [
    transaction,
    () => {
      open = false
      if (lost) throw lost
    },
  ]
}

/** Asks SQLite itself, because not every driver tells: a second BEGIN is refused only inside a transaction. */
function isInTransaction(handle: Handle): boolean {
  try {
    handle.exec('BEGIN')
  } catch {
    return true
  }
  handle.exec('ROLLBACK')
  return false
}

function lostBy(cause: unknown, file: string): StoreUnavailableError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const message = `A statement ended the whole transaction on ${file}, which is what ROLLBACK in a trigger or INSERT OR ROLLBACK does: ${why}. Nothing of it is kept.`
  return new StoreUnavailableError('sqlite', message, { retryable: false, cause })
}
