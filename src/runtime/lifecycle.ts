/** The life of an app: the store is prepared before the first call, and stopping waits for the last one. */
import { StoppedError } from '../core/errors.ts'
import { assertOutside } from './command/open-transaction.ts'
import { type Engine, report } from './engine.ts'
import { prepareStore } from './prepare-store.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import type { Calls } from './subscription/define.ts'
import type { Subscriptions } from './subscription/subscriptions.ts'

/** The life of one app. */
export interface Lifecycle {
  /** Settles when the store is prepared. @throws StoppedError (`ES_STOPPED`) */
  ready(): Promise<void>
  /** Aborts when stopping begins: for reading that would go on for ever. */
  readonly stopping: AbortSignal
  /** Makes a call of the app: on a prepared store, not inside a transaction of its own, and before the end of `stop`. */
  during<T>(what: string, call: () => Promise<T>): Promise<T>
  /** The same for calls of what follows the log: while the app is stopping, what is being handled may still come to its end. */
  duringWork<T>(what: string, call: () => Promise<T>): Promise<T>
  /** @throws NestedTransactionError (`ES_NESTED_TRANSACTION`) inside a transaction of its own, which it would wait for. */
  stop(keepStore: boolean): Promise<void>
  /** Starts everything that follows the log. */
  start(calls: Calls): Promise<void>
  /** Settles when everything that follows the log has come to its end, and the background is idle. */
  settle(): Promise<void>
  /** What follows the log, once it was started. */
  readonly subscriptions: Subscriptions | undefined
  /** What fires schedules, once it was started. */
  readonly scheduler: Scheduler | undefined
}

const forgetEveryMs = 60 * 60 * 1000

/**
 * @param drain  settles when nothing runs behind the calls any more.
 * @param trace  begins to trace, if there is a telemetry, before anything is done; answers how to end that.
 */
export function makeLifecycle(engine: Engine, drain: () => Promise<void>, trace: () => Promise<() => void>): Lifecycle {
  let prepared: Promise<void> | undefined
  let isPrepared = false
  let stopped: Promise<void> | undefined
  let workHasEnded = false
  let running = 0
  let lastOneLeft = () => {}
  let cancelForgetting = () => {}
  let tracing: Promise<() => void> | undefined
  const stopping = new AbortController()
  let starting: Promise<void> | undefined
  let subscriptions: Subscriptions | undefined
  let scheduler: Scheduler | undefined

  async function prepare(): Promise<void> {
    tracing ??= trace()
    prepared ??= tracing.then(() => prepareStore(engine)).then(opened)
    try {
      await prepared
      isPrepared = true
    } catch (error) {
      prepared = undefined // what was wrong may be put right: the next use tries again
      throw error
    }
  }

  function opened(): void {
    if (stopped) return // stopping may have begun while the store was being prepared
    engine.memory.start()
    forgetExpired()
  }

  /** Outcomes under idempotency keys are kept for some days; what is older goes now and then, in the background. */
  function forgetExpired(): void {
    engine.background.run(
      async () => void (await engine.store.forgetExpired(engine.clock.now())),
      (error) => report('forgetting expired idempotency keys failed', error),
    )
    cancelForgetting = engine.clock.after(forgetEveryMs, forgetExpired)
  }

  async function run<T>(call: () => Promise<T>): Promise<T> {
    running++
    try {
      if (!isPrepared) await prepare()
      return await call()
    } finally {
      if (--running === 0) lastOneLeft()
    }
  }

  return {
    async ready() {
      if (stopped) throw new StoppedError('The app')
      await prepare()
    },
    stopping: stopping.signal,
    async during(what, call) {
      assertOutside(engine, what)
      if (stopped) throw new StoppedError('The app')
      return run(call)
    },
    async duringWork(what, call) {
      assertOutside(engine, what)
      if (workHasEnded) throw new StoppedError('The app')
      return run(call)
    },
    stop(keepStore) {
      assertOutside(engine, 'stop')
      stopped ??= (async () => {
        stopping.abort()
        cancelForgetting()
        await starting?.catch(() => {}) // who has started it was told
        const { stopWithinMs } = engine.settings
        await Promise.all([subscriptions?.stop(stopWithinMs), scheduler?.stop(stopWithinMs)])
        workHasEnded = true
        if (running > 0) {
          await new Promise<void>((resolve) => {
            lastOneLeft = resolve
          })
        }
        await drain()
        const endTracing = await tracing
        endTracing?.()
        await engine.background.stop()
        if (!keepStore) await engine.store.close()
      })()
      return stopped
    },
    start(calls) {
      assertOutside(engine, 'start')
      if (stopped) return Promise.reject(new StoppedError('The app'))
      starting ??= (async () => {
        await prepare()
        // Only now: an app that is never started does not load it.
        const { startScheduler } = await import('./schedule/scheduler.ts')
        scheduler ??= startScheduler(engine, calls.execute, stopping.signal)
        if (engine.definitions.asynchronous.length === 0) return
        const { startSubscriptions } = await import('./subscription/subscriptions.ts')
        subscriptions = await startSubscriptions(engine, calls)
      })()
      starting.catch(() => {
        starting = undefined // what was wrong may be put right
      })
      return starting
    },
    async settle() {
      await engine.background.idle() // it may give something up that is then to be worked on
      // What was scheduled leads to events, and those may lead to a schedule.
      do await subscriptions?.settle()
      while (await scheduler?.settle())
      await engine.background.idle()
    },
    get subscriptions() {
      return subscriptions
    },
    get scheduler() {
      return scheduler
    },
  }
}
