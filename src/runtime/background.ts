/** Work that nobody waits for, such as taking a snapshot, but that stopping has to wait for. */

/** The background work of one app. */
export interface Background {
  /** Runs work after the current turn; its errors go to `failed`. */
  run(work: () => Promise<void>, failed: (error: unknown) => void): void
  /** Settles when nothing is running or waiting. */
  idle(): Promise<void>
}

/** A place for background work. */
export function makeBackground(): Background {
  const running = new Set<Promise<void>>()
  return {
    run(work, failed) {
      const done: Promise<void> = Promise.resolve()
        .then(work)
        .catch(failed)
        .finally(() => running.delete(done))
      running.add(done)
    },
    async idle() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
