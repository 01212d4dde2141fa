/** How many a second, over the last ten. */

export interface Rate {
  /** @param now  milliseconds. */
  add(count: number, now: number): void
  perSecond(now: number): number
}

const seconds = 10

/** One bucket a second; a rate that is younger than ten seconds is over the time that it has. */
export function makeRate(start: number): Rate {
  const buckets = new Map<number, number>()
  const secondOf = (now: number) => Math.floor(now / 1000)
  const forget = (now: number) => {
    for (const second of buckets.keys()) if (second <= secondOf(now) - seconds) buckets.delete(second)
  }
  return {
    add(count, now) {
      forget(now)
      buckets.set(secondOf(now), (buckets.get(secondOf(now)) ?? 0) + count)
    },
    perSecond(now) {
      forget(now)
      const sum = [...buckets.values()].reduce((total, count) => total + count, 0)
      return sum / Math.min(seconds, Math.max(1, (now - start) / 1000))
    },
  }
}
