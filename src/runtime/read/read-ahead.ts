/**
 * Reads ahead of a consumer of live events, into a buffer, and does what was chosen when the consumer cannot keep up.
 *
 * Invariants: what is in memory is the buffer and one page, which is no longer than the buffer. What was in the log when the reading began is
 * never dropped: it waits in the store. Whoever drops events says so, in the place where they would have come.
 */
import { toCount } from '../../core/duration.ts'
import { OverflowError, ValidationError } from '../../core/errors.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import type { Engine } from '../engine.ts'
import { pause } from '../timeout.ts'
import { type DroppedEvents, makeEventBuffer } from './event-buffer.ts'

/** Events a page, unless the buffer is smaller. */
const longestPage = 1000

/** How far a live reader reads ahead, and what becomes of events that find the buffer full. */
export interface EventsBuffer {
  /** How many events it holds, at most. */
  readonly limit: number
  /**
   * `block`: they wait in the store. `drop-oldest`, `drop-newest`: the oldest of the buffer goes, or the new one. `error`: when the buffer is
   * used up, the loop ends in an OverflowError (`ES_OVERFLOW`). What was in the log when the reading began always waits. Default `block`.
   */
  readonly overflow?: 'block' | 'drop-oldest' | 'drop-newest' | 'error'
  /** Told of a gap right before the event that comes after it. What it throws ends the loop. */
  readonly dropped?: (gap: DroppedEvents) => void
}

/** Whose reading it is. */
export interface ReadAhead {
  readonly engine: Pick<Engine, 'store' | 'tell'>
  readonly tenant: string
  readonly options: { readonly stream?: string; readonly live?: boolean; readonly signal?: AbortSignal }
  readonly buffer: EventsBuffer
  /** The events in pages of some size, until the signal aborts. */
  readonly pagesOf: (pageSize: number, signal: AbortSignal) => AsyncGenerator<readonly StoredEvent[]>
}

const policies: readonly unknown[] = ['block', 'drop-oldest', 'drop-newest', 'error']

/**
 * The events one by one, in pages of one: whatever is handed out is not in the buffer any more.
 *
 * @throws ValidationError (`ES_VALIDATION`) not live, or an unknown overflow; DefinitionError (`ES_DEFINITION`) no limit; OverflowError.
 */
export async function* readAhead({ engine, tenant, options, buffer, pagesOf }: ReadAhead): AsyncGenerator<readonly StoredEvent[]> {
  const { overflow = 'block', dropped } = buffer
  const limit = toCount(buffer.limit, 'buffer.limit')
  if (!options.live) throw new ValidationError('events', ['a buffer is for live reading: leave it out, or add live'])
  if (!policies.includes(overflow)) throw new ValidationError('events', [`overflow is one of ${policies.join(', ')}, not ${overflow}`])
  const placeOf = (event: StoredEvent) => (options.stream === undefined ? event.position : event.version)
  const old = await endOf(engine, tenant, options.stream)
  const stop = new AbortController()
  const signal = AbortSignal.any(options.signal ? [options.signal, stop.signal] : [stop.signal])
  const pages = pagesOf(Math.min(limit, longestPage), signal)
  const waiting = makeEventBuffer(limit, placeOf)
  const whenFull = overflow === 'drop-oldest' ? 'drop-oldest' : 'drop-newest'
  const [arrived, taken] = [makeBell(), makeBell()]
  let hasEnded = false
  let failure: { readonly error: unknown } | undefined

  async function fill(): Promise<void> {
    for await (const page of pages) {
      let hasPaused = false
      let gap: DroppedEvents | undefined
      for (const event of page) {
        while (waiting.isFull && (overflow === 'block' || placeOf(event) <= old)) {
          await taken.ring()
          if (signal.aborted) return
        }
        if (waiting.isFull && !hasPaused) {
          // A consumer that does its work at once has had no turn since the page came.
          hasPaused = true
          await pause(0, signal)
        }
        if (signal.aborted) return
        if (waiting.isFull && overflow === 'error') {
          const after = placeOf(waiting.newest as StoredEvent)
          engine.tell?.({ signal: 'events.overflow', tenant, overflow, events: 0, after, to: after })
          throw new OverflowError(limit, after)
        }
        const lost = waiting.push(event, whenFull)
        if (lost) {
          const place = placeOf(lost)
          gap = { events: (gap?.events ?? 0) + 1, after: gap?.after ?? place - 1, to: place }
        }
        arrived.strike()
      }
      if (gap) engine.tell?.({ signal: 'events.overflow', tenant, overflow: whenFull, ...gap })
    }
  }

  const wakeAll = () => {
    arrived.strike()
    taken.strike()
  }
  signal.addEventListener('abort', wakeAll)
  const filling = fill()
    .catch((error) => {
      failure = { error }
    })
    .finally(() => {
      hasEnded = true
      arrived.strike()
    })
  try {
    for (;;) {
      const entry = waiting.take()
      if (entry) {
        taken.strike()
        if (entry.dropped) dropped?.(entry.dropped)
        yield [entry.event]
      } else if (hasEnded) {
        if (waiting.dropped && !signal.aborted) dropped?.(waiting.dropped)
        if (failure) throw failure.error
        return
      } else await arrived.ring()
    }
  } finally {
    stop.abort()
    await filling
    signal.removeEventListener('abort', wakeAll)
  }
}

/** Where the log, or a stream of it, ends now. */
async function endOf({ store }: Pick<Engine, 'store'>, tenant: string, stream: string | undefined): Promise<number> {
  return stream === undefined ? store.head() : ((await store.streamInfo(stream, tenant))?.version ?? 0)
}

/** Somebody waits until somebody else strikes it. Whoever waits has looked before, in the same turn, so no strike is missed. */
function makeBell(): { ring(): Promise<void>; strike(): void } {
  let heard = () => {}
  return {
    ring: () =>
      new Promise((resolve) => {
        heard = resolve
      }),
    strike: () => heard(),
  }
}
