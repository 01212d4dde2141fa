/** A queue of events with a limit, and what becomes of those that find it full. */
import type { StoredEvent } from '../../core/stored-event.ts'

/** Events that a consumer does not get. Reading again with these bounds and the same filters gets them. */
export interface DroppedEvents {
  /** How many. */
  readonly events: number
  /** Only positions above; with `stream`, versions. */
  readonly after: number
  /** Only positions up to and including; with `stream`, versions. */
  readonly to: number
}

/** An event, and what was dropped right before it. */
export interface Buffered {
  readonly event: StoredEvent
  dropped: DroppedEvents | undefined
}

/** Never holds more events than its limit; a gap is kept with the event that comes after it. */
export interface EventBuffer {
  readonly isFull: boolean
  /** The newest event in it. */
  readonly newest: StoredEvent | undefined
  /** Adds one. When it is full, the oldest one goes, or this one does, and is returned. */
  push(event: StoredEvent, whenFull: 'drop-oldest' | 'drop-newest'): StoredEvent | undefined
  /** The oldest one. */
  take(): Buffered | undefined
  /** What was dropped behind the newest event. */
  readonly dropped: DroppedEvents | undefined
}

/** @param placeOf  what bounds are given in: positions, or the versions of one stream. */
export function makeEventBuffer(limit: number, placeOf: (event: StoredEvent) => number): EventBuffer {
  let entries: Buffered[] = []
  /** Where the oldest is: taking from the front of a long list would move all others each time. */
  let at = 0
  let behind: DroppedEvents | undefined

  const more = (gap: DroppedEvents | undefined, event: StoredEvent): DroppedEvents => {
    const place = placeOf(event)
    return gap ? { events: gap.events + 1, after: gap.after, to: place } : { events: 1, after: place - 1, to: place }
  }

  function take(): Buffered | undefined {
    const entry = entries[at]
    if (!entry) return undefined
    at++
    if (at > 1000 && at * 2 > entries.length) {
      entries = entries.slice(at)
      at = 0
    }
    return entry
  }

  return {
    get isFull() {
      return entries.length - at >= limit
    },
    get newest() {
      return at < entries.length ? entries.at(-1)?.event : undefined
    },
    push(event, whenFull) {
      const isFull = entries.length - at >= limit
      if (isFull && whenFull === 'drop-newest') {
        behind = more(behind, event)
        return event
      }
      const oldest = isFull ? take() : undefined
      entries.push({ event, dropped: behind })
      behind = undefined
      const next = entries[at]
      if (oldest && next) {
        const gap = more(oldest.dropped, oldest.event)
        next.dropped = next.dropped ? { events: gap.events + next.dropped.events, after: gap.after, to: next.dropped.to } : gap
      }
      return oldest?.event
    },
    take,
    get dropped() {
      return behind
    },
  }
}
