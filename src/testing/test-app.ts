/** A fresh app for a test: its own store, its own clock, every snapshot checked. */
import type { AnyCommand } from '../core/command.ts'
import type { EventStore } from '../core/event-store.ts'
import type { AnyProjection } from '../core/projection.ts'
import type { RecordedEvent } from '../core/recorded-event.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { App, AppOptions, CommandNames, ProjectionsIn } from '../runtime/app.ts'
import { createApp } from '../runtime/create-app.ts'
import { type MemoryCapabilities, memory } from '../stores/memory/index.ts'
import { type TestClock, testClock } from './test-clock.ts'

/** An event that a handler could not handle. */
export interface DeadLetter {
  readonly handler: string
  readonly event: RecordedEvent
  readonly error: unknown
}

/** What a test has beside the app. */
export interface TestTools {
  /** Starts at 2030-01-01T00:00:00Z and stands still until `advance`. */
  readonly clock: TestClock
  /**
   * Waits until everything in the background is done.
   *
   * This version has no engine for async projections, handlers and processes: nothing is delivered to them, and a warning
   * says so once.
   */
  settle(): Promise<void>
  /** Empty until there is an engine that runs handlers. */
  readonly deadLetters: readonly DeadLetter[]
}

/** The parts of a test app: those of `createApp`, with a store only if memory will not do. */
export type TestAppOptions<S extends EventStore, M, P> = Omit<AppOptions<S, M, P>, 'store' | 'clock'> & {
  /** A store, or how to make one on the test clock: `({ clock }) => sqlite(':memory:', { clock })`. Default: a memory store. */
  readonly store?: S | ((tools: { readonly clock: TestClock }) => S)
  /** Default: a new one. */
  readonly clock?: TestClock
}

/**
 * A fresh app on a test clock, over a memory store or the one that you make.
 *
 * @example
 * const app = testApp({ commands: [openAccount, deposit], projections: [balances] })
 * await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: { id: 'ann', roles: [] } })
 */
export function testApp<
  const M extends readonly AnyCommand[] | Readonly<Record<string, unknown>>,
  const P extends readonly (AnyProjection | TableProjection)[] | Readonly<Record<string, unknown>> = [],
  S extends EventStore = EventStore<MemoryCapabilities>,
>(options: TestAppOptions<S, M, P>): App<CommandNames<M>, ProjectionsIn<P>> & TestTools {
  // Timers only fire when a test advances the clock, and by then there is an app.
  const clock: TestClock = options.clock ?? testClock(undefined, () => app.idle())
  const { store = memory, defaults = {}, ...parts } = options as TestAppOptions<EventStore, M, P>
  const app = createApp({
    ...parts,
    clock,
    store: typeof store === 'function' ? store({ clock }) : store,
    defaults: { ...defaults, aggregate: { compareSnapshotOneIn: 1, ...defaults.aggregate } },
  } as never) as App<string>
  let warned = false
  const tools: TestTools = {
    clock,
    deadLetters: [],
    async settle() {
      await app.idle()
      if (warned || !hasAsynchronousParts(options)) return
      warned = true
      console.warn('settle(): this version has no engine for async projections, handlers and processes; nothing was delivered to them.')
    },
  }
  return Object.assign(app, tools) as never
}

function hasAsynchronousParts({
  processes,
  handlers,
  projections,
}: {
  processes?: object
  handlers?: object
  projections?: object
}): boolean {
  const some = (parts: object | undefined) => Object.values(parts ?? {})
  return (
    some(processes).length + some(handlers).length > 0 ||
    some(projections).some((part) => (part as { consistency?: string })?.consistency === 'async')
  )
}
