/** Runs a test of the runtime once on each store, on a test clock. */
import { test } from 'node:test'
import type { EventStore } from '../../src/core/event-store.ts'
import { memory } from '../../src/stores/memory/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { type TestClock, testClock } from '../../src/testing/test-clock.ts'
import { postgresServers } from '../postgres/servers.ts'

/** The oldest: the contract is kept on each of them. */
const [server] = await postgresServers()
let made = 0

/** Every store, by name, freshly opened on a clock. */
export const storesByName: Readonly<Record<string, (given: { readonly clock: TestClock }) => EventStore>> = {
  memory: ({ clock }) => memory({ clock }),
  sqlite: ({ clock }) => sqlite(':memory:', { clock }),
  postgres: ({ clock }) => postgres(server!.url, { clock, schema: `runtime_${process.pid}_${++made}`, maxConnections: 5 }),
}

interface Tended {
  idle(): Promise<void>
  stop(options: { readonly keepStore: true }): Promise<void>
}

/** What a test is given: one store, its clock, and somebody who stops its apps. */
export interface Given {
  readonly storeName: string
  readonly store: EventStore
  /** Its `advance` waits for the background work of every tended app. */
  readonly clock: TestClock
  /** Stops the app at the end of the test. */
  tend<A extends Tended>(app: A): A
}

/** Registers a test per store. */
export function onEveryStore(sentence: string, run: (given: Given) => Promise<void>): void {
  for (const storeName of Object.keys(storesByName)) onStore(storeName, sentence, run)
}

/** Registers a test per store that answers within a few turns of the event loop, for tests that count those, or need one writer at a time. */
export function onStoresInProcess(sentence: string, run: (given: Given) => Promise<void>): void {
  for (const storeName of ['memory', 'sqlite']) onStore(storeName, sentence, run)
}

/** Registers a test on one store, for what only that one can do. */
export function onStore(storeName: string, sentence: string, run: (given: Given) => Promise<void>): void {
  test(`${storeName}: ${sentence}`, async () => {
    const apps: Tended[] = []
    const clock = testClock(undefined, async () => {
      for (const app of apps) await app.idle()
    })
    const store = storesByName[storeName]!({ clock })
    const tend = <A extends Tended>(app: A): A => {
      apps.push(app)
      return app
    }
    try {
      await run({ storeName, store, clock, tend })
    } finally {
      for (const app of apps) await app.stop({ keepStore: true })
      await store.close()
    }
  })
}
