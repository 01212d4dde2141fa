/** Runs a test on two stores that share what they keep: two processes, as far as an app can tell. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { EventStore } from '../../src/core/event-store.ts'
import { memory } from '../../src/stores/memory/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { type TestClock, testClock } from '../../src/testing/test-clock.ts'
import { freshSchema } from '../postgres/fresh.ts'
import { postgresServers } from '../postgres/servers.ts'
import type { Given } from './on-every-store.ts'

const [server] = await postgresServers()

/** What such a test is given. */
export interface Two {
  readonly clock: TestClock
  /** One process: pass it to `openBank`. */
  readonly here: Given
  readonly there: Given
  /** Another process on what the two share. */
  another(): Given
  /** The database file, where there is one. */
  readonly file: string | undefined
}

/** Registers a test on one memory store seen by two apps, on two SQLite stores over one file, and on two PostgreSQL stores over one schema. */
export function onTwoProcesses(sentence: string, run: (two: Two) => Promise<void>): void {
  test(`memory, two processes: ${sentence}`, async () => {
    const clock = testClock()
    const shared = memory({ clock })
    await runTwo(clock, () => shared, 'memory', run)
  })
  onOneFile(sentence, run)
  test(`postgres, two processes: ${sentence}`, async () => {
    const clock = testClock()
    const schema = await freshSchema(server!)
    try {
      await runTwo(clock, () => postgres(server!.url, { clock, schema: schema.name, maxConnections: 4 }), 'postgres', run)
    } finally {
      await schema.drop()
    }
  })
}

/** The same on an SQLite file alone. */
export function onOneFile(sentence: string, run: (two: Two) => Promise<void>): void {
  test(`sqlite, two processes: ${sentence}`, async () => {
    const clock = testClock()
    const folder = mkdtempSync(join(tmpdir(), 'dacapo-two-'))
    const file = join(folder, 'bank.db')
    try {
      // Not what is tested here, and two hundred syncs of a slow disk are: durable enough for a file that is thrown away.
      await runTwo(clock, () => sqlite(file, { clock, synchronous: 'NORMAL' }), 'sqlite', run, file)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

async function runTwo(
  clock: TestClock,
  open: () => EventStore,
  storeName: string,
  run: (two: Two) => Promise<void>,
  file?: string,
): Promise<void> {
  const apps: { stop(options: { readonly keepStore: true }): Promise<void> }[] = []
  const stores = new Set<EventStore>()
  const another = (): Given => {
    const store = open()
    stores.add(store)
    const tend: Given['tend'] = (app) => {
      apps.push(app)
      return app
    }
    return { storeName, store, clock, tend }
  }
  try {
    await run({ clock, here: another(), there: another(), another, file })
  } finally {
    for (const app of apps) await app.stop({ keepStore: true })
    for (const store of stores) await store.close()
  }
}
