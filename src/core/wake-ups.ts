/** Tells who listens that a log has grown: the part of `EventStore.changes` that is the same on every store. */

/** Who listens to one store, and how they are told. */
export interface WakeUps {
  /** Tells everybody that the head may have moved. */
  wake(): void
  /** Ends everybody's wait. */
  end(): void
  /** The head at once, then again whenever it has moved; ends with the signal. */
  listen(signal: AbortSignal): AsyncIterable<number>
}

/**
 * Wake-ups of one store.
 *
 * @param head      asked after each wake-up.
 * @param listened  told when the first listener comes and when the last one goes, for stores that have to poll.
 */
export function wakeUps(head: () => number | Promise<number>, listened: (byAnybody: boolean) => void = () => {}): WakeUps {
  const listeners = new Set<() => void>()
  let ended = false
  const wake = () => {
    for (const listener of listeners) listener()
  }

  return {
    wake,
    end() {
      ended = true
      wake()
    },
    listen(signal) {
      // From this moment on, not from the first `next()`: what is appended in between is not missed.
      let moved = true
      let notify = () => {}
      const listener = () => {
        moved = true
        notify()
      }
      const stop = () => {
        signal.removeEventListener('abort', stop)
        if (listeners.delete(listener) && listeners.size === 0) listened(false)
        notify()
      }
      if (!signal.aborted && !ended) {
        signal.addEventListener('abort', stop)
        listeners.add(listener)
        if (listeners.size === 1) listened(true)
      }
      return heads(stop)

      async function* heads(stop: () => void) {
        let last = -1
        try {
          while (!signal.aborted && !ended) {
            if (moved) {
              moved = false
              const position = await head()
              if (position > last && !signal.aborted) yield position
              last = position
            } else {
              await new Promise<void>((resolve) => {
                notify = resolve
              })
            }
          }
        } catch (error) {
          if (!ended) throw error
        } finally {
          stop()
        }
      }
    },
  }
}
