/**
 * A queue in which tenants take turns: a burst of one delays the others by one item of it each, not by all.
 *
 * Invariants:
 * - What one tenant has put in comes out in that order.
 * - Whoever is not wanted now is asked first the next time; whoever was served stands behind all others.
 */
import { WaitingLine } from './waiting-line.ts'

/** What becomes of an item that is offered: it is taken; its tenant sits this round out; nobody is asked any more. */
export type Answer = 'taken' | 'not now' | 'enough'

export class FairQueue<T> {
  readonly #tenantOf: (item: T) => string
  /** Nobody's line is empty; the order of the map is the order of turns. */
  #lines = new Map<string, WaitingLine<T>>()
  #size = 0

  constructor(tenantOf: (item: T) => string) {
    this.#tenantOf = tenantOf
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    const tenant = this.#tenantOf(item)
    let line = this.#lines.get(tenant)
    if (!line) {
      line = new WaitingLine()
      this.#lines.set(tenant, line)
    }
    line.append(item)
    this.#size++
  }

  /** Offers items, one of each tenant after the other, until nobody is left to ask. */
  take(offer: (item: T) => Answer): void {
    // Who goes to the end of a map while it is walked is met there again.
    for (const [tenant, line] of this.#lines) {
      let answer: Answer
      do {
        answer = offer(line.first as T)
        if (answer === 'taken') {
          line.shift()
          this.#size--
        }
      } while (answer === 'taken' && !line.isEmpty && this.#lines.size === 1) // alone, there is nobody to take turns with
      if (answer === 'enough') return
      if (answer === 'not now') continue
      this.#lines.delete(tenant)
      if (!line.isEmpty) this.#lines.set(tenant, line)
    }
  }

  /** Puts back what was taken, in the order in which it was: it comes next. */
  putBack(items: readonly T[]): void {
    this.#size += items.length
    const first = new Map<string, WaitingLine<T>>()
    for (const item of items) {
      const tenant = this.#tenantOf(item)
      first.set(tenant, this.#lines.get(tenant) ?? first.get(tenant) ?? new WaitingLine())
    }
    for (const item of items.toReversed()) first.get(this.#tenantOf(item))!.prepend(item)
    for (const [tenant, line] of this.#lines) first.set(tenant, line)
    this.#lines = first
  }
}
