/** A process of the bank as the campaign sees it: one life after the other, killed, frozen and woken up from outside. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Said, SystemOrders } from './process.ts'

const program = join(import.meta.dirname, 'process.ts')

/** How long a process may take to come to rest, and to end: generous, because only what never comes to an end ends here. */
const patienceMs = 60_000

export class Member {
  readonly problems: string[] = []
  /** How often it was started. */
  lives = 0
  readonly #orders: SystemOrders
  #process: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #said = ''
  #lastWords = ''
  #isOver = false

  constructor(orders: SystemOrders) {
    this.#orders = orders
  }

  start(): void {
    if (this.#isOver) return
    const child = spawn(process.execPath, [program, JSON.stringify(this.#orders)])
    this.#said = ''
    this.#lastWords = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (this.#said += text))
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-2000)
    })
    child.stdin.on('error', () => {}) // it may be gone already: its end tells how
    this.#process = child
    this.#ended = once(child, 'close')
    this.lives++
  }

  /** Whether it has said so in this life. */
  has(said: Said): boolean {
    return this.#said.split('\n').includes(said)
  }

  /** Ends it without a word, also while it is frozen. */
  async kill(): Promise<void> {
    const child = this.#process
    if (!child) return
    this.#process = undefined
    // One that has ended by itself, which nobody had asked for, is no longer there to be killed.
    const ending = child.exitCode ?? child.signalCode
    if (ending !== null) this.#problem(`ended by itself with ${ending}`)
    child.kill('SIGKILL')
    await this.#ended
  }

  /** For ever, whatever is still planned for it. */
  async end(): Promise<void> {
    this.#isOver = true
    this.#process?.kill('SIGKILL')
    await this.#ended
  }

  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  wake(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Lets it ask for nothing new; it goes on with what follows the log. */
  async rest(): Promise<void> {
    this.#process?.stdin?.write('rest')
    for (const end = performance.now() + patienceMs; !this.has('resting'); await pause(20)) {
      if (this.#process?.exitCode !== null) return this.#problem('ended instead of coming to rest')
      if (performance.now() > end) return this.#problem(`had requests without an answer after ${patienceMs / 1000} s`)
    }
  }

  /** Lets it end, and waits for that. */
  async stop(): Promise<void> {
    const child = this.#process
    if (!child) return
    child.stdin?.end()
    const waiting = new AbortController()
    const late = pause(patienceMs, 'late', { signal: waiting.signal }).catch(() => {})
    const inTime = (await Promise.race([this.#ended, late])) !== 'late'
    waiting.abort()
    if (!inTime) {
      this.#problem(`did not end within ${patienceMs / 1000} s`)
      child.kill('SIGKILL')
      await this.#ended
    } else if (child.exitCode !== 0) this.#problem(`ended with ${child.exitCode ?? child.signalCode}`)
    this.#process = undefined
  }

  #problem(what: string): void {
    this.problems.push(`process ${this.#orders.client} ${what}: ${this.#lastWords.trim() || 'it said nothing'}`)
  }
}
