/** What the schema promises in both layouts, in one piece and in partitions: events are kept, and no table is walked to find a few rows. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { type PostgresOptions, postgres } from '../../src/stores/postgres/index.ts'
import { type Fresh, freshDatabase, freshSchema } from '../postgres/fresh.ts'
import { postgresServers } from '../postgres/servers.ts'
import { append, deposit, logOf, to } from './support.ts'

async function ask(url: string, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat()
  } finally {
    await client.end()
  }
}

function storeIn(t: TestContext, { url, name, drop }: Fresh, options: PostgresOptions) {
  const store = postgres(url, { schema: name, ...options })
  t.after(async () => {
    await store.close()
    await drop()
  })
  return store
}

const layouts: readonly (readonly [name: string, options: PostgresOptions, tables: readonly string[]])[] = [
  ['in one piece', {}, ['events']],
  ['in 4 partitions', { partitions: 4 }, ['events', 'events_0', 'events_1', 'events_2', 'events_3']],
]

for (const server of await postgresServers()) {
  for (const [layout, options, tables] of layouts) {
    const about = `PostgreSQL ${server.name}, ${layout}:`

    test(`${about} the database itself refuses to change, delete or empty events, in every table that holds them`, async (t) => {
      const place = await freshSchema(server)
      const store = storeIn(t, place, options)
      const requests = Array.from({ length: 40 }, (_, i) => to(`account-${i}`))
      await store.append(requests)
      const before = await logOf(store)
      assert.equal(before.length, 40)
      for (const table of tables) {
        for (const text of [`UPDATE ${table} SET data = '{}'`, `DELETE FROM ${table}`, `TRUNCATE ${table}`, `TRUNCATE ${table} CASCADE`]) {
          await assert.rejects(ask(place.url, text), /events are never changed or deleted/, text)
        }
      }
      assert.deepEqual(await logOf(store), before)
    })

    test(`${about} an event id is used once, whatever stream it is in`, async (t) => {
      const store = storeIn(t, await freshSchema(server), options)
      const event = deposit()
      assert.equal((await append(store, to('account-0', 1, { events: [event] }))).kind, 'appended')
      for (let i = 1; i <= 20; i++) {
        const result = await append(store, to(`account-${i}`, 1, { events: [event] }))
        assert.equal(result.kind === 'refused' && (result.error as { code?: string }).code, 'ES_DUPLICATE_EVENT')
      }
      assert.equal((await logOf(store)).length, 1)
    })

    test(`${about} among many events, appends and reads find theirs by an index and never walk a table`, async (t) => {
      const place = await freshDatabase(server)
      t.after(place.drop)
      const first = postgres(place.url, options)
      await first.migrate!()
      await first.close()
      await ask(
        place.url,
        `INSERT INTO dacapo.events (position, tenant, stream, version, id, type, schema_version, data, metadata, recorded_at)
         SELECT n, '', 'account-' || n % 1000, 1 + n / 1000, 'event-' || n, 'MoneyDeposited', 1, '{}', '{}', n FROM generate_series(0, 39999) AS n`,
      )
      await ask(place.url, 'ANALYZE dacapo.events')
      await settled(place.url)
      const before = await scansIn(place.url)

      const user = postgres(place.url)
      for (let i = 0; i < 20; i++) assert.equal((await append(user, to(`account-${i}`, 3))).kind, 'appended')
      await user.transaction!(async (tx) => void (await tx.append(to('account-1'))))
      assert.equal(await user.head(), 39_999 + 61)
      for (const read of [
        { after: 20_000, limit: 500 },
        { after: 20_000, limit: 500, backwards: true },
        { after: 20_000, to: 20_100 },
      ]) {
        for await (const { events } of user.readAll(read)) assert.ok(events.length > 0)
      }
      for await (const events of user.readStream('account-1')) assert.equal(events.length, 44)
      assert.equal((await user.streamInfo('account-2'))?.version, 43)
      assert.equal((await user.listStreams({ limit: 10 })).length, 10)
      await user.close()

      await settled(place.url)
      const after = await scansIn(place.url)
      assert.ok(after.byIndex > before.byIndex, 'what was done is in the statistics')
      assert.equal(after.ofWholeTables - before.ofWholeTables, 0)
    })
  }
}

/** Waits until all others have left the database: a connection tells its statistics when it ends. */
async function settled(url: string): Promise<void> {
  const others =
    'SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $$dacapo$$'
  while (Number((await ask(url, others))[0]) > 0) await ask(url, 'SELECT pg_sleep(0.01)')
  // Before PostgreSQL 15 a process of its own gathers statistics, and hands out the same ones for half a second.
  await ask(url, "SELECT pg_sleep(0.6) WHERE current_setting('server_version_num')::int < 150000")
}

async function scansIn(url: string): Promise<{ readonly ofWholeTables: number; readonly byIndex: number }> {
  const [ofWholeTables, byIndex] = await ask(
    url,
    `SELECT sum(seq_scan)::int, sum(idx_scan)::int FROM pg_stat_user_tables WHERE schemaname = 'dacapo' AND relname LIKE 'events%'`,
  )
  return { ofWholeTables: Number(ofWholeTables), byIndex: Number(byIndex) }
}
