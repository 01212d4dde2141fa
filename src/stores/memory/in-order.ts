/** Walks lists of events that are each in the order of positions, as if they were one. */
import type { StoredEvent } from '../../core/stored-event.ts'

/** The part of the log to walk: positions above `after`, up to and including `to`. */
export interface Range {
  readonly after: number
  readonly to: number
  readonly backwards?: boolean
}

/** Every event of the range that is in at least one of the lists, once. */
export function* inOrder(lists: readonly (readonly StoredEvent[])[], { after, to, backwards = false }: Range): Generator<StoredEvent> {
  const step = backwards ? -1 : 1
  const cursors = lists.map((list) => (backwards ? countUpTo(list, to) - 1 : countUpTo(list, after)))
  for (;;) {
    let next: StoredEvent | undefined
    lists.forEach((list, i) => {
      const candidate = list[cursors[i]!]
      if (candidate && (!next || (candidate.position - next.position) * step < 0)) next = candidate
    })
    if (!next || next.position <= after || next.position > to) return
    yield next
    lists.forEach((list, i) => {
      if (list[cursors[i]!] === next) cursors[i]! += step
    })
  }
}

/** How many events of a list are at a position or below. */
function countUpTo(list: readonly StoredEvent[], position: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]!.position <= position) low = middle + 1
    else high = middle
  }
  return low
}
