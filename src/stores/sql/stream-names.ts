/** The names of streams, each found by one step in the index by stream and version, however many events it has. */
import type { SqlStatement } from '../../core/sql.ts'
import type { Dialect } from './dialect.ts'
import { fragment, join, literal } from './fragment.ts'
import { inCategory } from './log-source.ts'

/** The next names of a tenant, or of a category in it. @param after  absent: from the beginning. */
export function streamNames(
  { events }: Dialect,
  tenant: string,
  category: string | undefined,
  after: string | undefined,
  count: number,
): SqlStatement {
  const among = [fragment`tenant = ${tenant}`, ...(category === undefined ? [] : [inCategory('stream', category)])]
  const next = (...conditions: readonly SqlStatement[]) =>
    fragment`SELECT stream FROM ${literal(events)} WHERE ${join([...among, ...conditions], ' AND ')} ORDER BY stream LIMIT 1`
  const first = after === undefined ? next() : next(fragment`stream > ${after}`)
  return fragment`WITH RECURSIVE names (name) AS (
      SELECT (${first}) UNION ALL SELECT (${next(literal('stream > name'))}) FROM names WHERE name IS NOT NULL
    ) SELECT name FROM names WHERE name IS NOT NULL LIMIT ${count}`
}
