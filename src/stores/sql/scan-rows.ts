/** Walks through the rows of one generation of a view, in every tenant. */
import type { SqlStatement } from '../../core/sql.ts'
import { type BuiltRow, keptUnder } from '../../core/view-store.ts'
import type { ScanRows } from '../../core/work-store.ts'
import type { Dialect } from './dialect.ts'
import { fragment, literal } from './fragment.ts'
import { liveGeneration } from './view-question.ts'

type Rows = readonly (readonly unknown[])[]

/**
 * A page of rows. The key of the table begins with the tenant, so it is walked tenant by tenant.
 *
 * A generator, because one store answers at once and another later: it yields each statement, and is handed its rows.
 */
export function* scanRows(
  { viewRows }: Dialect,
  { view, generation, after, limit }: ScanRows,
): Generator<SqlStatement, readonly BuiltRow[], Rows> {
  const under = keptUnder(view, generation)
  const table = literal(viewRows)
  const found: BuiltRow[] = []
  let tenant: string | undefined = after?.tenant ?? ''
  let behind = after?.key
  while (tenant !== undefined) {
    const beyond = behind === undefined ? literal('') : fragment`AND key > ${behind}`
    const rows = yield fragment`SELECT key, row FROM ${table} WHERE tenant = ${tenant} AND view = ${under} ${beyond} AND row IS NOT NULL
      ORDER BY key LIMIT ${limit - found.length}`
    for (const [key, row] of rows) found.push({ tenant, key: key as string, row: row as string })
    if (found.length >= limit) return found
    tenant = (yield fragment`SELECT tenant FROM ${table} WHERE tenant > ${tenant} ORDER BY tenant LIMIT 1`)[0]?.[0] as string | undefined
    behind = undefined
  }
  return found
}

/** How many rows are deleted at once. */
const piece = 2000

/**
 * Deletes rows, none when their generation is live; yields each statement, and is handed the rows that it has deleted.
 *
 * Somebody else may be deleting the same ones: the statement has waited for him then and has deleted nothing, though more rows are left,
 * which he may never come to. So it is asked whether any are there before the next tenant's turn.
 */
export function* discardRows(dialect: Dialect, view: string, generation: number): Generator<SqlStatement, void, Rows> {
  const under = keptUnder(view, generation)
  const table = literal(dialect.viewRows)
  const isLive = fragment`${liveGeneration(dialect, view)} = ${generation}`
  for (let tenant: string | undefined = ''; tenant !== undefined; ) {
    const own: SqlStatement = fragment`tenant = ${tenant} AND view = ${under}`
    const some: SqlStatement = fragment`SELECT key FROM ${table} WHERE ${own} ORDER BY key LIMIT ${piece}`
    const gone: Rows = yield fragment`DELETE FROM ${table} WHERE ${own} AND key IN (${some}) AND NOT ${isLive} RETURNING 1`
    if (gone.length > 0) continue
    const left: Rows = yield fragment`SELECT 1 FROM ${table} WHERE ${own} AND NOT ${isLive} LIMIT 1`
    if (left.length > 0) continue
    tenant = (yield fragment`SELECT tenant FROM ${table} WHERE tenant > ${tenant} ORDER BY tenant LIMIT 1`)[0]?.[0] as string | undefined
  }
}
