/** Views that appends keep, which come, change and go while transactions of other connections are open. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import type { EventStore } from '../../../src/core/event-store.ts'
import type { ViewDefinition } from '../../../src/core/view-store.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshDatabase, freshSchema } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import { type Hold, holdTransaction, holdWithin } from './held.ts'
import { deposit, deposited } from './requests.ts'

const counts: ViewDefinition = { view: 'counts', indexes: {}, fingerprint: '1', types: ['MoneyDeposited'] }
const others: ViewDefinition = { ...counts, view: 'others', types: ['MoneyWithdrawn'] }
const levels = ['repeatable read', 'serializable']
const holds: readonly (readonly [string, Hold])[] = [
  ['of the store', holdTransaction],
  ['on a client of the caller', holdWithin],
]

/** Builds a view that counts what is in the log; resolves to that count. */
async function build(store: EventStore, definition: ViewDefinition): Promise<number> {
  let seen = 0
  await store.views.rebuild(definition, async (log) => {
    seen = 0
    for await (const page of log) seen += page.events.length
    return [{ tenant: '', key: 'all', row: JSON.stringify({ seen }) }]
  })
  return seen
}

for (const server of await postgresServers()) {
  const onTwoStores = (sentence: string, run: (one: EventStore, other: EventStore, url: string) => Promise<void>, place = freshSchema) =>
    test(`PostgreSQL ${server.name}: ${sentence}`, async () => {
      const { url, name: schema, drop } = await place(server)
      const [one, other] = [postgres(url, { schema }), postgres(url, { schema })]
      try {
        await one.append([deposit('account-a')])
        await run(one, other, url)
      } finally {
        await Promise.all([one.close(), other.close()])
        await drop()
      }
    })

  for (const [whose, hold] of holds) {
    onTwoStores(`a view waits for a transaction ${whose} that has appended what it folds, and has its events`, async (one, other, url) => {
      const { epoch: viewEpoch } = await one.views.kept()
      const held = await hold(one, url, (transaction) => transaction.append(deposit('account-b', 2, { viewEpoch })))
      let isBuilt = false
      const building = build(other, counts).finally(() => {
        isBuilt = true
      })
      // Who would wait behind it is let through, several times.
      for (let i = 0; i < 3; i++) await one.transaction!((transaction) => transaction.append(deposit('account-c', 1, { viewEpoch })))
      await one.append([deposit('account-d', 1, { viewEpoch })])
      assert.equal(isBuilt, false)
      await held.end('commit')
      assert.equal(await building, 7)
    })

    onTwoStores(`a view does not wait for a transaction ${whose} that has appended what it does not fold`, async (one, other, url) => {
      const { epoch: viewEpoch } = await one.views.kept()
      const held = await hold(one, url, (transaction) => transaction.append(deposit('account-b', 2, { viewEpoch })))
      assert.equal(await build(other, others), 1)
      await held.end('commit')
      assert.equal((await one.streamInfo('account-b'))?.version, 2)
    })

    onTwoStores(`a transaction ${whose} that was open before a view came, and appends after it, is refused`, async (one, other, url) => {
      const { epoch: viewEpoch } = await one.views.kept()
      const held = await hold(one, url, async (transaction) => {
        assert.equal((await transaction.append(deposit('account-b', 1, { viewEpoch }))).kind, 'appended')
        await build(other, others)
        const late = await transaction.append(deposit('account-b', 1, { viewEpoch }))
        assert.equal(late.kind === 'refused' ? late.error.code : late.kind, 'ES_VIEW_SET_CHANGED')
      })
      await held.end('commit')
      assert.equal((await one.streamInfo('account-b'))?.version, 1)
    })
  }

  for (const level of levels) {
    onTwoStores(`a ${level} transaction with an old picture of the views writes nothing`, async (one, other, url) => {
      const { epoch: viewEpoch } = await one.views.kept()
      const client = new Client(url)
      await client.connect()
      try {
        await client.query(`begin isolation level ${level}`)
        await client.query('select 1') // from here on it sees nothing new
        await build(other, counts)
        const result = await one.within!(client).append(deposit('account-b', 1, { viewEpoch }))
        assert.equal(result.kind === 'refused' ? result.error.code : result.kind, 'ES_CONCURRENCY')
        await client.query('commit')
      } finally {
        await client.end()
      }
      assert.equal(await one.streamInfo('account-b'), undefined)
    })

    onTwoStores(`a ${level} transaction that has appended does not keep other views from coming`, async (one, other, url) => {
      const { epoch: viewEpoch } = await one.views.kept()
      const client = new Client(url)
      await client.connect()
      try {
        await client.query(`begin isolation level ${level}`)
        assert.equal((await one.within!(client).append(deposit('account-b', 1, { viewEpoch }))).kind, 'appended')
        assert.equal(await build(other, others), 1)
        await client.query('commit')
      } finally {
        await client.end()
      }
      assert.equal((await one.streamInfo('account-b'))?.version, 1)
    })
  }

  onTwoStores(
    'transactions that append in other orders than a view claims its types end in no circle',
    async (one, other, url) => {
      const ask = new Client(url)
      await ask.connect()
      const deadlocks = async () =>
        Number((await ask.query('select deadlocks from pg_stat_database where datname = current_database()')).rows[0].deadlocks)
      const typed = (type: string, stream: string) => deposit(stream, 0, { events: [{ ...deposited(), type }] })
      const before = await deadlocks()
      let building: Promise<number> | undefined
      await one.transaction!(async (transaction) => {
        await transaction.append(typed('Z', 'account-z'))
        building = build(other, { ...counts, types: ['A', 'Z'] })
        await new Promise((resolve) => setTimeout(resolve, 50)) // it has claimed A, or does so now, and waits for Z
        await transaction.append(typed('A', 'account-a'))
      })
      assert.equal(await building, 3)
      assert.equal(await deadlocks(), before)
      await ask.end()
    },
    freshDatabase,
  )

  onTwoStores('tables and views that are registered at the same time do not wait for each other in a circle', async (one, other) => {
    const tables = one.transaction!(async (transaction) => {
      await transaction.views.keep({ ...others, view: 'tables' })
      let read = 0
      for await (const page of transaction.readAll()) read += page.events.length
      return read
    })
    const [read, seen] = await Promise.all([tables, build(other, counts)])
    assert.deepEqual([read, seen], [1, 1])
    assert.deepEqual((await one.views.kept()).views.map(({ view }) => view).sort(), ['counts', 'tables'])
  })

  onTwoStores(
    'while views come, change and go, every append is in the log that they are built from, or was checked after it',
    async (one, other) => {
      let ended = false
      let [written, refused] = [0, 0]
      const append = async (store: EventStore, n: number) => {
        while (!ended) {
          const { epoch: viewEpoch, views } = await store.views.kept()
          const row = (await store.views.get('', 'counts', 'all')) ?? { row: null, rowVersion: 0 }
          const isKept = views.some(({ view }) => view === 'counts')
          const next = JSON.stringify({ seen: (row.row === null ? 0 : JSON.parse(row.row).seen) + 1 })
          const rows = isKept ? { views: [{ view: 'counts', key: 'all', expectedRowVersion: row.rowVersion, row: next }] } : {}
          const request = deposit(`account-${n}`, 1, { viewEpoch, ...rows })
          const result =
            n % 2 === 0 ? (await store.append([request]))[0] : await store.transaction!((transaction) => transaction.append(request))
          if (result?.kind === 'appended') written++
          else refused++
        }
      }
      const appending = [1, 2, 3, 4].map((n) => append(n > 2 ? one : other, n))
      for (let round = 0; round < 10; round++) {
        await build(round % 2 === 0 ? one : other, { ...counts, fingerprint: `${round}` })
        if (round % 3 === 2) await one.views.retire('counts')
      }
      ended = true
      await Promise.all(appending)
      const row = await one.views.get('', 'counts', 'all')
      assert.equal(JSON.parse(row!.row!).seen, written + 1)
      assert.ok(refused > 0)
    },
  )

  onTwoStores('appends look for everything by index, the epoch of the views, too', async (one, _, url) => {
    const client = new Client(url)
    await client.connect()
    const { epoch: viewEpoch } = await one.views.kept()
    const count = 50
    for (let n = 0; n < count; n++) await one.append([deposit(`account-${n}`, 1, { viewEpoch })])
    // The server tells late what was done. Few scans are of making the tables; of the appends, there would be one each.
    const text = `select max(seq_scan)::int as scans, sum(coalesce(idx_scan, 0) + seq_scan) filter (where relname = 'view_epoch')::int as found
      from pg_stat_user_tables where schemaname = current_schema()`
    const told = async () => (await client.query(text)).rows[0] as { readonly scans: number; readonly found: number }
    let last = await told()
    while (last.found < count) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      last = await told()
    }
    assert.ok(last.scans < count, `${last.scans} scans`)
    await client.end()
  })
}
