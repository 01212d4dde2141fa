/**
 * The log for everybody who follows it: its newest events are read once and kept for a while, older ones come from the store.
 *
 * Invariant: an answer has every event that matches behind the position that was asked for, up to the position that it names. Both
 * sources keep it, so there is no moment at which catching up ends and following begins, and nothing to lose between the two.
 */
import type { EventStore } from '../../core/event-store.ts'
import type { LogPage, StoredEvent } from '../../core/stored-event.ts'
import { type MemoryPressure, pressureFactors } from '../state/memory-pressure.ts'
import { pause } from '../timeout.ts'
import { type PageReader, readPages } from './read-pages.ts'
import { makeWaiters } from './waiters.ts'

/** The log, shared by the parts that a process works on. */
export interface LogFeed {
  /** Position of the newest event that it has heard of. */
  readonly head: number
  /** Follows the events of some types. @param most  of them come together when they are read from the store. */
  reader(types: ReadonlySet<string>, most?: number): LogReader
  /** Reads nothing any more; everybody who waits should have been told before. */
  close(): void
}

/** Follows the log for one part. */
export interface LogReader {
  /**
   * The next events; waits until there is something behind the position.
   *
   * @returns `undefined` once the signal is aborted.
   */
  next(after: number, signal: AbortSignal): Promise<LogPage | undefined>
  /** Ends what is being read in advance. */
  close(): Promise<void>
}

/** How much is kept for those who follow, less under memory pressure; who is further behind reads by himself. */
const keptEvents = 4000
const pageSize = 1000

/** @param failed  told when the store could not be asked; it is asked again after a pause. */
export function makeLogFeed(store: EventStore, memory: Pick<MemoryPressure, 'level' | 'watch'>, failed: (error: unknown) => void): LogFeed {
  const closing = new AbortController()
  const waiters = makeWaiters()
  /** Every event behind `start`, up to `end`. */
  let kept: StoredEvent[] = []
  let start = 0
  let end = 0
  let head = 0
  const mostKept = () => keptEvents * pressureFactors[memory.level]
  const unwatch = memory.watch(() => keepOnly(mostKept()))

  async function follow(): Promise<void> {
    for (let pauseMs = 100; !closing.signal.aborted; pauseMs = Math.min(pauseMs * 2, 5000)) {
      try {
        for await (const position of store.changes(closing.signal)) {
          await catchUp(position)
          pauseMs = 100
          head = position
          waiters.wake()
        }
      } catch (error) {
        if (closing.signal.aborted) return
        failed(error)
        await pause(pauseMs)
      }
    }
  }

  async function catchUp(to: number): Promise<void> {
    if (to - end > mostKept()) {
      kept = []
      start = to
      end = to
    }
    if (to <= end) return
    for await (const { events, position } of store.readAll({ after: end, to, pageSize })) {
      for (const event of events) kept.push(event)
      end = position
    }
    // Seldom, and then half of it: taking away one by one would move all the others each time.
    if (kept.length > 2 * mostKept()) keepOnly(mostKept())
  }

  /** The newest. */
  function keepOnly(most: number): void {
    if (kept.length <= most) return
    kept = kept.slice(-most)
    start = (kept[0] as StoredEvent).position - 1
  }

  function fromKept(after: number, types: ReadonlySet<string>): LogPage {
    const events: StoredEvent[] = []
    for (let i = firstAfter(kept, after); i < kept.length; i++) {
      const event = kept[i] as StoredEvent
      if (!types.has(event.type)) continue
      events.push(event)
      if (events.length === pageSize) return { events, position: event.position }
    }
    return { events, position: end }
  }

  async function next(types: ReadonlySet<string>, older: PageReader, after: number, signal: AbortSignal): Promise<LogPage | undefined> {
    while (!signal.aborted) {
      if (after >= start && after < end) {
        if (!older.isOpen) return fromKept(after, types)
        await older.close() // what it has read in advance is not needed: whoever has come this far follows
        continue
      }
      const page = after < head ? await older.next(after, head) : undefined
      if (page) return page
      if (after >= head && !signal.aborted) await waiters.change(signal)
    }
    return undefined
  }

  void follow()
  return {
    get head() {
      return head
    },
    reader(types, most = pageSize) {
      const query = [{ types: [...types] }]
      const older = readPages((after) => store.readAll({ after, query, pageSize: most }))
      return { next: (after, signal) => next(types, older, after, signal), close: older.close }
    },
    close() {
      closing.abort()
      unwatch()
    },
  }
}

/** The index of the first event behind a position. */
function firstAfter(events: readonly StoredEvent[], after: number): number {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((events[middle] as StoredEvent).position > after) high = middle
    else low = middle + 1
  }
  return low
}
