/** From a place in the log to a position. */
import type { EventStore } from '../../core/event-store.ts'
import type { StartFrom } from '../../core/start-from.ts'
import type { StoredEvent } from '../../core/stored-event.ts'

type Log = Pick<EventStore, 'head' | 'readAll'>

/**
 * The position behind which a place begins: everything up to it is passed over. What lies in the future is taken for now.
 *
 * Cost: one read for the head; for a time, as many more as the head has binary digits.
 */
export async function positionBefore(log: Log, from: StartFrom): Promise<number> {
  if (from === 'beginning') return 0
  const head = await log.head()
  if (from === 'now') return head
  return 'position' in from ? Math.min(from.position - 1, head) : beforeTime(log, from.at.getTime(), head)
}

/** The time at which events were recorded never goes back from one position to the next, so half of them can be left out each time. */
async function beforeTime(log: Log, at: number, head: number): Promise<number> {
  // Every event below `low` is too early, and none from `high` on is.
  let low = 1
  let high = head + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const event = await firstOf(log, middle, high - 1)
    if (event && event.recordedAt < at) low = event.position + 1
    else high = middle
  }
  return low - 1
}

async function firstOf(log: Log, from: number, to: number): Promise<StoredEvent | undefined> {
  for await (const { events } of log.readAll({ after: from - 1, to, limit: 1 })) if (events[0]) return events[0]
  return undefined
}
