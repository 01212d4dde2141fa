/** Work in PostgreSQL: who does it, how far it is, and its records. */
import type { BuiltRow } from '../../core/view-store.ts'
import type { Lease, RecordName, ScanRows, SubscriptionPart, WorkStore } from '../../core/work-store.ts'
import { scanRows } from '../sql/scan-rows.ts'
import { partColumns, recordColumns, recordsStatement, toOwner, toPart, toRecord } from '../sql/work-rows.ts'
import { workCommits } from './commit-work.ts'
import { dialectOf } from './dialect.ts'
import { firstOf, type PgClient, rowsOf, type Use } from './pg.ts'
import { select } from './sql-text.ts'

/** The work of a store. @param use  lends a connection. */
export function workStore(schema: string, use: Use): WorkStore {
  return {
    beat: (owner, about) =>
      use(async (client) => (await rowsOf(client, `SELECT * FROM ${schema}.beat($1, $2)`, [owner, about])).map(toOwner)),
    leave: (owner) =>
      use(async (client) => {
        const text = `WITH gone AS (DELETE FROM ${schema}.owners WHERE owner = $1)
          UPDATE ${schema}.parts SET owner = NULL, epoch = epoch + 1 WHERE owner = $1`
        await rowsOf(client, text, [owner])
      }),

    parts: (subscription) => use((client) => partsOf(client, schema, subscription)),
    divide: (subscription, held, parts) =>
      use(async (client) => {
        const row = await firstOf(client, `SELECT ${schema}.divide($1, $2, $3, $4, $5, $6)`, [
          subscription,
          held.map(({ part }) => part),
          held.map(({ epoch }) => epoch),
          parts.map(({ part }) => part),
          parts.map(({ position }) => position),
          parts.map(({ state }) => state),
        ])
        return row?.[0] === true
      }),
    acquire: (owner, leases) => use((client) => handOver(client, schema, owner, leases)),
    release: (leases) => use(async (client) => void (await handOver(client, schema, null, leases))),

    commit: workCommits(schema, use),

    scan: (question) =>
      use(async (client) => {
        await rowsOf(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        try {
          const rows = await scan(client, schema, question)
          const parts = await partsOf(client, schema, question.subscription)
          await rowsOf(client, 'COMMIT')
          return { rows, parts }
        } catch (error) {
          await rowsOf(client, 'ROLLBACK').catch(() => {}) // a connection that is gone has rolled back by itself, and is not used again
          throw error
        }
      }),

    record: ({ kind, owner, tenant, key }: RecordName) =>
      use(async (client) => {
        const text = `SELECT ${recordColumns} FROM ${schema}.records WHERE kind = $1 AND owner = $2 AND tenant = $3 AND key = $4`
        const row = await firstOf(client, text, [kind, owner, tenant, key])
        return row && toRecord(row)
      }),
    records: (question) => use(async (client) => (await select(client, recordsStatement(`${schema}.records`, question))).map(toRecord)),
  }
}

async function partsOf(client: PgClient, schema: string, subscription: string | undefined): Promise<readonly SubscriptionPart[]> {
  const text = `SELECT ${partColumns} FROM ${schema}.parts WHERE $1::text IS NULL OR subscription = $1 ORDER BY subscription, part`
  return (await rowsOf(client, text, [subscription ?? null])).map(toPart)
}

async function scan(client: PgClient, schema: string, question: ScanRows): Promise<readonly BuiltRow[]> {
  const steps = scanRows(dialectOf(schema), question)
  let next = steps.next()
  while (!next.done) next = steps.next(await select(client, next.value))
  return next.value
}

/** In one order, so that two who want the same parts do not wait for each other in a circle. */
async function handOver(
  client: PgClient,
  schema: string,
  owner: string | null,
  leases: readonly Lease[],
): Promise<readonly SubscriptionPart[]> {
  const text = `WITH wanted AS (
      SELECT p.subscription, p.part FROM ${schema}.parts p
      JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS w(subscription, part, epoch)
        ON (p.subscription, p.part, p.epoch) = (w.subscription, w.part, w.epoch)
      ORDER BY p.subscription, p.part FOR UPDATE OF p
    )
    UPDATE ${schema}.parts p SET owner = $1, epoch = p.epoch + 1 FROM wanted w
    WHERE (p.subscription, p.part) = (w.subscription, w.part)
    RETURNING p.subscription, p.part, p.owner, p.epoch, p.position, p.state`
  const columns = [leases.map(({ subscription }) => subscription), leases.map(({ part }) => part), leases.map(({ epoch }) => epoch)]
  return (await rowsOf(client, text, [owner, ...columns])).map(toPart)
}
