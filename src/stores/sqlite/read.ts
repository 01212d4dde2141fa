/** Reads in pages. Each page is one statement that has ended before it is handed out; what is asked for next starts behind it. */
import type { ReadAllOptions, ReadStreamOptions } from '../../core/event-store.ts'
import type { LogPage, StoredEvent } from '../../core/stored-event.ts'
import { columnsInStream, toEvent } from '../sql/event-rows.ts'
import { logSource } from '../sql/log-source.ts'
import type { Range } from '../sql/query-sql.ts'
import { dialect } from './dialect.ts'
import type { Handle } from './handle.ts'
import { select } from './select.ts'

/** Does a read, on whichever connection and as soon as it may. */
export type Read = <T>(work: (handle: Handle) => T) => Promise<T>

const defaultPageSize = 1000

/** How many positions one statement walks when a filter has no index: a bound on how long the event loop stands still. */
const longestWalk = 20_000

/** A stream in pages. */
export async function* readStream(read: Read, stream: string, options: ReadStreamOptions = {}): AsyncGenerator<readonly StoredEvent[]> {
  const { tenant = '', backwards = false, pageSize = defaultPageSize } = options
  const text = `SELECT ${columnsInStream} FROM dacapo_events e INDEXED BY dacapo_events_stream
    WHERE tenant = ? AND stream = ? AND version > ? AND version <= ? ORDER BY version ${backwards ? 'DESC' : 'ASC'} LIMIT ?`
  let after = options.after ?? 0
  let to = options.to ?? Number.MAX_SAFE_INTEGER
  let left = options.limit ?? Number.POSITIVE_INFINITY
  while (left > 0) {
    const size = Math.min(pageSize, left)
    const events = await read((handle) => handle.rows(text, tenant, stream, after, to, size).map((row) => toEvent(row, tenant, stream)))
    if (events.length > 0) yield events
    if (events.length < size) return
    left -= events.length
    const { version } = events.at(-1) as StoredEvent
    if (backwards) to = version - 1
    else after = version
    await breath()
  }
}

/** The log in pages. */
export async function* readAll(read: Read, options: ReadAllOptions = {}): AsyncGenerator<LogPage> {
  const { backwards = false, pageSize = defaultPageSize } = options
  let after = Math.max(options.after ?? 0, 0)
  let to = options.to ?? Number.MAX_SAFE_INTEGER
  let left = options.limit ?? Number.POSITIVE_INFINITY
  while (left > 0) {
    const page = await read((handle) => readPage(handle, options, { after, to }, Math.min(pageSize, left)))
    if (!page) return
    yield page
    left -= page.events.length
    if (backwards) to = page.position - 1
    else after = page.position
    await breath()
  }
}

/** Statements are synchronous, and an await alone lets nobody else in. */
export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Position of the newest event. */
export const headOf = (handle: Handle): number => Number(handle.first('SELECT max(position) FROM dacapo_events')?.[0] ?? 0)

/** The next page of a range; `undefined` when the range is walked to its end. */
function readPage(handle: Handle, options: ReadAllOptions, asked: Range, size: number): LogPage | undefined {
  const { backwards = false } = options
  // The head comes first: what is committed between the two statements is above it, and left for the next page.
  const head = Math.min(asked.to, headOf(handle))
  if (asked.after >= head) return undefined
  const source = logSource(dialect, options)
  const range = source.piece({ after: asked.after, to: head }, longestWalk)
  const rows = select(handle, source.page(range, size))
  const events = rows.map((row) => toEvent(row))
  const last = events.length === size ? events.at(-1) : undefined
  return { events, position: last?.position ?? (backwards ? range.after + 1 : range.to) }
}
