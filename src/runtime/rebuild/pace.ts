/** How fast something follows the log, and how long it will take. */
import type { Clock } from '../../core/clock.ts'

/** How far a rebuild is. */
export interface RebuildProgress {
  /** Everything up to here is folded. */
  readonly position: number
  readonly head: number
  /** How many events were folded, since the rebuild was begun. */
  readonly events: number
  /** Events in a second, since this process follows it. */
  readonly perSecond: number
  /** How long the rest will take at that pace; `undefined` while nobody can tell. */
  readonly etaMs: number | undefined
}

/** Works out the pace. */
export interface Pace {
  begin(position: number, events: number): void
  /** Nothing within a second of the last time. */
  at(now: Pick<RebuildProgress, 'position' | 'head' | 'events'>): RebuildProgress | undefined
}

export function makePace({ now }: Clock, everyMs = 1000): Pace {
  let startedAt = 0
  let start = { position: 0, events: 0 }
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    begin(position, events) {
      startedAt = now()
      start = { position, events }
    },
    at({ position, head, events }) {
      if (now() < toldAt + everyMs) return undefined
      toldAt = now()
      const elapsedMs = toldAt - startedAt
      const positionsPerMs = elapsedMs > 0 ? (position - start.position) / elapsedMs : 0
      return {
        position,
        head,
        events,
        perSecond: elapsedMs > 0 ? Math.round(((events - start.events) / elapsedMs) * 1000) : 0,
        etaMs: positionsPerMs > 0 ? Math.round(Math.max(0, head - position) / positionsPerMs) : undefined,
      }
    },
  }
}
