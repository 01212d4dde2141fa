/** Reads in pages. Each page is one statement; what is asked for next starts behind it. */
import type { ReadAllOptions, ReadStreamOptions } from '../../core/event-store.ts'
import type { LogPage, StoredEvent } from '../../core/stored-event.ts'
import { toEvent } from '../sql/event-rows.ts'
import { logSource } from '../sql/log-source.ts'
import { dialectOf } from './dialect.ts'
import { firstOf, rowsOf } from './pg.ts'
import { inReadCommitted, isOtherLevel } from './read-committed.ts'
import type { ReadContext } from './read-context.ts'
import { streamPage } from './read-together.ts'
import { select } from './sql-text.ts'

const defaultPageSize = 1000

/** How many positions one statement walks when a filter has no index: a bound on how long it takes. */
const longestWalk = 100_000

/** A stream in pages. */
export async function* readStream(
  context: ReadContext,
  stream: string,
  options: ReadStreamOptions = {},
): AsyncGenerator<readonly StoredEvent[]> {
  const { schema, read, together, inTransaction = false } = context
  const { tenant = '', backwards = false, pageSize = defaultPageSize } = options
  const text = streamPage(schema, backwards ? 'DESC' : 'ASC')
  let after = options.after ?? 0
  let to = options.to ?? Number.MAX_SAFE_INTEGER
  let left = options.limit ?? Number.POSITIVE_INFINITY
  while (left > 0) {
    const size = Math.min(pageSize, left)
    const page = async () =>
      together && !backwards
        ? together.rows({ tenant, stream, after, to, size })
        : { rows: await read((client) => rowsOf(client, text, [tenant, stream, after, to, size])), isCut: false }
    let { rows, isCut } = await page()
    if (!inTransaction && rows.some(([position]) => position === null)) {
      await headOf(context)
      ;({ rows, isCut } = await page())
    }
    const events = rows.map((row) => toEvent(row, tenant, stream))
    if (events.length > 0) yield events
    if (events.length < size && !isCut) return
    left -= events.length
    const { version } = events.at(-1) as StoredEvent
    if (backwards) to = version - 1
    else after = version
  }
}

/** The log in pages. */
export async function* readAll(context: ReadContext, options: ReadAllOptions = {}): AsyncGenerator<LogPage> {
  const { schema, read } = context
  const { backwards = false, pageSize = defaultPageSize } = options
  let after = Math.max(options.after ?? 0, 0)
  let to = options.to ?? Number.MAX_SAFE_INTEGER
  let left = options.limit ?? Number.POSITIVE_INFINITY
  // The head comes first, in a statement of its own: what is committed after it is above it, and left for the next look.
  let head = 0
  const source = logSource(dialectOf(schema), options)
  let walk = pageSize
  while (left > 0) {
    if (after >= Math.min(to, head)) {
      head = await headOf(context)
      if (after >= Math.min(to, head)) return
    }
    const last = Math.min(to, head)
    const range = source.piece({ after, to: last }, walk)
    const size = Math.min(pageSize, left)
    const rows = await read((client) => select(client, source.page(range, size)))
    const events = rows.map((row) => toEvent(row))
    const end = events.length === size ? events.at(-1) : undefined
    const position = end?.position ?? (backwards ? range.after + 1 : range.to)
    yield { events, position }
    left -= events.length
    walk = nextWalk(backwards ? range.to - position + 1 : position - range.after, events.length, pageSize)
    if (backwards) to = position - 1
    else after = position
  }
}

/**
 * How many positions are likely to hold a page, going by the last one. Asked for no more than that, PostgreSQL has no bad plan to choose: on
 * a table that was never analysed it would sort everything up to the head for each page.
 */
function nextWalk(walked: number, found: number, pageSize: number): number {
  const likely = Math.min((walked * pageSize) / Math.max(found, 1), walked * 4)
  return Math.ceil(Math.min(Math.max(likely, pageSize), longestWalk))
}

/** Position of the newest event, once everything committed has one. */
export function headOf({ schema, now, read, inTransaction = false }: ReadContext): Promise<number> {
  return read(async (client) => {
    const ask = async () => Number((await firstOf(client, `SELECT ${schema}.head($1)`, [now()]))?.[0] ?? 0)
    try {
      return await ask()
    } catch (error) {
      if (inTransaction || !isOtherLevel(error)) throw error
      return inReadCommitted(client, ask)
    }
  })
}
