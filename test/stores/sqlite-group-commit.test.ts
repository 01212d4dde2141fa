/** Callers that share a commit do not share their fates: what happens when one of them, or the commit itself, fails. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sql } from '../../src/core/sql.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { append, deposit, logOf, outcome, temporaryFolder, to } from './support.ts'

/** A database that tells every statement given to `exec`, and can be made to refuse one. */
function watched(file = ':memory:') {
  const database = new DatabaseSync(file)
  const told: string[] = []
  let failing: RegExp | undefined
  return {
    database,
    told,
    failOnce(pattern: RegExp) {
      failing = pattern
    },
    given: {
      exec(text: string) {
        told.push(text)
        if (failing?.test(text)) {
          failing = undefined
          throw Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 })
        }
        database.exec(text)
      },
      prepare: (text: string) => database.prepare(text),
      close: () => database.close(),
    },
  }
}

test('64 callers that append again and again share one commit a round', async () => {
  const { given, told } = watched()
  const store = sqlite(given)
  await store.head()
  told.length = 0
  await Promise.all(
    Array.from({ length: 64 }, async (_, i) => {
      for (let round = 0; round < 10; round++) await append(store, to(`account-${i}`, 1, { expectedVersion: round }))
    }),
  )
  assert.equal(told.filter((text) => text === 'COMMIT').length, 10)
  assert.equal(told.filter((text) => text.startsWith('SAVEPOINT')).length, 0)
  await store.close()
})

test('batches end at the limits of requests and of characters', async () => {
  const { given, told } = watched()
  const store = sqlite(given, { maxBatchRequests: 10, maxBatchBytes: 1000 })
  await store.head()
  told.length = 0
  await Promise.all(Array.from({ length: 25 }, (_, i) => append(store, to(`account-${i}`))))
  assert.equal(told.filter((text) => text === 'COMMIT').length, 3)
  told.length = 0
  const large = deposit({ data: JSON.stringify('x'.repeat(600)) })
  await Promise.all([
    append(store, to('account-1')),
    append(store, { ...to('account-2'), events: [large] }),
    append(store, to('account-3', 50)),
  ])
  assert.equal(told.filter((text) => text === 'COMMIT').length, 2)
  await store.close()
})

test('a statement that fails refuses its own request, names its projection, and leaves the neighbours alone', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const store = sqlite(file)
  await store.transaction!((tx) => tx.sql(sql`create table owners (owner text primary key) strict`))
  const owner = (name: string) => [
    { ...sql`insert into owners values (${name})`, owner: { projection: 'owners', eventType: 'AccountOpened' } },
  ]
  const results = await store.append([
    to('account-1', 2, { statements: owner('ann') }),
    to('account-2', 2, { statements: owner('ann') }),
    to('account-2', 1, { statements: owner('bob'), expectedVersion: 'none' }),
  ])
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ['appended', 'refused', 'appended'],
  )
  const error = results[1]!.kind === 'refused' ? results[1]!.error : undefined
  assert.equal(error?.code, 'ES_PROJECTION_FAILED')
  assert.match(error.message, /Projection owners failed on AccountOpened: UNIQUE constraint failed: owners\.owner/)
  assert.deepEqual(
    (await logOf(store)).map(({ stream, version }) => `${stream}@${version}`),
    ['account-1@1', 'account-1@2', 'account-2@1'],
  )
  await store.close()
})

test('a statement that undoes the whole transaction fails alone, and its neighbours are stored', async (t) => {
  const store = sqlite(join(temporaryFolder(t), 'bank.db'))
  await store.transaction!((tx) => tx.sql(sql`create table owners (owner text primary key) strict`))
  const owner = [sql`insert or rollback into owners values (${'ann'})`]
  const answers = await Promise.all(
    [to('account-1'), to('account-2', 1, { statements: owner }), to('account-3', 1, { statements: owner }), to('account-4')].map(
      (request) => outcome(append(store, request).then(({ kind }) => kind)),
    ),
  )
  assert.deepEqual(answers, ['appended', 'appended', 'ES_STORE_UNAVAILABLE', 'appended'])
  assert.deepEqual(
    (await logOf(store)).map(({ stream }) => stream),
    ['account-1', 'account-2', 'account-4'],
  )
  await store.close()
})

