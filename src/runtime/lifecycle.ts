/** The life of an app: the store is prepared before the first call, and stopping waits for the last one. */
import { StoppedError } from '../core/errors.ts'
import { assertOutside } from './command/transactions.ts'
import type { Engine } from './engine.ts'
import { prepareStore } from './prepare-store.ts'

/** The life of one app. */
export interface Lifecycle {
  /** Settles when the store is prepared. @throws StoppedError (`ES_STOPPED`) */
  ready(): Promise<void>
  /** Makes a call of the app: on a prepared store, not inside a transaction of its own, and before the end of `stop`. */
  during<T>(what: string, call: () => Promise<T>): Promise<T>
  /** @throws NestedTransactionError (`ES_NESTED_TRANSACTION`) inside a transaction of its own, which it would wait for. */
  stop(keepStore: boolean): Promise<void>
}

/** @param drain  settles when nothing runs behind the calls any more. */
export function makeLifecycle(engine: Engine, drain: () => Promise<void>): Lifecycle {
  let prepared: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  let running = 0
  let lastOneLeft = () => {}

  async function ready(): Promise<void> {
    if (stopped) throw new StoppedError('The app')
    prepared ??= prepareStore(engine)
    try {
      await prepared
    } catch (error) {
      prepared = undefined // what was wrong may be put right: the next use tries again
      throw error
    }
  }

  return {
    ready,
    async during(what, call) {
      assertOutside(engine, what)
      await ready()
      running++
      try {
        return await call()
      } finally {
        if (--running === 0) lastOneLeft()
      }
    },
    stop(keepStore) {
      assertOutside(engine, 'stop')
      stopped ??= (async () => {
        if (running > 0) {
          await new Promise<void>((resolve) => {
            lastOneLeft = resolve
          })
        }
        await drain()
        await engine.background.idle()
        if (!keepStore) await engine.store.close()
      })()
      return stopped
    },
  }
}
