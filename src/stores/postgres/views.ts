/** Views in PostgreSQL. */

import { gate } from '../../core/gate.ts'
import type { IndexType } from '../../core/projection.ts'
import { type BuiltRow, keptUnder, type ViewDefinition, type ViewStore } from '../../core/view-store.ts'
import type { ViewSwitch } from '../../core/work-store.ts'
import { discardRows } from '../sql/scan-rows.ts'
import { listStatement } from '../sql/view-question.ts'
import { changingClaims } from './claims.ts'
import { dialectOf } from './dialect.ts'
import { isCatalogRace, isSerialization } from './driver-errors.ts'
import { claimViews, keep, keptViews, raiseEpoch } from './kept-views.ts'
import { firstOf, type PgClient, type Row, rowsOf } from './pg.ts'
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
  const dialect = dialectOf(schema)
  /** Which generations were live when they were last looked at. */
  const live = new Map<string, number>()

  async function generationOf(client: PgClient, view: string): Promise<number> {
    const found = await firstOf(client, `SELECT generation FROM ${schema}.generations WHERE view = $1`, [view])
    return Number(found?.[0] ?? 0)
  }

  /** Nothing is found where another generation has become the live one; they only go up, so it is found out. */
  async function listLive(client: PgClient, view: string, list: (generation: number) => Promise<readonly Row[]>): Promise<readonly Row[]> {
    for (let generation = live.get(view) ?? (await generationOf(client, view)); ; ) {
      const rows = await list(generation)
      const now = rows.length > 0 ? generation : await generationOf(client, view)
      live.set(view, now)
      if (now === generation) return rows
      generation = now
    }
  }

  return {
    get: (tenant, view, key, generation) =>
      read((client) =>
        generation === undefined
          ? getLiveRow(client, schema, tenant, view, key)
          : getRow(client, schema, tenant, keptUnder(view, generation), key),
      ),
    list: (tenant, definition, question) =>
      read(async (client) => {
        const rows = await listLive(client, definition.view, (generation) =>
          select(client, listStatement(dialect, tenant, definition, generation, question)),
        )
        return rows.map(([key, row, rowVersion]) => ({ key: key as string, row: row as string, rowVersion: rowVersion as number }))
      }),
    defined: () =>
      read(async (client) => {
        const text = `SELECT v.view, v.indexes, v.fingerprint, coalesce(g.generation, 0) FROM ${schema}.views v
          LEFT JOIN ${schema}.generations g ON g.view = v.view ORDER BY v.view`
        const rows = await rowsOf(client, text)
        return rows.map(([view, indexes, fingerprint, generation]) => ({
          view: view as string,
          indexes: JSON.parse(indexes as string),
          fingerprint: fingerprint as string,
          generation: generation as number,
        }))
      }),

    kept: () => read((client) => keptViews(client, schema)),

    async retire(view) {
      const definition = await inTransaction(async (client) => {
        await claimViews(client, schema, changingClaims(view, []), true)
        const found = await rowsOf(client, `DELETE FROM ${schema}.kept_views WHERE view = $1 RETURNING 1`, [view])
        if (found.length === 0) return undefined
        await empty(client, schema, view)
        await raiseEpoch(client, schema)
        return firstOf(client, `DELETE FROM ${schema}.views WHERE view = $1 RETURNING indexes`, [view])
      })
      if (definition) await dropIndexes(view, JSON.parse(String(definition[0])))
    },

    async prepare({ view, indexes }, generation) {
      for (const [field, type] of entries(indexes)) await makeIndex(keptUnder(view, generation), field, type)
    },

    async discard({ view, indexes }, generation, signal) {
      const steps = discardRows(dialect, view, generation)
      for (let next = steps.next(); !next.done; ) {
        if (signal?.aborted) return
        const statement = next.value
        next = steps.next(await read((client) => select(client, statement)))
      }
      if ((await read((client) => generationOf(client, view))) !== generation) await dropIndexes(keptUnder(view, generation), indexes)
    },

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
          await claimViews(client, schema, changingClaims(view, definition.types), true)
          await rowsOf(client, `SELECT ${schema}.stamp($1)`, [now()])
        }
        const built = await build(wholeLog(client, lock))
        await lock()
        await replace(client, schema, definition, built)
      })
      const outdated = entries(JSON.parse(String(known?.[0] ?? '{}'))).filter(([field, type]) => indexes[field] !== type)
      await dropIndexes(view, Object.fromEntries(outdated))
    },
  }

  async function dropIndexes(under: string, indexes: ViewDefinition['indexes']): Promise<void> {
    for (const [field, type] of entries(indexes))
      await read((client) => client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${schema}."${indexName(under, field, type)}"`))
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

/** The row of the generation that is live as the statement begins: both are seen at one moment. */
async function getLiveRow(client: PgClient, schema: string, tenant: string, view: string, key: string): ReturnType<typeof getRow> {
  const text = `SELECT row, row_version FROM ${schema}.view_rows WHERE tenant = $1 AND key = $3
    AND view = coalesce((SELECT g.view || '@' || g.generation FROM ${schema}.generations g WHERE g.view = $2), $2)`
  const found = await firstOf(client, text, [tenant, view, key])
  return found && { row: found[0] as string | null, rowVersion: found[1] as number }
}

/** Switches to another generation of rows, in the caller's transaction. */
export async function switchView(client: PgClient, schema: string, { generation, ...definition }: ViewSwitch): Promise<void> {
  await setDefinition(client, schema, definition)
  const text = `INSERT INTO ${schema}.generations (view, generation) VALUES ($1, $2)
    ON CONFLICT (view) DO UPDATE SET generation = excluded.generation`
  await rowsOf(client, text, [definition.view, generation])
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
      // Another process was making one and waited for this one to end, or took the one that was being made here for one left half done.
      if (!(isSerialization(error) || isCatalogRace(error)) || attempt === 10) throw error
    }
  }
}

async function replace(client: PgClient, schema: string, definition: ViewDefinition, built: readonly BuiltRow[]): Promise<void> {
  const { view } = definition
  await empty(client, schema, view)
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
  await rowsOf(client, `DELETE FROM ${schema}.generations WHERE view = $1`, [view])
  await keepView(client, schema, definition)
}

/** Every key that was ever written gets a new row version: a fold that started from the old rows must not fit. */
async function empty(client: PgClient, schema: string, view: string): Promise<void> {
  await rowsOf(client, `UPDATE ${schema}.view_rows SET row = NULL, row_version = row_version + 1 WHERE view = $1`, [view])
}

/** Registers a view that appends keep from the commit on. The caller has claimed the views. */
export async function keepView(client: PgClient, schema: string, definition: ViewDefinition): Promise<void> {
  const before = await keptViews(client, schema)
  await setDefinition(client, schema, definition)
  await keep(client, schema, definition, before)
}

async function setDefinition(client: PgClient, schema: string, { view, indexes, fingerprint }: ViewDefinition): Promise<void> {
  await rowsOf(
    client,
    `INSERT INTO ${schema}.views (view, fingerprint, indexes) VALUES ($1, $2, $3)
     ON CONFLICT (view) DO UPDATE SET fingerprint = excluded.fingerprint, indexes = excluded.indexes`,
    [view, fingerprint, JSON.stringify(indexes)],
  )
}

const rowsInOneStatement = 1000

const entries = (indexes: Readonly<Record<string, IndexType>>): readonly [string, IndexType][] => Object.entries(indexes)