test('a statement may not end the transaction or change the connection', async (t) => {
  const store = sqlite(join(temporaryFolder(t), 'bank.db'))
  for (const statement of [
    sql`commit`,
    sql` -- a comment
    ROLLBACK`,
    sql`/* x */ pragma synchronous = off`,
    sql`;end`,
    sql`attach 'x' as y`,
  ]) {
    const result = await append(store, to('account-1', 1, { statements: [statement] }))
    assert.equal(result.kind === 'refused' && result.error.code, 'ES_PROJECTION_FAILED')
    assert.equal(await outcome(store.transaction!((tx) => tx.sql(statement))), 'ES_DEFINITION')
  }
  assert.equal(await store.head(), 0)
  await store.close()
})

test('an event whose id turns up in the middle of an append undoes all of it, and nothing of its neighbours', async (t) => {
  const store = sqlite(join(temporaryFolder(t), 'bank.db'))
  const known = deposit({ tags: ['known'] })
  await append(store, { ...to('account-1'), events: [known] })
  const mixed = { ...to('account-2'), events: [deposit({ tags: ['fresh'], type: 'FreshType' }), known] }
  const results = await store.append([
    to('account-3', 2),
    mixed,
    to('account-3', 1, { expectedVersion: 2 }),
    to('account-2', 1, { expectedVersion: 0 }),
  ])
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ['appended', 'refused', 'appended', 'appended'],
  )
  assert.deepEqual(
    (await logOf(store)).map(({ position }) => position),
    [1, 2, 3, 4, 5],
  )
  assert.deepEqual(
    (await store.eventTypes()).map(({ type }) => type),
    ['MoneyDeposited'],
  )
  await store.close()
})

test('a commit that fails is told to all who shared it, and what it would have added is added by the repeat', async () => {
  const { given, failOnce } = watched()
  const store = sqlite(given)
  await store.head()
  const requests = Array.from({ length: 5 }, (_, i) => to(`account-${i}`, 1, { expectedVersion: 'none' }))
  failOnce(/^COMMIT$/)
  const told = await Promise.all(requests.map((request) => outcome(append(store, request))))
  assert.deepEqual(told, Array(5).fill('ES_STORE_UNAVAILABLE'))
  assert.equal(await store.head(), 0)
  const again = await Promise.all(requests.map((request) => append(store, request)))
  assert.deepEqual(
    again.map(({ kind }) => kind),
    Array(5).fill('appended'),
  )
  assert.deepEqual(await store.eventTypes(), [{ category: 'account', type: 'MoneyDeposited', schemaVersion: 1 }])
  await store.close()
})

test('a full disk is said in words, takes nothing that was stored, and the repeat succeeds when there is room', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const database = new DatabaseSync(file)
  const store = sqlite(database)
  await store.head()
  const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number }
  database.exec(`PRAGMA max_page_count = ${pages + 20}`)
  const big = (n: number) => ({ ...to(`file-${n}`), events: [deposit({ data: JSON.stringify('x'.repeat(10_000)) })] })
  const acknowledged: number[] = []
  let failed: ReturnType<typeof big> | undefined
  for (let n = 1; !failed; n++) {
    const request = big(n)
    const [result] = await store.append([request]).catch((error) => {
      assert.equal(error.code, 'ES_STORE_UNAVAILABLE')
      assert.equal(error.retryable, true)
      assert.match(error.message, /disk of .* is full: nothing of this commit was written/)
      failed = request
      return []
    })
    if (result) acknowledged.push(n)
  }
  assert.ok(acknowledged.length > 0)
  assert.deepEqual(
    (await logOf(store)).map(({ stream }) => stream),
    acknowledged.map((n) => `file-${n}`),
  )
  database.exec('PRAGMA max_page_count = 100000')
  assert.equal((await append(store, failed)).kind, 'appended')
  await store.close()
  database.close()
})

test('closing answers whoever waits and leaves nothing pending', async (t) => {
  const store = sqlite(join(temporaryFolder(t), 'bank.db'))
  const calls = [
    ...Array.from({ length: 20 }, (_, i) => append(store, to(`account-${i}`)).then(({ kind }) => kind)),
    store.transaction!(async (tx) => (await tx.append(to('account-tx'))).kind),
    store.snapshots.save('', 'account-1', { version: 1, fingerprint: 'f', body: '{}', takenAt: 0 }, 1),
    store.head(),
  ]
  const wakes = (async () => {
    for await (const _ of store.changes(new AbortController().signal));
    return 'ended'
  })()
  await store.close()
  assert.ok((await Promise.allSettled(calls)).every(({ status }) => status === 'fulfilled'))
  assert.equal(await wakes, 'ended')
  assert.equal(await outcome(store.migrate()), 'ES_STOPPED')
  assert.equal(await outcome(store.forgetExpired(0)), 'ES_STOPPED')
})
