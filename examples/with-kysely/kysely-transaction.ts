/** A transaction that Kysely begins and commits, on a client that is known, so that `app.within(client)` can join it. */
import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import type { Pool, PoolClient } from 'pg'

/**
 * Kysely does not tell on which client a transaction runs. So it is given that client instead of a pool, for this one transaction; at its
 * end Kysely releases it, which gives it back to the pool that it came from.
 */
export async function inTransaction<Tables, T>(pool: Pool, work: (trx: Transaction<Tables>, client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: { connect: async () => client, end: async () => {} } }) })
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute((trx) => work(trx, client))
}
