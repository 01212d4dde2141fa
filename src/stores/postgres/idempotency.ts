/** Outcomes kept under idempotency keys. */
import type { RememberedOutcome } from '../../core/event-store.ts'
import { firstOf, type PgClient, rowsOf } from './pg.ts'

/** The outcome kept under a key, unless it has expired. */
export async function remembered(
  client: PgClient,
  schema: string,
  tenant: string,
  key: string,
  now: number,
): Promise<RememberedOutcome | undefined> {
  const row = (await firstOf(
    client,
    `SELECT hash, outcome, stream, first_version, last_version FROM ${schema}.idempotency
     WHERE tenant = $1 AND key = $2 AND expires_at >= $3`,
    [tenant, key, now],
  )) as readonly [string, string, string, number, number] | undefined
  return row && { hash: row[0], outcome: row[1], stream: row[2], firstVersion: row[3], lastVersion: row[4] }
}

/** Forgets some of what has expired; returns how many. In pieces: millions of them in one commit would hold a snapshot for long. */
export async function forgetSome(client: PgClient, schema: string, now: number): Promise<number> {
  const rows = await rowsOf(
    client,
    `DELETE FROM ${schema}.idempotency WHERE (tenant, key) IN
       (SELECT tenant, key FROM ${schema}.idempotency WHERE expires_at < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING 1`,
    [now],
  )
  return rows.length
}
