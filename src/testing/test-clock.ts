/** Time on demand: it stands still until a test moves it, and its timers fire in the order of their times. */
import type { Clock } from '../core/clock.ts'
import { type Duration, toMs } from '../core/duration.ts'

/** A clock that a test moves. */
export interface TestClock extends Clock {
  /** Moves forward, firing timers on the way; what they start is given time to finish before the next one fires. */
  advance(by: Duration): Promise<void>
  /** Sets the wall clock, also backwards, without firing anything. */
  set(time: Date): void
}

interface Timer {
  readonly dueAt: number
  readonly order: number
  readonly callback: () => void
}

/**
 * A new test clock.
 *
 * @param start    default: 2030-01-01T00:00:00Z.
 * @param settled  awaited after each timer, so that work in the background finishes at its own time.
 */
export function testClock(start: Date = new Date('2030-01-01T00:00:00Z'), settled: () => Promise<void> = async () => {}): TestClock {
  let now = start.getTime()
  let made = 0
  const timers = new Set<Timer>()
  const nextUntil = (end: number): Timer | undefined =>
    [...timers].filter(({ dueAt }) => dueAt <= end).sort((a, b) => a.dueAt - b.dueAt || a.order - b.order)[0]
  return {
    now: () => now,
    set(time) {
      now = time.getTime()
    },
    after(ms, callback) {
      const timer = { dueAt: now + ms, order: ++made, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(by) {
      const end = now + toMs(by, 'advance')
      for (let timer = nextUntil(end); timer; timer = nextUntil(end)) {
        timers.delete(timer)
        now = Math.max(now, timer.dueAt)
        timer.callback()
        await settled()
      }
      now = end
      await settled()
    },
  }
}
