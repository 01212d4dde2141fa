/** Views in PostgreSQL. */

import { gate } from '../../core/gate.ts'
import type { IndexType } from '../../core/projection.ts'
import type { BuiltRow, ViewDefinition, ViewStore } from '../../core/view-store.ts'
import { listStatement } from '../sql/view-question.ts'
import { viewClaim } from './claims.ts'
import { dialectOf } from './dialect.ts'
import { isSerialization } from './driver-errors.ts'
import { firstOf, type PgClient, rowsOf } from './pg.ts'
import { readAll } from './read.ts'
import type { ReadContext } from './read-context.ts'
import { select } from './sql-text.ts'
import { createIndex, indexName } from './view-indexes.ts'

/** The views of a store. @param inTransaction  runs work in a transaction on a connection of its own. */
export function viewStore(context: ReadContext, inTransaction: <T>(work: (client: PgClient) => Promise<T>) => Promise<T>): ViewStore {
  const { schema, read, now } = context
  const making = gate()
  /** Indexes that are made side by side wait for each other, which PostgreSQL ends with an error for one of them. */
  async function makeIndex(view: string, field: string, type: IndexType): Promise<void> {
    const leave = await making.enter()
    try {
      await read((client) => ensureIndex(client, schema, view, field, type))
    } finally {
      leave()
    }
  }
  return {
    get: (tenant, view, key) => read((client) => getRow(client, schema, tenant, view, key)),
    list: (tenant, definition, question) =>
      read(async (client) => {
        const rows = await select(client, listStatement(dialectOf(schema), tenant, definition, question))
        return rows.map(([key, row, rowVersion]) => ({ key: key as string, row: row as string, rowVersion: rowVersion as number }))
      }),
    defined: () =>
      read(async (client) => {
        const rows = await rowsOf(client, `SELECT view, fingerprint FROM ${schema}.views ORDER BY view`)
        return rows.map(([view, fingerprint]) => ({ view: view as string, fingerprint: fingerprint as string }))
      }),

    async define({ view, indexes, fingerprint }) {
      for (const [field, type] of entries(indexes)) await makeIndex(view, field, type)
      const text = `INSERT INTO ${schema}.views (view, fingerprint, indexes) VALUES ($1, $2, $3) ON CONFLICT (view) DO NOTHING`
      await read((client) => rowsOf(client, text, [view, fingerprint, JSON.stringify(indexes)]))
    },

    async rebuild(definition, build) {
      const { view, indexes } = definition
      const known = await read((client) => firstOf(client, `SELECT indexes FROM ${schema}.views WHERE view = $1`, [view]))
      // Not in the transaction below: nobody must wait for an index while the order lock is held.
      for (const [field, type] of entries(indexes)) await makeIndex(view, field, type)
      await inTransaction(async (client) => {
        let locked = false
        const lock = async () => {
          if (locked) return
          locked = true
          await rowsOf(client, `SELECT pg_advisory_xact_lock(${schema}.claim_lock($1))`, [viewClaim(view)])
          await rowsOf(client, `SELECT ${schema}.hold_order_lock()`)
          await rowsOf(client, `SELECT ${schema}.stamp($1)`, [now()])
        }
        const built = await build(wholeLog(client, lock))
        await lock()
        await replace(client, schema, definition, built)
      })
      const outdated = entries(JSON.parse(String(known?.[0] ?? '{}'))).filter(([field, type]) => indexes[field] !== type)
      for (const [field, type] of outdated)
        await read((client) => client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${schema}."${indexName(view, field, type)}"`))
    },
  }

  /** Catches up while appends go on, then reads what has come meanwhile with nobody else writing. */
  async function* wholeLog(client: PgClient, lock: () => Promise<void>) {
    let after = 0
    for await (const page of readAll(context)) {
      yield page
      after = page.position
    }
    await lock()
    yield* readAll({ ...context, read: (work) => work(client), inTransaction: true }, { after })
  }
}

/** A row; `row` is null for a deleted key. */
export async function getRow(
  client: PgClient,
  schema: string,
  tenant: string,
  view: string,
  key: string,
): Promise<{ readonly row: string | null; readonly rowVersion: number } | undefined> {
  const text = `SELECT row, row_version FROM ${schema}.view_rows WHERE tenant = $1 AND view = $2 AND key = $3`
  const found = await firstOf(client, text, [tenant, view, key])
  return found && { row: found[0] as string | null, rowVersion: found[1] as number }
}

/**
 * Makes an index; only the owner of the table may. One that is there is left alone, which anybody may. One whose making was
 * interrupted is of no use, and in the way of the next attempt.
 */
async function ensureIndex(client: PgClient, schema: string, view: string, field: string, type: IndexType): Promise<void> {
  const name = `${schema}."${indexName(view, field, type)}"`
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await firstOf(client, 'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)', [name])
      if (found?.[0] === true) return
      if (found) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
      await client.query(createIndex(schema, view, field, type))
      return
    } catch (error) {
      // Another process was making one, and waited for this one to end.
      if (!isSerialization(error) || attempt === 10) throw error
    }
  }
}

async function replace(
  client: PgClient,
  schema: string,
  { view, indexes, fingerprint }: ViewDefinition,
  built: readonly BuiltRow[],
): Promise<void> {
  // Every key that was ever written gets a new row version: a fold that started from the old rows must not fit.
  await rowsOf(client, `UPDATE ${schema}.view_rows SET row = NULL, row_version = row_version + 1 WHERE view = $1`, [view])
  for (let at = 0; at < built.length; at += rowsInOneStatement) {
    const rows = built.slice(at, at + rowsInOneStatement)
    await rowsOf(
      client,
      `INSERT INTO ${schema}.view_rows (tenant, view, key, row_version, row)
       SELECT tenant, $1, key, 1, row::json FROM unnest($2::text[], $3::text[], $4::text[]) AS built(tenant, key, row)
       ON CONFLICT (tenant, view, key) DO UPDATE SET row = excluded.row`,
      [view, rows.map(({ tenant }) => tenant), rows.map(({ key }) => key), rows.map(({ row }) => row)],
    )
  }
  await rowsOf(
    client,
    `INSERT INTO ${schema}.views (view, fingerprint, indexes) VALUES ($1, $2, $3)
     ON CONFLICT (view) DO UPDATE SET fingerprint = excluded.fingerprint, indexes = excluded.indexes`,
    [view, fingerprint, JSON.stringify(indexes)],
  )
}

const rowsInOneStatement = 1000

const entries = (indexes: Readonly<Record<string, IndexType>>): readonly [string, IndexType][] => Object.entries(indexes)
