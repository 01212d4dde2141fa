/** Runs the statements that SQL stores share. */
import type { Query } from '../../core/query.ts'
import type { SqlStatement } from '../../core/sql.ts'
import { fragment, literal } from '../sql/fragment.ts'
import { hasTags, matching, positionsOf } from '../sql/query-sql.ts'
import { dialect } from './dialect.ts'
import type { Handle, Row } from './handle.ts'
import { sqliteText, toSqlite } from './run-statement.ts'

/** Runs a statement of the store's own. */
export function select(handle: Handle, statement: SqlStatement): readonly Row[] {
  return handle.rows(sqliteText(statement), ...statement.values.map(toSqlite))
}

/** An upper bound that nothing exceeds. */
const unbounded = Number.MAX_SAFE_INTEGER

/** The lowest position above `after` that matches, or `undefined`. */
export function firstMatch(handle: Handle, tenant: string, query: Query, after: number): number | undefined {
  const items: Query = query.length === 0 ? [{}] : query
  let lowest: number | undefined
  for (const item of items) {
    const from = hasTags(item)
      ? positionsOf(dialect, tenant, item, { after, to: unbounded })
      : fragment`SELECT e.position FROM ${literal(dialect.eventsByPosition)} WHERE e.position > ${after} AND e.tenant = ${tenant} AND ${matching(dialect, item)}`
    const position = select(handle, fragment`${from} ORDER BY e.position LIMIT 1`)[0]?.[0]
    if (typeof position === 'number' && (lowest === undefined || position < lowest)) lowest = position
  }
  return lowest
}
