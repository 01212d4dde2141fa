/** Those who wait for something to change, and are told. */

export interface Waiters {
  /** Tells everybody who waits now. */
  wake(): void
  /** Resolves when they are told the next time; at once, or later, when the signal aborts. */
  change(signal: AbortSignal): Promise<void>
}

export function makeWaiters(): Waiters {
  const waiting = new Set<() => void>()
  return {
    wake() {
      for (const wake of [...waiting]) wake()
    },
    change: (signal) =>
      new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        if (signal.aborted) return resolve()
        waiting.add(wake)
        signal.addEventListener('abort', wake)
      }),
  }
}
