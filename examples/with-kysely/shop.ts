/** The shop's own table, beside the bank: an order is paid for from an account. */
import { sql } from 'kysely'
import type { Pool } from 'pg'
import { inTransaction } from './kysely-transaction.ts'

/** What Kysely knows of the database. Dacapo's tables are in a schema of their own. */
export interface Shop {
  readonly orders: { readonly id: string; readonly account: string; readonly cents: number }
}

export const createTables = (pool: Pool): Promise<void> =>
  inTransaction<Shop, void>(pool, async (trx) => {
    await sql`create table if not exists orders (id text primary key, account text not null, cents integer not null)`.execute(trx)
  })
