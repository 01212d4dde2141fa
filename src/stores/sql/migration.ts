/** What steps of a schema have in common. */

/** One step: what is made. What it takes to undo that follows from it. */
export interface Migration {
  /** From 1, without gaps. */
  readonly id: number
  readonly name: string
  readonly up: string
}

/** Says, as a comment in SQL, what is gone when a step is taken back. */
export function lossOf(id: number): string {
  return id === 1
    ? '-- THIS DESTROYS EVERY EVENT of the store, and with them everything that was made of them. Only a backup brings them back.'
    : '-- This destroys what its tables hold; the events stay.'
}
