/** A writer as the campaign sees it: a process with one life after the other, and everything that was answered to any of them. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Acknowledgement, readAcknowledgements } from './acknowledgements.ts'
import { Child } from './child.ts'
import type { Orders } from './worker.ts'

const program = join(import.meta.dirname, 'worker.ts')

/** How long a writer may take to finish what is under way. */
const patienceMs = 15_000

export class Writer {
  readonly acknowledged: Acknowledgement[] = []
  /** Lives that were ended before they had got any answer. */
  killedEarly = 0
  readonly problems: string[] = []
  readonly #orders: Omit<Orders, 'log' | 'again' | 'from'>
  readonly #log: string
  /** Numbers without an answer, below `#from`. */
  #again: readonly number[] = []
  #from = 0
  #child: Child | undefined

  constructor(folder: string, orders: Omit<Orders, 'log' | 'again' | 'from'>) {
    this.#orders = orders
    this.#log = join(folder, `acknowledged-${orders.writer}.log`)
  }

  start(): void {
    rmSync(this.#log, { force: true })
    const orders: Orders = { ...this.#orders, log: this.#log, again: this.#again, from: this.#from }
    this.#child = new Child(program, orders)
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#note(child, await child.kill())
    this.#collect()
  }

  /** Lets it answer what is under way, and waits for its end. */
  async stop(): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#note(child, await child.endWithin(patienceMs))
    this.#collect()
    if (this.#again.length > 0) this.problems.push(`writer ${this.#orders.writer} left ${this.#again.length} requests without an answer`)
  }

  /** Takes over what the life that has just ended has got answers to. */
  #collect(): void {
    this.#child = undefined
    const now = readAcknowledgements(this.#log)
    this.acknowledged.push(...now)
    if (now.length === 0) this.killedEarly++
    const answered = new Set(now.map(({ number }) => number))
    const from = Math.max(this.#from, ...now.map(({ number }) => number + 1))
    const sent = [...this.#again, ...Array.from({ length: from - this.#from }, (_, i) => this.#from + i)]
    this.#again = sent.filter((number) => !answered.has(number))
    this.#from = from
  }

  #note({ lastWords }: Child, problem: string | undefined): void {
    if (problem) this.problems.push(`writer ${this.#orders.writer} ${problem}: ${lastWords}`)
  }
}
