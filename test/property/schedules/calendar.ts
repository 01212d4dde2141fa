/** What is to be executed when: a model of schedules, in whole seconds. */
import assert from 'node:assert/strict'

export interface CalendarEntry {
  readonly id: string
  /** The next time. */
  next: number
  readonly every: number | undefined
  /** The times at which it was executed. */
  readonly rung: number[]
  cancelledAt: number | undefined
}

/** What somebody who is there at that time executes. */
export function dueUpTo(entry: CalendarEntry, now: number): void {
  if (entry.cancelledAt !== undefined || entry.next > now) return
  entry.rung.push(entry.next)
  if (entry.every === undefined) entry.next = Number.POSITIVE_INFINITY
  // What was missed is made up for once.
  else while (entry.next <= now) entry.next += entry.every
}

/**
 * Whatever happened meanwhile: nothing was done twice, or at another time than was meant, or never, and what is repeated still is.
 *
 * @param now  by then everybody has had the time to do what is due.
 */
export function assertKept(calendar: readonly CalendarEntry[], rung: Readonly<Record<string, readonly number[]>>, now: number): void {
  for (const { id, next: first, every, cancelledAt } of calendar) {
    const times = rung[id] ?? []
    if (every === undefined) assert.deepEqual(times, cancelledAt === undefined ? [first] : [], `${id}, once`)
    else {
      assert.deepEqual(
        [...times],
        [...new Set(times)].sort((a, b) => a - b),
        `${id}: each time once, in their order`,
      )
      assert.ok(
        times.every((time) => time >= first && (time - first) % every === 0),
        `${id}: ${times} is the rhythm of ${every} from ${first}`,
      )
      if (cancelledAt === undefined) assert.ok((times.at(-1) ?? -Infinity) > now - every, `${id}: ${times} goes on until ${now}`)
      else
        assert.ok(
          times.every((time) => time <= cancelledAt),
          `${id}: ${times} is not executed any more after ${cancelledAt}`,
        )
    }
  }
}
