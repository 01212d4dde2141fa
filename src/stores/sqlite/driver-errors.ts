/** What went wrong in SQLite, told apart for every driver, and said in the words of Dacapo. */
import { DacapoError, StoreFormatError, StoreUnavailableError } from '../../core/errors.ts'

/** SQLite's primary result codes, as far as the store tells them apart. */
const codes = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_NOMEM: 7,
  SQLITE_READONLY: 8,
  SQLITE_INTERRUPT: 9,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_CONSTRAINT: 19,
  SQLITE_NOTADB: 26,
} as const

/** After one of these the transaction as a whole is in doubt; anything else concerns one statement. */
const fatal: ReadonlySet<number | undefined> = new Set([5, 6, 7, 8, 9, 10, 11, 13, 14, 26])

/** A statement ended the transaction under everybody's feet (`INSERT OR ROLLBACK`, a trigger): nothing of it is left. */
export class TransactionLost extends Error {}

/** The primary result code of a driver's error; `undefined` for anything that is not one. */
function resultCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { errcode, code, errno } = error as { errcode?: unknown; code?: unknown; errno?: unknown }
  if (typeof errcode === 'number') return errcode & 0xff // node:sqlite
  if (typeof code === 'string') {
    // better-sqlite3 and libsql, with the extended name, e.g. SQLITE_CONSTRAINT_UNIQUE; bun:sqlite with errno beside it
    for (const [name, number] of Object.entries(codes)) if (code === name || code.startsWith(`${name}_`)) return number
  }
  return typeof errno === 'number' && errno > 0 ? errno & 0xff : undefined
}

/** Somebody else has the lock: worth another try in a moment. */
export const isBusy = (error: unknown): boolean => [codes.SQLITE_BUSY, codes.SQLITE_LOCKED].includes(resultCode(error) as 5)

export const isConstraint = (error: unknown): boolean => resultCode(error) === codes.SQLITE_CONSTRAINT

/** Whether everything that shares the transaction has failed, and not one statement. */
export const isFatal = (error: unknown): boolean => error instanceof TransactionLost || fatal.has(resultCode(error))

/** The error that a caller gets. `file` is what the store was opened with. */
export function storeError(error: unknown, file: string): unknown {
  if (DacapoError.is(error)) return error
  const unavailable = (message: string, retryable: boolean) => new StoreUnavailableError('sqlite', message, { retryable, cause: error })
  switch (resultCode(error)) {
    case undefined:
      return error instanceof TransactionLost
        ? unavailable(`A statement ended the transaction on ${file}, so nothing of it was written.`, false)
        : error
    case codes.SQLITE_BUSY:
    case codes.SQLITE_LOCKED:
      return unavailable(`${file} is being written by somebody else: try again.`, true)
    case codes.SQLITE_FULL:
      return unavailable(
        `The disk of ${file} is full: nothing of this commit was written, and nothing that was stored before is lost. Free some space, then repeat.`,
        true,
      )
    case codes.SQLITE_READONLY:
      return unavailable(`${file} is read-only: nothing was written. Check the permissions of the file and of its folder.`, false)
    case codes.SQLITE_CANTOPEN:
      return unavailable(`${file} cannot be opened: check that it and its folder may be read and written.`, false)
    case codes.SQLITE_NOTADB:
      return new StoreFormatError('sqlite', `${file} is not an SQLite database; it was left as it is.`, { cause: error })
    case codes.SQLITE_CORRUPT:
      return new StoreFormatError('sqlite', `${file} is damaged: restore it from a backup. (${textOf(error)})`, { cause: error })
    default:
      return unavailable(`${file} could not be used: ${textOf(error)}.`, fatal.has(resultCode(error)))
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
