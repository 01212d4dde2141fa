/** A process of the bank as the campaign sees it: one life after the other, killed, frozen and woken up from outside. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Child } from '../child.ts'
import type { Said, SystemOrders } from './process.ts'

const program = join(import.meta.dirname, 'process.ts')

/** How long a process may take to come to rest, and to end: generous, because only what never comes to an end ends here. */
const patienceMs = 60_000

export class Member {
  readonly problems: string[] = []
  /** How often it was started. */
  lives = 0
  readonly #orders: SystemOrders
  /** The present life, if there is one. */
  #child: Child | undefined
  #isOver = false

  constructor(orders: SystemOrders) {
    this.#orders = orders
  }

  start(): void {
    if (this.#isOver) return
    this.#child = new Child(program, this.#orders)
    this.lives++
  }

  /** Waits for its start. @throws Error it has ended instead. */
  async started(signal?: AbortSignal): Promise<void> {
    for (; !this.#has('started'); await pause(20, undefined, { signal }))
      if (this.#child?.ending !== undefined)
        throw new Error(`Process ${this.#orders.client} ended at its start with ${this.#child.ending}: ${this.#child.lastWords}`)
  }

  /** Ends it without a word, also while it is frozen. Returns whether there was anybody to be ended. */
  async kill(): Promise<boolean> {
    const child = this.#child
    if (!child) return false
    this.#child = undefined
    const problem = await child.kill()
    this.#note(child, problem)
    return problem === undefined
  }

  /** For ever, whatever is still planned for it. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#child?.kill()
  }

  /** Returns whether there was anybody to be frozen. */
  freeze(): boolean {
    return this.#child?.signal('SIGSTOP') ?? false
  }

  wake(): void {
    this.#child?.signal('SIGCONT')
  }

  /** Lets it ask for nothing new; it goes on with what follows the log. */
  async rest(): Promise<void> {
    const child = this.#child
    if (!child) return
    child.tell('rest')
    for (const end = performance.now() + patienceMs; !this.#has('resting'); await pause(20)) {
      if (child.ending !== undefined) return this.#note(child, `ended with ${child.ending} instead of coming to rest`)
      if (performance.now() > end) return this.#note(child, `had requests without an answer after ${patienceMs / 1000} s`)
    }
  }

  /** Lets it end, and waits for that. */
  async stop(): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#note(child, await child.endWithin(patienceMs))
    this.#child = undefined
  }

  /** Whether it has said so in this life. */
  #has(said: Said): boolean {
    return this.#child?.said.includes(said) === true
  }

  #note({ lastWords }: Child, problem: string | undefined): void {
    if (problem) this.problems.push(`process ${this.#orders.client} ${problem}: ${lastWords}`)
  }
}
