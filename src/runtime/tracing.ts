/**
 * The app's telemetry, at a safe distance: work is done exactly once, its outcome is its own, and a telemetry that throws is reported and
 * otherwise ignored. Without a telemetry there is no `Tracing`, and nothing of this costs anything.
 */
import type { AsyncResource } from 'node:async_hooks'
import type { AppendRequest } from '../core/event-store.ts'
import type { Levels, Telemetry, Work } from '../core/telemetry.ts'
import { type Engine, report, type Tracing } from './engine.ts'

export function makeTracing(telemetry: Telemetry): Tracing {
  return {
    around<T>(work: Work, run: () => T): T {
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
    carrier: () => safely(() => telemetry.carrier()) ?? {},
    here: () => safely(() => telemetry.here()),
  }
}

/** An append within the trace of the first of those who ask for it; the others are told of. */
export function tracedAppend<T>(
  { tracing, store }: Pick<Engine, 'tracing' | 'store'>,
  requests: readonly AppendRequest[],
  callers: readonly AsyncResource[],
  append: () => T,
): T {
  const [request] = requests
  if (!tracing || !request) return append()
  const { tenant = '', stream } = request
  const events = requests.reduce((sum, one) => sum + one.events.length, 0)
  const [first, ...others] = callers
  const beside = others.map((caller) => caller.runInAsyncScope(tracing.here))
  const run = () => tracing.around({ kind: 'append', store: store.name, tenant, stream, requests: requests.length, events, beside }, append)
  return first ? first.runInAsyncScope(run) : run()
}

/** Lets a telemetry read the levels of an app. Returns how to end that. */
export function watchLevels(telemetry: Telemetry | undefined, read: () => Promise<Levels>): () => void {
  const end = safely(() => telemetry?.watch?.(read))
  return () => safely(() => end?.())
}

function safely<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    report('telemetry threw', error)
    return undefined
  }
}
