/** Lists streams, by name. */
import type { ListStreamsOptions, StreamInfo } from '../../core/event-store.ts'
import type { SqlStatement } from '../../core/sql.ts'
import { fragment, join } from '../sql/fragment.ts'
import type { Handle } from './handle.ts'
import { select } from './query-sql.ts'

/** The primary key finds a category by the beginning of the name; a search walks the names of the tenant. */
export function listStreams(
  handle: Handle,
  { tenant = '', category, search, after, limit = 100 }: ListStreamsOptions = {},
): readonly StreamInfo[] {
  const conditions: SqlStatement[] = [fragment`tenant = ${tenant}`]
  // The character after "-" is ".".
  if (category !== undefined) conditions.push(fragment`stream >= ${`${category}-`} AND stream < ${`${category}.`}`)
  if (after !== undefined) conditions.push(fragment`stream > ${after}`)
  if (search !== undefined) conditions.push(fragment`instr(stream, ${search}) > 0`)
  const rows = select(
    handle,
    fragment`SELECT stream, version, first_position, last_position, recorded_at FROM dacapo_streams
      WHERE ${join(conditions, ' AND ')} ORDER BY stream LIMIT ${limit}`,
  )
  return rows.map((row) => {
    const [stream, version, firstPosition, lastPosition, recordedAt] = row as readonly [string, number, number, number, number]
    return { tenant, stream, version, firstPosition, lastPosition, recordedAt }
  })
}
