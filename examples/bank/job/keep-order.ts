/**
 * Runs tasks side by side, but those that share a name one after the other, in the order in which they came.
 *
 * What two accounts do is unrelated; what one account does is a story. At most `atOnce` tasks are under way, waiting ones
 * included, and a name is forgotten with its last task: memory does not grow with the file. It is for one reader, who
 * awaits each call before the next.
 */
export class KeepOrder {
  readonly #atOnce: number
  /** The newest task of each name. */
  readonly #newest = new Map<string, Promise<void>>()
  #underWay = 0
  #oneIsDone = () => {}
  #failure: { readonly error: unknown } | undefined

  constructor({ atOnce }: { readonly atOnce: number }) {
    this.#atOnce = atOnce
  }

  /**
   * Takes a task; resolves when there is room for the next one, so the caller reads no faster than the work is done.
   *
   * @throws what an earlier task threw, when all that had started is done. No task starts after one that failed.
   */
  async add(names: readonly string[], task: () => Promise<void>): Promise<void> {
    this.#underWay++
    const running = this.#run(
      names.map((name) => this.#newest.get(name)),
      task,
    )
    for (const name of names) this.#newest.set(name, running)
    void running.then(() => {
      for (const name of names) if (this.#newest.get(name) === running) this.#newest.delete(name)
    })
    await this.#until(() => this.#underWay < this.#atOnce)
    if (this.#failure) await this.done()
  }

  /** Resolves when every task is done. @throws what a task threw. */
  async done(): Promise<void> {
    await this.#until(() => this.#underWay === 0)
    if (this.#failure) throw this.#failure.error
  }

  async #run(before: readonly (Promise<void> | undefined)[], task: () => Promise<void>): Promise<void> {
    await Promise.all(before)
    try {
      if (!this.#failure) await task()
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      this.#underWay--
      this.#oneIsDone()
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#oneIsDone = resolve))
  }
}
