/** One file in several hands: stores, transactions, processes, drivers. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Libsql from 'libsql'
import { sql } from '../../src/core/sql.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { append, appendProcess, logOf, outcome, printedBy, temporaryFolder, to } from './support.ts'

test('processes that open a new file at the same moment and append to one stream get every version once', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const printed = await Promise.all(Array.from({ length: 4 }, () => printedBy(appendProcess(file, 'account-1', 50))))
  const versions = printed.flatMap((text) => text.trim().split('\n').map(Number))
  assert.deepEqual(
    versions.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, i) => i + 1),
  )
  const store = sqlite(file)
  assert.deepEqual(
    (await logOf(store)).map(({ position, version }) => position - version),
    Array(200).fill(0),
  )
  await store.close()
})

test('two stores of one process on one file race without a busy error, and wake each other', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const stores = [sqlite(file), sqlite(file)]
  const results = await Promise.all(Array.from({ length: 200 }, (_, i) => append(stores[i % 2]!, to('account-1', 2))))
  assert.ok(results.every(({ kind }) => kind === 'appended'))
  for await (const head of stores[0]!.changes(new AbortController().signal)) {
    if (head === 402) break
    if (head === 400) await append(stores[1]!, to('account-1', 2))
  }
  await Promise.all(stores.map((store) => store.close()))
})

test('a commit of another process wakes who listens', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const store = sqlite(file, { pollInterval: { milliseconds: 10 } })
  await store.head()
  const child = printedBy(appendProcess(file, 'account-1', 3))
  for await (const head of store.changes(new AbortController().signal)) if (head === 3) break
  await child
  await store.close()
})

test('a process that is killed in the middle of appending loses nothing that it was told', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const child = appendProcess(file, 'account-1', 100_000)
  let acknowledged = ''
  child.stdout?.on('data', (text) => {
    acknowledged += text
    if (acknowledged.split('\n').length > 30) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.on('close', resolve))
  const last = Number(acknowledged.trim().split('\n').at(-1))
  const store = sqlite(file)
  const info = await store.streamInfo('account-1')
  assert.ok(info && info.version >= last, `version ${info?.version}, acknowledged ${last}`)
  assert.deepEqual(
    (await logOf(store)).map(({ version }) => version),
    Array.from({ length: info.version }, (_, i) => i + 1),
  )
  assert.equal((await append(store, to('account-1', 1, { expectedVersion: info.version }))).kind, 'appended')
  await store.close()
  const database = new DatabaseSync(file)
  assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
  database.close()
})

test('who waits too long for the lock of another process is told so, and can repeat', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const store = sqlite(file, { lockTimeout: { milliseconds: 50 } })
  await store.head()
  const other = new DatabaseSync(file)
  other.exec('BEGIN IMMEDIATE')
  const request = to('account-1', 2)
  await assert.rejects(append(store, request), { code: 'ES_STORE_UNAVAILABLE', retryable: true, message: /being written by somebody else/ })
  assert.equal(await store.head(), 0)
  other.exec('COMMIT')
  assert.equal((await append(store, request)).kind, 'appended')
  other.close()
  await store.close()
})

test('on one handle, reads from outside wait for the transaction that is open and see what it committed', async () => {
  const store = sqlite(':memory:')
  const order: string[] = []
  let outside: Promise<unknown> | undefined
  await store.transaction!(async (tx) => {
    await tx.append(to('account-1', 2))
    outside = store.head().then((head) => order.push(`outside reads ${head}`))
    await sleep(20)
    await tx.append(to('account-1', 1))
    order.push('the work ends')
  })
  await outside
  assert.deepEqual(order, ['the work ends', 'outside reads 3'])
  await store.close()
})

test('on one handle, a transaction that waits for a read from outside is told after the lock timeout', async () => {
  const store = sqlite(':memory:', { lockTimeout: { milliseconds: 50 } })
  await assert.rejects(
    store.transaction!(() => store.head()),
    { code: 'ES_STORE_UNAVAILABLE', message: /does it wait for a call from outside it/ },
  )
  await assert.rejects(
    store.transaction!(() => append(store, to('account-1'))),
    { code: 'ES_STORE_UNAVAILABLE' },
  )
  assert.equal((await append(store, to('account-1'))).kind, 'appended')
  await store.close()
})

test("within() joins the caller's transaction on the same file, and refuses every other handle", async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'bank.db')
  const store = sqlite(file)
  const mine = new DatabaseSync(file)
  assert.equal(await outcome(store.within!(mine).append(to('account-1'))), 'ES_DEFINITION', 'no transaction was begun')
  await store.migrate()
  mine.exec('CREATE TABLE orders (id INTEGER); BEGIN; INSERT INTO orders VALUES (1)')
  const tx = store.within!(mine)
  assert.equal((await tx.append(to('account-1', 2))).kind, 'appended')
  assert.deepEqual(await tx.sql(sql`select count(*) as n from orders`).then(([row]) => ({ ...row })), { n: 1 })
  assert.equal(await store.head(), 0)
  mine.exec('COMMIT')
  assert.equal(await store.head(), 2)

  assert.throws(() => store.within!({}), { code: 'ES_DEFINITION' })
  const elsewhere = new DatabaseSync(join(folder, 'other.db'))
  elsewhere.exec('BEGIN')
  assert.equal(await outcome(store.within!(elsewhere).append(to('account-1'))), 'ES_DEFINITION')
  const given = sqlite(mine)
  assert.throws(() => given.within!(mine), { code: 'ES_DEFINITION', message: /handle of your own/ })
  await Promise.all([store.close(), given.close()])
  elsewhere.close()
  mine.close()
})

test('a transaction cannot be used after it has ended', async (t) => {
  const store = sqlite(join(temporaryFolder(t), 'bank.db'))
  const kept = await store.transaction!(async (tx) => tx)
  assert.equal(await outcome(kept.append(to('account-1'))), 'ES_STOPPED')
  await store.close()
})

test('libsql and node:sqlite handles on one file give the same store', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const database = new Libsql(file)
  const viaLibsql = sqlite(database)
  await append(viaLibsql, to('account-1', 3))
  const nullFirst = await viaLibsql.transaction!((tx) => tx.sql(sql`select ${null} as a, ${true} as b, ${'c'} as c`))
  assert.deepEqual(
    nullFirst.map((row) => ({ ...row })),
    [{ a: null, b: 1, c: 'c' }],
  )
  const written = await logOf(viaLibsql)
  await viaLibsql.close()
  database.close()
  const store = sqlite(file)
  assert.deepEqual(await logOf(store), written)
  await store.close()
})

test('an index answers a question to a view, and goes when the view no longer declares it', async (t) => {
  const file = join(temporaryFolder(t), 'bank.db')
  const store = sqlite(file)
  const view = { view: 'balances', fingerprint: 'a', indexes: { balance: 'number', owner: 'text', Owner: 'text' } } as const
  const rows = Array.from({ length: 500 }, (_, i) => ({
    tenant: '',
    key: `k${i}`,
    row: JSON.stringify({ balance: i, owner: `o${i % 7}`, Owner: 'x' }),
  }))
  await store.views.rebuild(view, async () => rows)
  const database = new DatabaseSync(file)
  const indexes = () =>
    database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'dacapo_view_balances%'")
      .all()
      .map(({ name }) => name)
  assert.deepEqual(indexes().sort(), [
    'dacapo_view_balances.^Owner.text',
    'dacapo_view_balances.balance.number',
    'dacapo_view_balances.owner.text',
  ])
  const plan = database
    .prepare(
      `EXPLAIN QUERY PLAN SELECT key FROM dacapo_view_rows WHERE tenant = ? AND view = 'balances' AND row IS NOT NULL
       AND CASE WHEN json_type(row, '$.balance') IN ('integer', 'real') THEN CAST(json_extract(row, '$.balance') AS REAL) END > ?`,
    )
    .all('', 3)
  assert.match(String(plan[0]?.detail), /USING INDEX dacapo_view_balances\.balance\.number \(tenant=\? AND <expr>>\?\)/)
  const question = { where: [['balance', { gte: 490 }]], orderBy: 'balance', descending: true, limit: 3, after: undefined } as const
  assert.deepEqual(
    (await store.views.list('', view, question)).map(({ key }) => key),
    ['k499', 'k498', 'k497'],
  )
  await store.views.rebuild({ ...view, fingerprint: 'b', indexes: { balance: 'number' } }, async () => rows)
  assert.deepEqual(indexes(), ['dacapo_view_balances.balance.number'])
  await store.close()
  database.close()
})
