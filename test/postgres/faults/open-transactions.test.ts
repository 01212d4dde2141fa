/** A transaction that somebody leaves open keeps only those waiting who need what it holds; for everybody else nothing has happened. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppendRequest, EventStore, StoreTransaction } from '../../../src/core/event-store.ts'
import { sql } from '../../../src/core/sql.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshDatabase } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import { type Held, type Hold, holdTransaction, holdWithin } from './held.ts'
import { deposit, deposited } from './requests.ts'
import { ask, assertSound, storedLog } from './stored-log.ts'

interface Case {
  readonly holds: string
  /** What was there before. */
  readonly before?: readonly AppendRequest[]
  readonly hold: (transaction: StoreTransaction) => Promise<unknown>
  /** Needs the same. */
  readonly waits: AppendRequest
  /** Its answer when the transaction is committed, and when it is undone. */
  readonly answers: { readonly commit: string; readonly rollback: string }
}

const key = { key: 'k', hash: 'h', outcome: '{}', expiresAt: Date.now() + 3_600_000 }
const row = (expectedRowVersion: number) => ({ view: 'balance', key: 'a', expectedRowVersion, row: '{"balance":1}' })
const addOne = sql`update total set amount = amount + 1`

/** Made anew for each test: ids are used once. */
function cases(): readonly Case[] {
  const twice = deposited()
  return [
    {
      holds: 'a stream',
      before: [deposit('account-a')],
      hold: (transaction) => transaction.append(deposit('account-a')),
      waits: deposit('account-a'),
      answers: { commit: 'appended 3', rollback: 'appended 2' },
    },
    {
      holds: 'a stream that it has just made',
      hold: (transaction) => transaction.append(deposit('account-a')),
      waits: deposit('account-a', 1, { expectedVersion: 'none' }),
      answers: { commit: 'ES_CONCURRENCY', rollback: 'appended 1' },
    },
    {
      holds: 'a row of a view',
      before: [deposit('account-a', 1, { views: [row(0)] })],
      hold: (transaction) => transaction.append(deposit('account-b', 1, { views: [row(1)] })),
      waits: deposit('account-c', 1, { views: [row(1)] }),
      answers: { commit: 'ES_VIEW_CONFLICT', rollback: 'appended 1' },
    },
    {
      holds: 'a row of a view that it has just made',
      hold: (transaction) => transaction.append(deposit('account-b', 1, { views: [row(0)] })),
      waits: deposit('account-c', 1, { views: [row(0)] }),
      answers: { commit: 'ES_VIEW_CONFLICT', rollback: 'appended 1' },
    },
    {
      holds: 'an idempotency key',
      hold: (transaction) => transaction.append(deposit('account-b', 1, { idempotency: key })),
      waits: deposit('account-c', 1, { idempotency: key }),
      answers: { commit: 'remembered', rollback: 'appended 1' },
    },
    {
      holds: 'the id of an event',
      hold: (transaction) => transaction.append(deposit('account-b', 0, { events: [twice] })),
      waits: deposit('account-c', 0, { events: [deposited(), twice] }),
      answers: { commit: 'ES_DUPLICATE_EVENT', rollback: 'appended 2' },
    },
    {
      holds: 'a row of a table of the user',
      hold: (transaction) => transaction.sql(addOne),
      waits: deposit('account-c', 1, { statements: [addOne] }),
      answers: { commit: 'appended 1', rollback: 'appended 1' },
    },
  ]
}

const ways: readonly (readonly [name: string, hold: Hold, ending: 'commit' | 'rollback'])[] = [
  ['of the store', holdTransaction, 'commit'],
  ['on a client of the caller', holdWithin, 'commit'],
  ['that is then undone', holdWithin, 'rollback'],
]

