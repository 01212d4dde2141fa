/**
 * Under the order lock only the isolation level read committed will do: on any other one a statement sees what was there before the lock.
 *
 * A statement alone is a transaction on the level that its role or database gives by default. That is nearly always the right one, so it
 * is sent alone, and the database refuses it where it is not.
 */
import { DefinitionError } from '../../core/errors.ts'
import { commit } from './commit.ts'
import { sqlState } from './driver-errors.ts'
import { firstOf, type PgClient, rowsOf } from './pg.ts'

/** The level was another one; nothing was done. */
export const isOtherLevel = (error: unknown): boolean => sqlState(error) === '25000'

/** Does work in a transaction that names the level. Two round trips more than without one. */
export async function inReadCommitted<T>(client: PgClient, work: () => Promise<T>): Promise<T> {
  await rowsOf(client, 'BEGIN ISOLATION LEVEL READ COMMITTED')
  try {
    const result = await work()
    await commit(client)
    return result
  } catch (error) {
    await rowsOf(client, 'ROLLBACK').catch(() => {}) // the connection is gone, or the transaction is
    throw error
  }
}

/** @param what  a sentence's beginning, e.g. `Reading the whole log`. @throws DefinitionError the caller's transaction is on another level. */
export async function needReadCommitted(client: PgClient, what: string): Promise<void> {
  const level = (await firstOf(client, 'SHOW transaction_isolation'))?.[0]
  if (level === 'read committed') return
  throw new DefinitionError(
    `${what} needs a transaction with ISOLATION LEVEL READ COMMITTED; this one has ${level}, and sees an old state.`,
  )
}
