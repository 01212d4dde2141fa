/** What the parts of one running app share: its ports, its definitions, its numbers. */
import type { AsyncResource } from 'node:async_hooks'
import type { Clock } from '../core/clock.ts'
import type { AppendRequest, EventStore } from '../core/event-store.ts'
import type { IdSource } from '../core/ids.ts'
import type { Observer, Signal } from '../core/observer.ts'
import type { Carrier, TracedWork } from '../core/telemetry.ts'
import type { Background } from './background.ts'
import type { Lanes } from './command/lanes.ts'
import type { Counters } from './counters.ts'
import type { Definitions } from './definitions.ts'
import type { Settings } from './settings.ts'
import type { MemoryPressure } from './state/memory-pressure.ts'
import type { KeptSet } from './view/kept-views.ts'
import type { TransactionalViews } from './view/transactional-views.ts'

/** The shared parts. */
export interface Engine {
  readonly store: EventStore
  readonly definitions: Definitions
  readonly settings: Settings
  readonly clock: Clock
  readonly ids: IdSource
  /** A number from 0 to 1, for jitter and samples. */
  readonly random: () => number
  /** Absent when nobody watches, so that a signal costs nothing then. */
  readonly tell: ((signal: Signal) => void) | undefined
  /** Absent without a telemetry, and before the first use of the store. */
  tracing: Tracing | undefined
  readonly counters: Counters
  readonly background: Background
  readonly lanes: Lanes
  readonly memory: MemoryPressure
  readonly views: TransactionalViews
  readonly kept: KeptSet
  readonly fallbacks: Fallbacks
}

/** What a command without its own rule falls back on. */
export interface Fallbacks {
  readonly authorize: ((context: any) => boolean | Promise<boolean>) | undefined
  readonly validate: ((context: any) => readonly string[] | undefined | Promise<readonly string[] | undefined>) | undefined
}

/** A telemetry as the runtime uses it: it cannot do any harm (`tracing.ts`). */
export interface Tracing {
  /** Does the work, and comes to what it comes to. */
  around<T>(work: TracedWork, run: () => T): T
  /** Nothing, where there is no context. */
  carrier(): Carrier
  /** Appends in the trace of the first of the callers; those of the others are told of. Without callers, in that of whoever calls. */
  append<T>(requests: readonly AppendRequest[], callers: readonly Pick<AsyncResource, 'runInAsyncScope'>[], append: () => T): T
}

/** One function for many observers; an observer that throws never disturbs the work it watches. */
export function tellAll(observers: readonly Observer[]): Engine['tell'] {
  if (observers.length === 0) return undefined
  const watchers = observers.map((observe) => reporting('an observer threw', observe))
  return (signal) => {
    for (const watch of watchers) watch(signal)
  }
}

/** A callback of the user's that disturbs nobody when it throws. */
export function reporting<T>(what: string, callback: (given: T) => void): (given: T) => void {
  return (given) => {
    try {
      callback(given)
    } catch (error) {
      report(what, error)
    }
  }
}

/** Says what went wrong where no caller is left to be told; throwing would end the process. */
export function report(what: string, error: unknown): void {
  console.error(`dacapo: ${what}:`, error)
}
