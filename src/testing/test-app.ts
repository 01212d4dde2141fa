/** A fresh app for a test: its own store, its own clock, every snapshot checked. */
import type { AnyCommand } from '../core/command.ts'
import type { EventStore } from '../core/event-store.ts'
import type { AnyProjection } from '../core/projection.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { App, AppOptions, CommandNames, ProjectionsIn } from '../runtime/app.ts'
import { createApp } from '../runtime/create-app.ts'
import type { DeadLetter, DeadLetters } from '../runtime/subscription/dead-letters.ts'
import { type MemoryCapabilities, memory } from '../stores/memory/index.ts'
import { type TestClock, testClock } from './test-clock.ts'

/** What a test has beside the app. */
export interface TestTools {
  /** Starts at 2030-01-01T00:00:00Z and stands still until `advance`. */
  readonly clock: TestClock
  /**
   * Waits until everything that has happened is dealt with, by async projections, handlers and processes, too: started if need be. What
   * waits for a later time on the clock is left: timers. Failing handlers are tried again at once, until they end in the dead letters.
   */
  settle(): Promise<void>
  /** Those of the last `settle`, as a list, with the calls of `app.deadLetters`. */
  readonly deadLetters: readonly DeadLetter[] & DeadLetters
}

/** An app with what a test needs beside it. */
export type TestApp<N extends string, P extends AnyProjection> = Omit<App<N, P>, 'deadLetters'> & TestTools

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
>(options: TestAppOptions<S, M, P>): TestApp<CommandNames<M>, ProjectionsIn<P>> {
  // Timers only fire when a test advances the clock, and by then there is an app.
  const clock: TestClock = options.clock ?? testClock(undefined, () => settled())
  const { store = memory, defaults = {}, ...parts } = options as TestAppOptions<EventStore, M, P>
  // Nobody else is at a store of its own: fewer looks at the others make long times pass in no time.
  const alone = options.store === undefined ? { lease: { hours: 1 } } : {}
  const app = createApp({
    ...parts,
    clock,
    store: typeof store === 'function' ? store({ clock }) : store,
    defaults: {
      ...defaults,
      aggregate: { compareSnapshotOneIn: 1, ...defaults.aggregate },
      subscriptions: { retryAtOnce: true, ...alone, ...defaults.subscriptions },
    },
  } as never) as App<string>
  const letters: DeadLetter[] = []
  const settled = (app as unknown as { settle(): Promise<void> }).settle
  const tools: TestTools = {
    clock,
    deadLetters: Object.assign(letters, app.deadLetters),
    async settle() {
      await app.start()
      await settled()
      letters.splice(0, letters.length, ...(await app.deadLetters.list()))
    },
  }
  return Object.assign(app, tools) as never
}
