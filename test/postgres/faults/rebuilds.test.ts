/** Views that are rebuilt at the same moment, as when processes with a new version start, and what two processes delete at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshDatabase } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import { deposit } from './requests.ts'

for (const server of await postgresServers()) {
  for (const [where, processes] of [
    ['one store', 1],
    ['two stores', 2],
  ] as const) {
    test(`PostgreSQL ${server.name}: rebuilds of views with indexes in ${where} do not fail because of each other`, async () => {
      const { url, drop } = await freshDatabase(server)
      const stores = Array.from({ length: processes }, () => postgres(url, { schema: 'bank' }))
      await Promise.all(stores.map((store) => store.append([deposit('account-a')])))
      const rebuilds = stores.flatMap((store) =>
        ['balances', 'owners', 'totals'].map((view) =>
          store.views.rebuild({ view, indexes: { owner: 'text', amount: 'number' }, fingerprint: '1' }, async (log) => {
            for await (const _ of log);
            return [{ tenant: '', key: 'a', row: '{"owner":"Ann","amount":1}' }]
          }),
        ),
      )
      await Promise.all(rebuilds)
      assert.equal((await stores[0]!.views.get('', 'owners', 'a'))?.row, '{"owner":"Ann","amount":1}')
      await Promise.all(stores.map((store) => store.close()))
      await drop()
    })
  }

  test(`PostgreSQL ${server.name}: who deletes the same rows as somebody who dies over it deletes all of them`, async () => {
    const { url, drop } = await freshDatabase(server)
    const store = postgres(url, { schema: 'bank' })
    await store.migrate()
    const other = new Client(url)
    await other.connect()
    const rows = `select '', 'letters@1', 'n' || n, 1, '{}'::json from generate_series(1, 4500) as n`
    await other.query(`insert into bank.view_rows (tenant, view, key, row_version, row) ${rows}`)
    await other.query('begin')
    await other.query(`delete from bank.view_rows where key in (select key from bank.view_rows order by key limit 2000)`)
    const discarding = store.views.discard({ view: 'letters', indexes: {}, fingerprint: '' }, 1)
    const watching = new Client(url)
    await watching.connect()
    const waits = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    while ((await watching.query(waits)).rows.length === 0);
    // One piece of what he has begun with, and nothing more comes of it.
    await other.query('commit')
    await other.end()
    await discarding
    assert.deepEqual((await watching.query('select count(*)::int as left from bank.view_rows')).rows, [{ left: 0 }])
    await watching.end()
    await store.close()
    await drop()
  })
}
