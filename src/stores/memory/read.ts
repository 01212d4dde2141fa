/** Reads a layer in pages: a stream by version, the log by position. */
import type { ReadAllOptions, ReadStreamOptions } from '../../core/event-store.ts'
import { correlationIdOf } from '../../core/metadata.ts'
import { matches } from '../../core/query.ts'
import type { LogPage, StoredEvent } from '../../core/stored-event.ts'
import { categoryOf } from '../../core/stream-name.ts'
import { inOrder, type Range } from './in-order.ts'
import type { Layer } from './layer.ts'

const defaultPageSize = 1000

/** A stream in pages. Every page is asked for anew, so what is appended meanwhile is read too. */
export async function* readStream(
  layer: () => Layer,
  stream: string,
  options: ReadStreamOptions = {},
): AsyncGenerator<readonly StoredEvent[]> {
  const { tenant = '', backwards = false, pageSize = defaultPageSize } = options
  let after = options.after ?? 0
  let to = options.to ?? Number.MAX_SAFE_INTEGER
  let left = options.limit ?? Number.POSITIVE_INFINITY
  while (left > 0) {
    const size = Math.min(pageSize, left)
    const last = Math.min(to, layer().version(tenant, stream))
    const events = backwards
      ? [...layer().stream(tenant, stream, Math.max(after, last - size), last)].reverse()
      : layer().stream(tenant, stream, after, Math.min(last, after + size))
    if (events.length === 0) return
    yield events
    left -= events.length
    if (backwards) to = events.at(-1)!.version - 1
    else after = events.at(-1)!.version
  }
}

/** The log in pages; only committed events are ever in the layer that this reads. */
export async function* readAll(layer: () => Layer, options: ReadAllOptions = {}): AsyncGenerator<LogPage> {
  const { backwards = false, pageSize = defaultPageSize } = options
  let after = Math.max(options.after ?? 0, 0)
  let to = Math.min(options.to ?? Number.MAX_SAFE_INTEGER, backwards ? layer().head : Number.MAX_SAFE_INTEGER)
  let left = options.limit ?? Number.POSITIVE_INFINITY
  while (left > 0) {
    const last = Math.min(to, layer().head)
    if (after >= last) return
    const size = Math.min(pageSize, left)
    const events = take(layer(), options, { after, to: last, backwards }, size)
    const full = events.length === size
    const position = full ? events.at(-1)!.position : backwards ? after + 1 : last
    yield { events, position }
    left -= events.length
    if (backwards) to = position - 1
    else after = position
  }
}

function take(layer: Layer, options: ReadAllOptions, range: Range, size: number): readonly StoredEvent[] {
  const taken: StoredEvent[] = []
  for (const event of inOrder(layer.candidates(options.tenant, options.query ?? []), range)) {
    if (isAskedFor(event, options)) taken.push(event)
    if (taken.length === size) break
  }
  return taken
}

function isAskedFor(event: StoredEvent, { tenant, category, correlationId, query }: ReadAllOptions): boolean {
  if (tenant !== undefined && event.tenant !== tenant) return false
  if (category !== undefined && categoryOf(event.stream) !== category) return false
  if (correlationId !== undefined && correlationIdOf(event.metadata) !== correlationId) return false
  return query === undefined || matches(query, event)
}
