/** Work that nobody waits for, such as taking a snapshot, but that stopping has to wait for. */

/** The background work of one app. */
export interface Background {
  /**
   * Runs work after the current turn; its errors go to `failed`. Work that takes long and can be gone on with another time looks at
   * `stopping` now and then.
   */
  run(work: (stopping: AbortSignal) => Promise<void>, failed: (error: unknown) => void): void
  /** Settles when nothing is running or waiting. */
  idle(): Promise<void>
  /** The same, with what can be left for another time left. */
  stop(): Promise<void>
}

/** A place for background work. */
export function makeBackground(): Background {
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()

  async function idle(): Promise<void> {
    while (running.size > 0) await Promise.all(running)
  }

  return {
    run(work, failed) {
      const done: Promise<void> = Promise.resolve()
        .then(() => work(stopping.signal))
        .catch(failed)
        .finally(() => running.delete(done))
      running.add(done)
    },
    idle,
    stop() {
      stopping.abort()
      return idle()
    },
  }
}
