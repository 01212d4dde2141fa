/** Async projections: each event once, in one commit with the position, whatever fails on the way. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { projection, sql, tableProjection } from '../../../src/index.ts'
import { Account, AccountOpened, deposit, MoneyDeposited, withdraw } from '../../domain/bank.ts'
import { onEveryStore, onStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { appendDeposits, openFollowed, openWithDeposits, payIn, range, sums, workInFrontOf } from './follow.ts'

/** Sums of deposits whose parts fail as they are told to. */
function fragile(more: { readonly partitions?: number } = {}) {
  const faults = { evolve: new Set<number>(), key: new Set<number>(), row: new Set<number>() }
  const given = projection('fragile', {
    events: [MoneyDeposited],
    consistency: 'async',
    ...more,
    key: (event) => {
      if (faults.key.has(event.data.amount)) throw new Error('no key')
      return event.subject
    },
    initial: (): { readonly amounts: readonly number[]; readonly odd?: unknown } => ({ amounts: [] }),
    evolve: {
      MoneyDeposited: ({ amounts }, { data }) => {
        if (faults.evolve.has(data.amount)) throw new Error('no row')
        return { amounts: [...amounts, data.amount], ...(faults.row.has(data.amount) ? { odd: new Map() } : {}) }
      },
    },
  })
  return { faults, projection: given }
}

for (const fault of ['evolve', 'row', 'key'] as const) {
  const what = { evolve: 'a fold that throws', row: 'a row that JSON cannot keep', key: 'a key that cannot be told' }[fault]
  onEveryStore(`${what} leaves its own row behind, and no other; tried again, nothing is missing`, async (given) => {
    const { faults, projection: fragileOne } = fragile({ partitions: 3 })
    faults[fault].add(2)
    const app = openFollowed(given, { projections: [fragileOne] })
    await openWithDeposits(app, 'a', 1, 2)
    await openWithDeposits(app, 'b', 3, 4)
    await app.settle()
    const rows = async () => {
      const page = await app.view(fragileOne as never).list()
      return page.rows.map(({ key, row }) => [key, (row as { amounts: number[] }).amounts])
    }
    assert.deepEqual(await rows(), [
      ['a', [1]],
      ['b', [3, 4]],
    ])
    const [letter] = app.deadLetters
    assert.deepEqual([app.deadLetters.length, letter?.kind, letter?.key], [1, 'projection', fault === 'key' ? 'account-a' : 'a'])
    await assert.rejects(app.deadLetters.edit(letter!.id, { amount: 5 }), { code: 'ES_UNSUPPORTED' })
    faults[fault].clear()
    await app.deadLetters.retry(letter!.id)
    await app.settle()
    assert.deepEqual(await rows(), [
      ['a', [1, 2]],
      ['b', [3, 4]],
    ])
    assert.equal(app.deadLetters.length, 0)
  })
}

onEveryStore('one bad row among a thousand is found, and all the others are written', async (given) => {
  const { faults, projection: fragileOne } = fragile()
  for (const amount of [1, 500, 1000]) faults.row.add(amount)
  const app = openFollowed(given, { projections: [fragileOne] })
  const accounts = range(1, 1000).map((n) => `n${n}`)
  await appendDeposits(given.store, 1000, accounts)
  await app.settle()
  assert.deepEqual(app.deadLetters.map(({ key }) => key).sort(), ['n1', 'n1000', 'n500'])
  const { rows } = await app.view(fragileOne as never).list({ limit: 1000 })
  assert.equal(rows.length, 997)
})

onEveryStore('rows, tenant by tenant, are the fold of the log, also of several events of one stream in one append', async (given) => {
  const app = openFollowed(given, { projections: [sums] })
  const acme = app.forTenant('acme') as unknown as typeof app
  for (const bank of [app, acme]) await openWithDeposits(bank, 'a', 10, 20)
  await acme.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
  await app.transaction(async (tx) => {
    await tx.execute({ command: 'Deposit', input: { accountId: 'a', amount: 1 } }, { actor: ann })
    await tx.execute(withdraw({ accountId: 'a', amount: 3 }) as never, { actor: ann })
  })
  await app.settle()
  assert.deepEqual(await app.view(sums as never).get('a'), { sum: 28, count: 4 })
  assert.deepEqual(await acme.view(sums as never).get('a'), { sum: 35, count: 3 })
})

