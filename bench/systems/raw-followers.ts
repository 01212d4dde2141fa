/** The floor of those that follow: pages of the log, one after the other, and what they lead to in a commit with the position. */
import type { Followers } from './followers.ts'
import { type Entry, evolve, initial, type State } from './payload.ts'
import { type EventRow, parsed } from './raw-rows.ts'

/** What a driver has to do for it. */
export interface RawReads {
  /** 1,000 events behind a position. */
  page(after: number): Promise<readonly EventRow[]> | readonly EventRow[]
  streamOf(row: EventRow): string
  head(): Promise<number> | number
  /** Makes the table of rows anew. */
  prepare(): Promise<void> | void
  /** Writes rows and the position, in one commit. */
  commit(rows: ReadonlyMap<string, State>, position: number): Promise<void> | void
}

export function rawFollowers({ page, streamOf, head, prepare, commit }: RawReads): Followers {
  let position = 0
  let heard = () => {}

  async function read(each: (rows: readonly EventRow[]) => Promise<void> | void, upTo: number): Promise<void> {
    for (let count = 0; count < upTo; ) {
      const rows = await page(position)
      const last = rows.at(-1)
      if (!last) return
      await each(rows)
      position = Number(last[0])
      count += rows.length
    }
  }
  return {
    async catchUp(events) {
      let count = 0
      await read((rows) => {
        for (const row of rows) count += parsed(row).amount
      }, events)
      if (count !== events) throw new Error(`${count} events where ${events} were written.`)
    },
    async project(events) {
      await prepare()
      const states = new Map<string, State>()
      await read(async (rows) => {
        const changed = new Map<string, State>()
        for (const row of rows) {
          const stream = streamOf(row)
          const state = evolve(states.get(stream) ?? initial(), parsed(row) as Entry)
          states.set(stream, state)
          changed.set(stream, state)
        }
        await commit(changed, Number(rows.at(-1)?.[0]))
      }, events)
      return [...states.values()].reduce((sum, { entries }) => sum + entries, 0)
    },
    async listen(onEvent) {
      heard = onEvent
      position = await head()
    },
    nudge: () =>
      read((rows) => {
        for (const row of rows) {
          parsed(row)
          heard()
        }
      }, 1),
  }
}
