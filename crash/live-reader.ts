/** Someone who reads along while writers are killed, asking for `position > last` and nothing else, as a subscriber does. */
import { DatabaseSync } from 'node:sqlite'
import { some } from './some.ts'

export class LiveReader {
  readonly #db: string
  /** The ids of events, by position. */
  readonly #seen: [position: number, id: string][] = []

  constructor(db: string) {
    this.#db = db
  }

  /** Reads what is new since the last time; nothing before the first commit. */
  read(): void {
    for (const row of this.#rowsAfter(this.#seen.at(-1)?.[0] ?? 0)) this.#seen.push(row)
  }

  /** Whether the log, read in one piece, is what was read bit by bit: nothing came late, nothing went away, nothing changed. */
  check(): readonly string[] {
    const all = new Map(this.#rowsAfter(0))
    const changed = this.#seen.filter(([position, id]) => all.get(position) !== id)
    const seen = new Set(this.#seen.map(([position]) => position))
    const late = [...all.keys()].filter((position) => !seen.has(position))
    return [
      some(changed.map(String), 'events were read and are not there any more'),
      some(late.map(String), 'positions have appeared below one that was read before'),
    ].filter((problem) => problem !== undefined)
  }

  /** With a connection of its own each time: one that stays open would keep the file from ever being recovered. */
  #rowsAfter(position: number): [number, string][] {
    try {
      using file = new DatabaseSync(this.#db, { readOnly: true, timeout: 5000 })
      const rows = file.prepare('SELECT position, id FROM dacapo_events WHERE position > ? ORDER BY position').all(position)
      return rows.map((row) => [Number(row.position), String(row.id)])
    } catch (error) {
      // Before the first commit there is no file, or no table in it.
      if (this.#seen.length === 0 && /unable to open|no such table/.test(String(error))) return []
      throw error
    }
  }
}
