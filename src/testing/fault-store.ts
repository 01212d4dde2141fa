/** Failure on demand: a store that does what it is told to do wrong, for testing what an app does then. */
import { StoreUnavailableError } from '../core/errors.ts'
import type { AppendRequest, AppendResult, EventStore } from '../core/event-store.ts'

/**
 * `before`: nothing was written. `after`: it was written, but the answer was lost. `middle`: the first half of the requests
 * was written, the answer was lost.
 */
export type FaultMoment = 'before' | 'after' | 'middle'

/** The faults of one store. */
export interface Faults {
  /** The next append fails; further calls queue up. @param error default: StoreUnavailableError, retryable. */
  failAppend(when: FaultMoment, error?: Error): void
  /** The next read of a stream or of the log fails before its first page. */
  failRead(error?: Error): void
  /** Appends wait until `release` is called. */
  holdAppends(): { release(): void }
  /** What is queued is forgotten, what is held is let go. */
  clear(): void
}

/** Wraps a store; everything that is not told to fail goes through. */
export function faultStore<S extends EventStore>(store: S): { readonly store: S; readonly faults: Faults } {
  const appendFaults: { readonly when: FaultMoment; readonly error: Error }[] = []
  const readFaults: Error[] = []
  let held: Promise<void> | undefined
  let release = () => {}
  const unavailable = () => new StoreUnavailableError(store.name, `The ${store.name} store failed on purpose.`)

  async function append(requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    await held
    const fault = appendFaults.shift()
    if (!fault) return store.append(requests)
    if (fault.when === 'after') await store.append(requests)
    if (fault.when === 'middle') await store.append(requests.slice(0, Math.ceil(requests.length / 2)))
    throw fault.error
  }

  function readThrough<T>(read: () => AsyncIterable<T>): AsyncIterable<T> {
    const error = readFaults.shift()
    if (!error) return read()
    return {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
    }
  }

  const faulty: Pick<EventStore, 'append' | 'readStream' | 'readAll'> = {
    append,
    readStream: (stream, options) => readThrough(() => store.readStream(stream, options)),
    readAll: (options) => readThrough(() => store.readAll(options)),
  }
  return {
    // A proxy, so that optional members (`transaction`, `within`) are there exactly when the store has them.
    store: new Proxy(store, {
      get: (target, name) => (name in faulty ? faulty[name as keyof typeof faulty] : Reflect.get(target, name, target)),
    }),
    faults: {
      failAppend: (when, error = unavailable()) => void appendFaults.push({ when, error }),
      failRead: (error = unavailable()) => void readFaults.push(error),
      holdAppends() {
        release() // whoever a hold before this one keeps waiting would wait for ever
        held = new Promise((resolve) => {
          release = resolve
        })
        return { release }
      },
      clear() {
        appendFaults.length = 0
        readFaults.length = 0
        release()
      },
    },
  }
}