onEveryStore('a view that is added later begins at the first event', async (given) => {
  await appendDeposits(given.store, 3)
  const first = openFollowed(given)
  await first.settle()
  await first.stop({ keepStore: true })
  const app = openFollowed(given, { projections: [sums] })
  await app.settle()
  assert.deepEqual(await app.view(sums as never).get('a'), { sum: 6, count: 3 })
})

onEveryStore('a row is deleted by null, and made anew by what comes then', async (given) => {
  const open = projection('open', {
    events: [MoneyDeposited],
    consistency: 'async',
    key: (event) => event.subject,
    initial: () => ({ count: 0 }),
    evolve: { MoneyDeposited: (row, { data }) => (data.amount === 13 ? null : { count: row.count + 1 }) },
  })
  const app = openFollowed(given, { projections: [open] })
  const row = async () => {
    await app.settle()
    return app.view(open as never).get('a')
  }
  await openWithDeposits(app, 'a', 1, 2)
  assert.deepEqual(await row(), { count: 2 })
  await payIn(app, 'a', 13)
  assert.equal(await row(), undefined)
  await payIn(app, 'a', 3)
  assert.deepEqual(await row(), { count: 1 })
})

onEveryStore('rows are written with the step that makes them, and with no other', async (given) => {
  const store = workInFrontOf(given.store, {
    async commit(works) {
      for (const { rows, steps } of works) if (rows?.length) assert.ok(steps?.some(({ position }) => position !== undefined))
      return given.store.work.commit(works)
    },
  })
  const app = openFollowed(given, { store, projections: [sums] })
  await openWithDeposits(app, 'a', 1, 2)
  await app.settle()
  assert.deepEqual(await app.view(sums as never).get('a'), { sum: 3, count: 2 })
  assert.equal((await app.load(Account, 'a')).version, 3)
})

for (const storeName of ['sqlite', 'postgres']) {
  onStore(
    storeName,
    'an async table projection makes its table, and a failing statement parks its event and those behind it',
    async (given) => {
      const owners = tableProjection('owners', {
        events: [AccountOpened, MoneyDeposited],
        consistency: 'async',
        tables: { paid: 'create table if not exists paid (account text not null, amount bigint not null check (amount <> 13))' },
        apply: (event, sql) =>
          event.type === 'MoneyDeposited' ? sql`insert into paid values (${event.subject}, ${event.data.amount})` : undefined,
      })
      const app = openFollowed(given, { projections: [owners] })
      await openWithDeposits(app, 'a', 1, 2, 13, 3)
      await app.settle()
      const paid = () =>
        app.transaction(async (tx) => (await tx.sql`select amount from paid order by amount`).map(({ amount }) => Number(amount)))
      assert.deepEqual([await paid(), app.deadLetters[0]?.waiting], [[1, 2], 1])
      await app.deadLetters.discard(app.deadLetters[0]!.id)
      await app.settle()
      assert.deepEqual(await paid(), [1, 2, 3])
    },
  )

  onStore(storeName, 'apps that start at the same time make the tables of an async projection once', async (given) => {
    const name = `tolls_${randomUUID().slice(0, 8)}`
    const tolls = tableProjection('tolls', {
      events: [MoneyDeposited],
      consistency: 'async',
      tables: { [name]: `create table ${name} (account text not null, amount bigint not null)` },
      apply: ({ subject, data }) => ({ ...sql``, parts: [`insert into ${name} values ('${subject}', ${data.amount})`] }),
    })
    const apps = Array.from({ length: 5 }, () => openFollowed(given, { projections: [tolls] }))
    await Promise.all(apps.map((app) => app.start()))
    await openWithDeposits(apps[0]!, 'a', 1, 2)
    for (const app of apps) await app.settle()
    const count = { ...sql``, parts: [`select count(*) as n from ${name}`] }
    assert.equal(Number((await given.store.transaction!((transaction) => transaction.sql(count)))[0]?.n), 2)
  })
}
