/** A writer as the campaign sees it: a process with one life after the other, and everything that was answered to any of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Acknowledgement, readAcknowledgements } from './acknowledgements.ts'
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
  #process: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #said = ''

  constructor(folder: string, orders: Omit<Orders, 'log' | 'again' | 'from'>) {
    this.#orders = orders
    this.#log = join(folder, `acknowledged-${orders.writer}.log`)
  }

  start(): void {
    rmSync(this.#log, { force: true })
    const orders: Orders = { ...this.#orders, log: this.#log, again: this.#again, from: this.#from }
    const child = spawn(process.execPath, [program, JSON.stringify(orders)], { stdio: ['pipe', 'ignore', 'pipe'] })
    this.#said = ''
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#said += text))
    child.stdin.on('error', () => {}) // it may be gone already: its end tells how
    this.#process = child
    this.#ended = once(child, 'close')
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    const child = this.#process
    if (!child) return
    // One that has ended by itself, which nobody had asked for, is no longer there to be killed.
    const ending = child.exitCode ?? child.signalCode
    if (ending !== null) this.#problem(`ended by itself with ${ending}`)
    child.kill('SIGKILL')
    await this.#ended
    this.#collect()
  }

  /** Lets it answer what is under way, and waits for its end. */
  async stop(): Promise<void> {
    const child = this.#process
    if (!child) return
    child.stdin?.end()
    const waiting = new AbortController()
    const late = pause(patienceMs, 'late', { signal: waiting.signal }).catch(() => {})
    const inTime = (await Promise.race([this.#ended, late])) !== 'late'
    waiting.abort()
    if (!inTime) {
      this.#problem(`did not stop within ${patienceMs / 1000} s`)
      child.kill('SIGKILL')
      await this.#ended
    } else if (child.exitCode !== 0) this.#problem(`ended with ${child.exitCode ?? child.signalCode}`)
    this.#collect()
    if (this.#again.length > 0) this.problems.push(`writer ${this.#orders.writer} left ${this.#again.length} requests without an answer`)
  }

  /** Takes over what the life that has just ended has got answers to. */
  #collect(): void {
    this.#process = undefined
    const now = readAcknowledgements(this.#log)
    this.acknowledged.push(...now)
    if (now.length === 0) this.killedEarly++
    const answered = new Set(now.map(({ number }) => number))
    const from = Math.max(this.#from, ...now.map(({ number }) => number + 1))
    const sent = [...this.#again, ...Array.from({ length: from - this.#from }, (_, i) => this.#from + i)]
    this.#again = sent.filter((number) => !answered.has(number))
    this.#from = from
  }

  #problem(what: string): void {
    this.problems.push(`writer ${this.#orders.writer} ${what}: ${this.#said.trim() || 'it said nothing'}`)
  }
}
