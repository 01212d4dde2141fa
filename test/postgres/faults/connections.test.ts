/** Connections that are not to be had, belong to somebody else, have settings of their own, or are given up in the middle of work. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { StoppedError, StoreUnavailableError } from '../../../src/core/errors.ts'
import type { EventStore } from '../../../src/core/event-store.ts'
import { sql } from '../../../src/core/sql.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { type Fresh, freshSchema } from '../fresh.ts'
import { startProxy } from '../proxy.ts'
import { postgresServers } from '../servers.ts'
import { holdWithin } from './held.ts'
import { deposit, entry, idsOf } from './requests.ts'
import { assertSound, storedLog } from './stored-log.ts'
import { transactionPool } from './transaction-pooling.ts'

const isRetryable = (error: unknown) => error instanceof StoreUnavailableError && error.retryable

/** A URL whose connections have a setting, as a role or a database may give it to them. */
function withSetting(url: string, name: string, value: string): string {
  const changed = new URL(url)
  changed.searchParams.set('options', `${changed.searchParams.get('options') ?? ''} -c ${name}=${value}`)
  return changed.href
}

for (const server of await postgresServers()) {
  const onFresh = (sentence: string, run: (fresh: Fresh) => Promise<void>) =>
    test(`PostgreSQL ${server.name}: ${sentence}`, async () => {
      const fresh = await freshSchema(server)
      try {
        await run(fresh)
      } finally {
        await fresh.drop()
      }
    })

  onFresh('a server that is not there yet is an error that may be tried again, and then works', async ({ url, name: schema }) => {
    const proxy = await startProxy({ url })
    const store = postgres(proxy.url, { schema })
    proxy.refuse()
    const page = () => store.readAll()[Symbol.asyncIterator]().next()
    const attempts = [store.head(), store.append([deposit('account-a')]), store.transaction!(async () => {}), store.migrate(), page()]
    await Promise.all(attempts.map((attempt) => assert.rejects(attempt, isRetryable)))
    proxy.accept()
    assert.equal((await store.append([deposit('account-a')]))[0]!.kind, 'appended')
    await store.close()
    await proxy.close()
  })

  onFresh('close answers what waits, and leaves no promise pending', async ({ url, name: schema }) => {
    const store = postgres(url, { schema })
    await store.append([deposit('account-a')])
    const held = await holdWithin(store, url, (transaction) => transaction.append(deposit('held-a')))
    const waiting = assert.rejects(store.append([deposit('held-a')]), StoppedError)
    const requests = Array.from({ length: 1000 }, (_, i) => deposit(`account-${i % 10}`))
    const appends = requests.map((request) => store.append([request]))
    const reads = Array.from({ length: 20 }, () => store.head())
    const transactions = [1, 2, 3].map((n) => store.transaction!((transaction) => transaction.append(deposit(`own-${n}`))))
    const closed = store.close()
    await assert.rejects(store.append([deposit('account-a')]), StoppedError)
    await assert.rejects(store.head(), StoppedError)
    await closed

    assert.deepEqual(new Set((await Promise.all(appends)).map(([result]) => result!.kind)), new Set(['appended']))
    await waiting
    await Promise.all([...reads, ...transactions])
    await held.end('rollback')
    await stampAll(url, schema)
    assert.equal((await storedLog(url, schema)).length, 1 + requests.length + transactions.length)
  })

  onFresh('a pool of the user stays open when the store is closed', async ({ url, name: schema }) => {
    const pool = new pg.Pool({ connectionString: url, max: 3 })
    const store = postgres(pool, { schema })
    await store.append([deposit('account-a')])
    await store.close()
    assert.equal((await pool.query('select 1 as one')).rows[0].one, 1)
    await pool.end()
  })

  onFresh('nothing relies on a session: a pool of transactions will do', async ({ url, name: schema }) => {
    const pool = transactionPool(url, 4)
    const store = postgres(pool, { schema })
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.append([mixed(i)])))
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.transaction!((transaction) => transaction.append(deposit(`account-${i % 5}`)))),
    )
    const rebuilt = { view: 'balance', indexes: {}, fingerprint: '1' }
    await store.views.rebuild(rebuilt, async (log) => {
      for await (const _ of log);
      return []
    })
    await store.head()
    await store.close()
    assertSound(await storedLog(url, schema))
    assert.ok(pool.transactions > 20)
    await pool.end()
  })

  for (const [name, value] of [
    ['lock_timeout', '50ms'],
    ['statement_timeout', '150ms'],
    ['idle_in_transaction_session_timeout', '1s'],
    ['default_transaction_isolation', 'serializable'],
  ] as const) {
    onFresh(`${name} = ${value} on the role breaks nothing in silence`, async ({ url, name: schema }) => {
      const admin = postgres(url, { schema })
      await admin.migrate()
      const store = postgres(withSetting(url, name, value), { schema })
      const held = await holdWithin(admin, url, async (transaction) => {
        // Also holds the order lock, so that everybody waits.
        await transaction.append(deposit('held-a', 1, { condition: { query: [{ types: ['None'] }], after: 0 } }))
      })
      const requests = Array.from({ length: 30 }, (_, i) => mixed(i))
      const first = Promise.allSettled(requests.map((request) => store.append([request])))
      const released = new Promise((resolve) => setTimeout(resolve, 400)).then(() => held.end('commit'))
      const acknowledged: string[] = []
      for (const [i, outcome] of (await first).entries()) {
        if (outcome.status === 'rejected') assert.ok(isRetryable(outcome.reason), String(outcome.reason))
        else assert.equal(outcome.value[0]!.kind, 'appended')
        if (outcome.status === 'fulfilled') acknowledged.push(...idsOf([requests[i]!]))
      }
      await released
      await admin.head()
      const stored = new Set((await storedLog(url, schema)).map(({ id }) => id))
      for (const id of acknowledged) assert.ok(stored.has(id))

      // And when nobody is in the way, everything gets done; a slow machine may need more than one attempt to be in time.
      for (const request of requests) {
        for (let attempt = 1; ; attempt++) {
          try {
            assert.notEqual((await store.append([request]))[0]!.kind, 'refused')
            break
          } catch (error) {
            if (!isRetryable(error) || attempt === 10) throw error
          }
        }
      }
      await store.head()
      const log = await storedLog(url, schema)
      assertSound(log)
      assert.deepEqual(log.map(({ id }) => id).filter((id) => idsOf(requests).includes(id)).length, idsOf(requests).length)
      await Promise.all([store.close(), admin.close()])
    })
  }

  onFresh('a transaction that PostgreSQL can only undo is not reported as committed', async ({ url, name: schema }) => {
    const store = postgres(url, { schema })
    const swallowed = store.transaction!(async (transaction) => {
      await transaction.append(deposit('account-a'))
      // A read fails, which no savepoint guards, and nobody cares.
      await assert.rejects(transaction.streamInfo('account-\0'))
      return 'done'
    })
    await assert.rejects(swallowed, StoreUnavailableError)
    assert.equal(await store.head(), 0)
    await store.close()
  })
}

const mixed = (i: number) =>
  deposit(`account-${i % 5}`, 1 + (i % 2), {
    ...(i % 3 === 0 ? { idempotency: entry(`k${i}`) } : {}),
    ...(i % 7 === 0 ? { statements: [sql`select 1`] } : {}),
  })

/** Gives positions to what was committed last, after the store is closed. */
async function stampAll(url: string, schema: string): Promise<void> {
  const store: EventStore = postgres(url, { schema })
  await store.head()
  await store.close()
}
