/** Wake-ups are hints: whatever becomes of them, what was committed elsewhere is heard of. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Duration } from '../../src/core/duration.ts'
import type { EventStore } from '../../src/core/event-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { freshSchema } from './fresh.ts'
import { type PostgresServer, postgresServers } from './servers.ts'

const event = () => ({ id: randomUUID(), type: 'Noted', schemaVersion: 1, data: '{}', metadata: '{}', tags: [] })

const append = (store: EventStore) => store.append([{ stream: 'note-1', expectedVersion: 'any', events: [event()] }])

interface Scene {
  readonly listener: EventStore
  readonly writer: EventStore
  /** Of the server, apart from both. */
  readonly admin: pg.Client
  readonly channel: string
  /** Whoever listens there at the moment. */
  sessions(): Promise<readonly number[]>
  /** Appends elsewhere, and waits until the listener has heard of that. */
  hears(): Promise<void>
}

async function listening(
  server: PostgresServer,
  { connections = 10, ...options }: { readonly connections?: number; readonly pollInterval: Duration },
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  const { url, name: schema, drop } = await freshSchema(server)
  const pool = new pg.Pool({ connectionString: url, max: connections })
  pool.on('error', () => {}) // one of its connections is cut
  const listener = postgres(pool, { schema, ...options })
  const writer = postgres(url, { schema })
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  const channel = `dacapo_${schema}`
  const over = new AbortController()
  let heard = 0
  try {
    await append(writer)
    const following = (async () => {
      for await (const position of listener.changes(over.signal)) heard = position
    })()
    await run({
      listener,
      writer,
      admin,
      channel,
      async sessions() {
        const { rows } = await admin.query(`SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN "${channel}"'`)
        return rows.map(({ pid }) => pid)
      },
      async hears() {
        await append(writer)
        const head = await writer.head()
        while (heard < head) await pause(5)
      },
    })
    over.abort()
    await following
  } finally {
    over.abort()
    await admin.end()
    await listener.close()
    await pool.end()
    await writer.close()
    await drop()
  }
}

const never = { pollInterval: { hours: 1 } }

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: who listens hears of commits elsewhere without a poll`, async () => {
    await listening(server, never, async ({ sessions, hears }) => {
      while ((await sessions()).length === 0) await pause(5)
      for (let round = 0; round < 3; round++) await hears()
    })
  })

  test(`PostgreSQL ${server.name}: who was cut off listens again, and hears of what was committed meanwhile`, async () => {
    await listening(server, never, async ({ sessions, hears, admin }) => {
      while ((await sessions()).length === 0) await pause(5)
      const [lost] = await sessions()
      await admin.query('SELECT pg_terminate_backend($1)', [lost])
      await hears()
      assert.ok(!(await sessions()).includes(lost!))
      await hears()
    })
  })

  test(`PostgreSQL ${server.name}: without any wake-up a poll finds what was committed`, async () => {
    // A pool of two can spare no connection that only listens.
    await listening(server, { connections: 2, pollInterval: { milliseconds: 20 } }, async ({ sessions, hears }) => {
      await hears()
      assert.deepEqual(await sessions(), [])
    })
  })

  test(`PostgreSQL ${server.name}: what a wake-up says is not even looked at`, async () => {
    await listening(server, never, async ({ sessions, hears, admin, channel, listener }) => {
      while ((await sessions()).length === 0) await pause(5)
      for (const text of ['', '999999999', '{"position":', '-1']) await admin.query('SELECT pg_notify($1, $2)', [channel, text])
      await hears()
      assert.equal(await listener.head(), 2)
    })
  })
}
