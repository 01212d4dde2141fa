/** What went wrong in PostgreSQL, told apart by SQLSTATE, and said in the words of Dacapo. */
import { DacapoError, StoreFormatError, StoreUnavailableError } from '../../core/errors.ts'

/** The SQLSTATE of a driver's error; `undefined` for anything that the server did not say. */
export function sqlState(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  // Five letters may also be an error of the operating system: EPIPE.
  return typeof code === 'string' && /^(?!E[A-Z]{4})[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** A constraint is violated: the statement is wrong, the server is well. */
export const isConstraint = (error: unknown): boolean => sqlState(error)?.startsWith('23') ?? false

/** A version of a stream that is written to is there already. */
export const isTakenVersion = (error: unknown): boolean =>
  sqlState(error) === '23505' && (error as { constraint?: string }).constraint === 'events_pkey'

/** Somebody else's commit came first; the same again may succeed. */
export const isSerialization = (error: unknown): boolean => ['40001', '40P01'].includes(sqlState(error) ?? '')

/** Somebody else has changed the same table or index; the server has neither a code nor a translation for it. */
export const isCatalogRace = (error: unknown): boolean =>
  sqlState(error) === 'XX000' && (error as Error).message === 'tuple concurrently updated'

/** Transactions waited for each other in a circle, until one of them was undone. */
export const isDeadlock = (error: unknown): boolean => sqlState(error) === '40P01'

/** A lock was not to be had in time. */
export const isLockTimeout = (error: unknown): boolean => sqlState(error) === '55P03'

/** Nothing is wrong with what was asked: another time, or on another server, it may succeed. */
export const isPassing = (error: unknown): boolean =>
  isSerialization(error) || isLockTimeout(error) || ['57014', '25006'].includes(sqlState(error) ?? '')

/** The server is there and has refused what was asked, so nothing of it was done; the connection can be used again. */
export function isRefusal(error: unknown): boolean {
  const state = sqlState(error)
  return state !== undefined && !/^(?:08|25P03|57P|53|58|XX)/.test(state)
}

/**
 * The server could not be asked, or has not answered: an error of the operating system or of TLS, or one of the sentences in which `pg` and
 * its pool say so without a code.
 */
function isConnectionError(error: unknown): boolean {
  // A mistake in a program has a class of its own, and is no less one for what it says.
  if (!(error instanceof Error) || /^(?:Type|Range|Reference|Syntax)Error$/.test(error.name)) return false
  const { code, syscall } = error as { code?: unknown; syscall?: unknown }
  if (syscall !== undefined) return true
  if (typeof code === 'string')
    return /^(?:E(?!RR_)[A-Z_]+|(?:ERR_)?(?:TLS|SSL|SOCKET|STREAM)_\w+|\w*(?:CERT|SIGNATURE|ISSUER)\w*)$/.test(code)
  return /connect|terminat|timeout|socket|\b(?:SSL|SASL|TLS)\b|not queryable|ended the connection|after calling end/i.test(error.message)
}

/** The error that a caller gets. What is neither of the server nor of the connection is a mistake somewhere, and handed on as it is. */
export function storeError(error: unknown): unknown {
  if (DacapoError.is(error)) return error
  const unavailable = (message: string, retryable: boolean) => new StoreUnavailableError('postgres', message, { retryable, cause: error })
  const state = sqlState(error)
  if (state === undefined && !isConnectionError(error)) return error
  const why = error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error)
  switch (state) {
    case undefined:
      return unavailable(`PostgreSQL cannot be reached, or the connection broke: ${why}.`, true)
    case '40001':
    case '40P01':
      return unavailable(`PostgreSQL undid the transaction because of another one: ${why}. Nothing of it was written.`, true)
    case '55P03':
    case '57014':
      return unavailable(`PostgreSQL did not get to it in time: ${why}.`, true)
    case '25006':
      return unavailable(`PostgreSQL is read-only, as a standby is: ${why}. Nothing was written.`, true)
    case '28P01':
    case '28000':
    case '3D000':
      return unavailable(`PostgreSQL refuses the connection: ${why}. Check the URL.`, false)
    case '42501':
      return unavailable(`PostgreSQL does not permit it: ${why}. Grant the right to the role, or use another one.`, false)
    case '42P01':
    case '3F000':
    case '42883':
      return new StoreFormatError('postgres', `The tables of the store are missing or of another version: ${why}.`, { cause: error })
    case '42704':
      return unavailable(`PostgreSQL does not know something that the store needs: ${why}.`, false)
    default:
      return unavailable(`PostgreSQL could not do it: ${why} (${state}).`, !isRefusal(error))
  }
}
