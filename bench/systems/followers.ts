/** What is measured of those that follow the log. */
export interface Followers {
  /** A subscriber that does nothing but count, from the first event on, until there were so many. */
  catchUp(events: number, batch: number): Promise<void>
  /** An async projection with a row for each stream, from the first event on; how many of so many events its rows have in them at the end. */
  project(events: number, batch: number): Promise<number>
  /** A subscriber with default settings; resolves when it follows. */
  listen(onEvent: () => void): Promise<void>
  /** Reads what is new, for who follows only when told to. */
  readonly nudge?: () => Promise<void> | void
  /** So many subscribers that have nothing to do; resolves when they follow. Absent where nobody asks. */
  readonly idle?: (count: number) => Promise<void>
  /** Statements that the driver was given since this was asked first, where they cannot be counted by the server. */
  readonly statements?: () => number
}

/** Names of followers are kept with their positions: each run has its own. */
export const nameOfRun = (what: string): string => `${what}-${process.pid}-${Date.now()}`

/** Counts what goes through some methods of a driver from the first time that it is asked: whoever does not ask pays nothing for it. */
export function countCalls(prototype: object, methods: readonly string[]): () => number {
  const members = prototype as Record<string, (...values: unknown[]) => unknown>
  let count: number | undefined
  return () => {
    if (count !== undefined) return count
    count = 0
    for (const method of methods) {
      const real = members[method] as (...values: unknown[]) => unknown
      members[method] = function (this: unknown, ...values) {
        count = (count as number) + 1
        return real.apply(this, values)
      }
    }
    return count
  }
}