for (const server of await postgresServers()) {
  for (const [way, hold, ending] of ways) {
    test(`PostgreSQL ${server.name}: a transaction ${way} keeps only those waiting who need the same`, async (t) => {
      const { url, drop } = await freshDatabase(server)
      const stores: EventStore[] = []
      await ask(url, 'create table total as select 0 as amount')
      for (const [i, { holds, before = [], hold: work, waits, answers }] of cases().entries()) {
        await t.test(`it holds ${holds}`, async () => {
          const schema = `bank_${i}`
          const store = postgres(url, { schema })
          stores.push(store)
          await store.append(before)
          await store.views.rebuild(other, async () => [])
          const held: Held = await hold(store, url, work)

          let answered = false
          const waiting = store.append([waits]).finally(() => {
            answered = true
          })
          await everythingElse(store, () => answered)
          assert.equal(answered, false, 'who needs the same has waited')

          await held.end(ending)
          const [result] = await waiting
          const answer = result!.kind === 'refused' ? result!.error.code : result!.kind
          assert.equal(result!.kind === 'appended' ? `${answer} ${result!.version}` : answer, answers[ending])
          await store.head()
          assertSound(await storedLog(url, schema))
        })
      }
      // Nobody waited in a circle: PostgreSQL would have ended that, and told one of them.
      assert.deepEqual(await ask(url, 'select deadlocks::int from pg_stat_database where datname = current_database()'), [{ deadlocks: 0 }])
      await Promise.all(stores.map((store) => store.close()))
      await drop()
    })
  }
}

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: many who wait for the same row of the user keep nobody else waiting, and all get through in the end`, async () => {
    const { url, drop } = await freshDatabase(server)
    const store = postgres(url, { schema: 'bank' })
    await ask(url, 'create table total as select 0 as amount')
    await store.views.rebuild(other, async () => [])
    const held = await holdWithin(store, url, (transaction) => transaction.sql(addOne))
    let answered = false
    const waiting = Array.from({ length: 20 }, (_, i) =>
      store.append([deposit(`account-${i}`, 1, { statements: [addOne] })]).finally(() => {
        answered = true
      }),
    )
    await everythingElse(store, () => answered)
    assert.equal(answered, false)
    await held.end('commit')
    for (const [result] of await Promise.all(waiting)) assert.equal(result!.kind, 'appended')
    assert.deepEqual(await ask(url, 'select amount from total'), [{ amount: 21 }])
    await store.close()
    await drop()
  })
}

const other = { view: 'other', indexes: { owner: 'text' }, fingerprint: '1', types: ['Other'] } as const
const rounds = 10
/** Long enough for a machine that has other things to do; short for anything that waits for the transaction, which would last for ever. */
const patienceMs = 10_000

/** What those do who need nothing of it. Ends only if none of them waits for the transaction. */
async function everythingElse(store: EventStore, stop: () => boolean): Promise<void> {
  const started = performance.now()
  for (let round = 0; round < rounds && !stop(); round++) {
    const [stream, last] = [`free-${round}`, round === 0 ? 0 : round]
    const requests = [
      deposit(stream, 2, { expectedVersion: 'none', views: [{ view: 'other', key: 'x', expectedRowVersion: last, row: '{}' }] }),
      deposit('shared-1', 1, { idempotency: { ...key, key: `free-${round}` } }),
      deposit('shared-2', 1, { statements: [sql`select 1`] }),
    ]
    const results = await store.append(requests)
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['appended', 'appended', 'appended'],
    )
    assert.equal((await store.streamInfo(stream))?.version, 2)
    const head = await store.head()
    let read = 0
    for await (const page of store.readAll({ after: head - 4 })) read += page.events.length
    assert.equal(read, 4)
    assert.equal((await store.views.get('', 'other', 'x'))?.rowVersion, round + 1)
    await store.transaction!((transaction) => transaction.append(deposit(`own-${round}`)))
  }
  await store.views.rebuild({ ...other, fingerprint: '2' }, async (log) => {
    for await (const _ of log);
    return []
  })
  assert.ok(performance.now() - started < patienceMs)
}
