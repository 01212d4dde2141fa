/**
 * The app's telemetry, at a safe distance: work is done exactly once, its outcome is its own, and a telemetry that throws is reported and
 * otherwise ignored. Without a telemetry there is no `Tracing`: nothing of this costs anything, and it is not even loaded.
 */
import type { Carrier, Levels, Telemetry, TracedWork } from '../core/telemetry.ts'
import { type Engine, report, type Tracing } from './engine.ts'
import type { WarmAggregates } from './state/warm-aggregates.ts'
import type { Subscriptions } from './subscription/subscriptions.ts'

/**
 * Begins to trace what an app does, and lets its telemetry measure it. Returns how to end that.
 *
 * @param running  what follows the log, once the app was started.
 */
export function startTracing(
  engine: Engine,
  telemetry: Telemetry,
  warm: Pick<WarmAggregates, 'count'>,
  running: () => Subscriptions | undefined,
): () => void {
  engine.tracing = makeTracing(telemetry, engine.store.name)
  const end = safely(() => telemetry.watch?.(() => levelsOf(engine, warm, running())))
  return () => safely(() => end?.())
}

function makeTracing(telemetry: Telemetry, store: string): Tracing {
  const tracing: Tracing = {
    around<T>(work: TracedWork, run: () => T): T {
      const done: { answer?: () => T; error?: unknown } = {}
      const once = (): T => {
        if (done.answer) throw new Error('A telemetry calls `run` once.')
        try {
          const value = run()
          done.answer = () => value
        } catch (error) {
          done.error = error
          done.answer = () => {
            throw error
          }
        }
        return done.answer()
      }
      try {
        telemetry.around(work, once)
      } catch (error) {
        // It may hand on what the work has thrown.
        if (!done.answer || error !== done.error) report('telemetry threw', error)
      }
      return done.answer ? done.answer() : once()
    },
    carrier: () => safely(() => textsOf(telemetry.carrier())) ?? {},
    append(requests, callers, append) {
      const [request] = requests
      if (!request) return append()
      const { tenant = '', stream } = request
      const events = requests.reduce((sum, one) => sum + one.events.length, 0)
      const [first, ...others] = callers
      const beside = others.map((caller) => caller.runInAsyncScope(() => safely(() => telemetry.here())))
      const run = () => tracing.around({ kind: 'append', store, tenant, stream, requests: requests.length, events, beside }, append)
      return first ? first.runInAsyncScope(run) : run()
    },
  }
  return tracing
}

/** The store is asked only by an app that was started. */
async function levelsOf(engine: Engine, warm: Pick<WarmAggregates, 'count'>, running: Subscriptions | undefined): Promise<Levels> {
  const levels = { aggregates: warm.count(), warmRows: engine.views.warmRows }
  if (!running) return { ...levels, subscriptions: [] }
  const { subscriptionLevels } = await import('./subscription/levels.ts')
  return { ...levels, subscriptions: await subscriptionLevels(engine, running) }
}

/** What is no text could make metadata impossible, and with it the command. */
function textsOf(carrier: Carrier): Carrier {
  return Object.fromEntries(Object.entries(carrier).filter(([, text]) => typeof text === 'string'))
}

function safely<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    report('telemetry threw', error)
    return undefined
  }
}
