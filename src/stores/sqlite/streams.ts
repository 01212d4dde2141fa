/**
 * Streams are where their events are: nothing else is kept of them.
 *
 * The index by stream and version answers all of it. A row for each stream would be one more page to write for each stream that a
 * commit touches, and appends to many streams would be clearly slower.
 */
import type { ListStreamsOptions, StreamInfo } from '../../core/event-store.ts'
import { streamNames } from '../sql/stream-names.ts'
import { dialect } from './dialect.ts'
import type { Handle } from './handle.ts'
import { breath, type Read } from './read.ts'
import { select } from './select.ts'

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
      const count = search === '' ? Math.min(limit - found.length, longestWalk) : longestWalk
      const walked = select(handle, streamNames(dialect, tenant, category, last, count)).map(([name]) => name as string)
      for (const name of walked) {
        if (found.length < limit && name.includes(search)) found.push(streamInfo(handle, tenant, name) as StreamInfo)
      }
      return walked
    })
    last = names.at(-1)
    if (last === undefined || found.length >= limit) return found
  }
}
