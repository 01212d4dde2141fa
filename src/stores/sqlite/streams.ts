/**
 * Streams are where their events are: nothing else is kept of them.
 *
 * The index by stream and version answers all of it. A row for each stream would be one more page to write for each stream that a
 * commit touches, which costs appends to many streams a third of their speed.
 */
import type { ListStreamsOptions, StreamInfo } from '../../core/event-store.ts'
import type { SqlStatement } from '../../core/sql.ts'
import { fragment, join } from '../sql/fragment.ts'
import type { Handle } from './handle.ts'
import { select } from './query-sql.ts'
import { breath, type Read } from './read.ts'

/** How many names one statement walks: a bound on how long the event loop stands still. */
const longestWalk = 5000

/** The version of a stream; 0 when it does not exist. */
export function versionOf(handle: Handle, tenant: string, stream: string): number {
  const row = handle.first(
    'SELECT version FROM dacapo_events WHERE tenant = ? AND stream = ? ORDER BY version DESC LIMIT 1',
    tenant,
    stream,
  )
  return Number(row?.[0] ?? 0)
}

/** A stream without its events. */
export function streamInfo(handle: Handle, tenant: string, stream: string): StreamInfo | undefined {
  const row = handle.first(
    `SELECT version, position, recorded_at,
       (SELECT position FROM dacapo_events WHERE tenant = newest.tenant AND stream = newest.stream ORDER BY version LIMIT 1)
     FROM dacapo_events newest WHERE tenant = ? AND stream = ? ORDER BY version DESC LIMIT 1`,
    tenant,
    stream,
  )
  if (!row) return undefined
  const [version, lastPosition, recordedAt, firstPosition] = row as readonly [number, number, number, number]
  return { tenant, stream, version, firstPosition, lastPosition, recordedAt }
}

/** Streams by name; a search walks the names of the tenant. */
export async function listStreams(
  read: Read,
  { tenant = '', category, search = '', after, limit = 100 }: ListStreamsOptions = {},
): Promise<readonly StreamInfo[]> {
  const found: StreamInfo[] = []
  for (let last = after; ; await breath()) {
    const names = await read((handle) => {
      const walked = namesOf(handle, tenant, category, last, search === '' ? Math.min(limit - found.length, longestWalk) : longestWalk)
      for (const name of walked) {
        if (found.length < limit && name.includes(search)) found.push(streamInfo(handle, tenant, name) as StreamInfo)
      }
      return walked
    })
    last = names.at(-1)
    if (last === undefined || found.length >= limit) return found
  }
}

/** The next names of a tenant or of a category in it, each found by one step in the index, however many events it has. */
function namesOf(
  handle: Handle,
  tenant: string,
  category: string | undefined,
  after: string | undefined,
  count: number,
): readonly string[] {
  // The character after "-" is ".".
  const inCategory = category === undefined ? [] : [fragment`stream >= ${`${category}-`}`, fragment`stream < ${`${category}.`}`]
  const next = (...conditions: readonly SqlStatement[]) =>
    fragment`SELECT stream FROM dacapo_events WHERE ${join([fragment`tenant = ${tenant}`, ...inCategory, ...conditions], ' AND ')} ORDER BY stream LIMIT 1`
  const first = after === undefined ? next() : next(fragment`stream > ${after}`)
  const rows = select(
    handle,
    fragment`WITH RECURSIVE names (name) AS (
        SELECT (${first}) UNION ALL SELECT (${next(fragment`stream > name`)}) FROM names WHERE name IS NOT NULL
      ) SELECT name FROM names WHERE name IS NOT NULL LIMIT ${count}`,
  )
  return rows.map(([name]) => name as string)
}
