/** A process that a campaign has started, for one life: what it says, and how it ends. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'

/** How much is kept of what it says when something is wrong. */
const mostLastWords = 2000

export class Child {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  #said = ''
  #lastWords = ''

  /** @param orders  what the program finds in its first argument. */
  constructor(program: string, orders: object) {
    const child = spawn(process.execPath, [program, JSON.stringify(orders)])
    child.stdout.setEncoding('utf8').on('data', (text) => (this.#said += text))
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-mostLastWords)
    })
    child.stdin.on('error', () => {}) // it may be gone already: its end tells how
    this.#process = child
    this.#ended = once(child, 'close')
  }

  /** The lines that it has written to its output. */
  get said(): readonly string[] {
    return this.#said.split('\n')
  }

  get lastWords(): string {
    return this.#lastWords.trim() || 'it said nothing'
  }

  /** Its exit code, or the signal that has ended it; `undefined` while it lives. */
  get ending(): number | string | undefined {
    return this.#process.exitCode ?? this.#process.signalCode ?? undefined
  }

  /** Returns whether there was anybody to get it. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): boolean {
    return this.#process.kill(name)
  }

  tell(text: string): void {
    this.#process.stdin.write(text)
  }

  /**
   * Ends it without a word, also while it is frozen.
   *
   * @returns what is wrong: one that has ended by itself, which nobody had asked for, is no longer there to be killed.
   */
  async kill(): Promise<string | undefined> {
    const { ending } = this
    this.#process.kill('SIGKILL')
    await this.#ended
    return ending === undefined ? undefined : `ended by itself with ${ending}`
  }

  /** Has it end well, and waits for that. Returns what is wrong. */
  async endWithin(patienceMs: number): Promise<string | undefined> {
    this.#process.stdin.end()
    const waiting = new AbortController()
    const late = pause(patienceMs, 'late', { signal: waiting.signal }).catch(() => {})
    const inTime = (await Promise.race([this.#ended, late])) !== 'late'
    waiting.abort()
    if (inTime) return this.ending === 0 ? undefined : `ended with ${this.ending}`
    await this.kill()
    return `did not end within ${patienceMs / 1000} s`
  }
}
