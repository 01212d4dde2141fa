/** A fold that has changed is noticed, and builds with different folds that run side by side leave each other's rows alone. */
import assert from 'node:assert/strict'
import { type Signal, sql, tableProjection } from '../../../src/index.ts'
import { ableWorkers } from '../../../src/runtime/subscription/able-workers.ts'
import { MoneyDeposited } from '../../domain/bank.ts'
import { onEveryStore, onStore } from '../on-every-store.ts'
import { recorder } from '../open-bank.ts'
import { quietTests } from '../quietly.ts'
import { appendDeposits, type Followed, leasesPass, openFollowed, range } from './follow.ts'
import { foldedLedger, ledger, ledgerRows, until, watchLedger } from './ledger.ts'

const accounts = range(1, 6).map((n) => `n${n}`)

quietTests()

const changedIn = async (app: Followed) => (await app.subscriptions.list()).map(({ changed }) => changed)
const isOf = (rows: Awaited<ReturnType<typeof ledgerRows>>, factor: number) => Object.values(rows).every((row) => row.factor === factor)

onEveryStore('a changed fold is told by a signal and in the numbers, until the view is rebuilt', async (given) => {
  const before = openFollowed(given, { projections: [ledger(1)] })
  await appendDeposits(given.store, 10, accounts)
  await before.settle()
  assert.deepEqual(await changedIn(before), [false])
  await before.stop({ keepStore: true })
  const signals: Signal[] = []
  const app = openFollowed(given, { projections: [ledger(2)], observer: (signal) => void signals.push(signal) })
  await app.settle()
  assert.deepEqual(
    signals.filter(({ signal }) => signal === 'projection.changed'),
    [{ signal: 'projection.changed', projection: 'ledger', rebuild: 'manual' }],
  )
  assert.deepEqual(await changedIn(app), [true])
  await leasesPass(given, [app], 2)
  assert.ok(isOf(await ledgerRows(given.store), 1), 'nobody has rebuilt it')
  await app.subscriptions.rebuild('ledger')
  assert.deepEqual(await changedIn(app), [false])
  const again = openFollowed(given, { projections: [ledger(2)], observer: (signal) => void signals.push(signal) })
  await again.start()
  assert.equal(signals.filter(({ signal }) => signal === 'projection.changed').length, 1)
})

for (const name of ['sqlite', 'postgres']) {
  onStore(name, 'statements of tables that have changed are told, too; they go on with what is there', async (given) => {
    const paid = (factor: number) =>
      tableProjection('paid', {
        events: [MoneyDeposited],
        consistency: 'async',
        tables: {
          paid_by_statements: 'create table if not exists paid_by_statements (position bigint primary key, amount bigint not null)',
        },
        // The sources must differ: numbers from outside are not seen.
        apply:
          factor === 1
            ? ({ position, data }, sql) => sql`insert into paid_by_statements values (${position}, ${data.amount})`
            : ({ position, data }, sql) => sql`insert into paid_by_statements values (${position}, ${2 * data.amount})`,
      })
    const signals = recorder()
    for (const [factor, changed] of [
      [1, false],
      [1, false],
      [2, true],
    ] as const) {
      const app = openFollowed(given, { projections: [paid(factor)], observer: signals })
      await appendDeposits(given.store, 1, ['a'], 5)
      await app.settle()
      assert.deepEqual(await changedIn(app), [changed])
      await app.stop({ keepStore: true })
    }
    assert.deepEqual(signals.of('projection.changed'), [{ signal: 'projection.changed', projection: 'paid', rebuild: 'manual' }])
    const rows = await given.store.transaction?.((tx) => tx.sql(sql`select amount from paid_by_statements order by position`))
    assert.deepEqual(
      rows?.map((row) => Number(row['amount'])),
      [5, 5, 10],
    )
  })
}

onEveryStore("'auto' rebuilds a changed view by itself, and the old one is read meanwhile", async (given) => {
  const before = openFollowed(given, { projections: [ledger(1)] })
  await appendDeposits(given.store, 2000, accounts)
  await before.settle()
  await before.stop({ keepStore: true })
  const watching = watchLedger(given.store, 1)
  const app = openFollowed(given, { projections: [ledger(2)], defaults: { subscriptions: { rebuild: 'auto' } } })
  await app.start()
  await until(async () => isOf(await ledgerRows(given.store), 2))
  await watching.end()
  await app.settle()
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 2))
})

onEveryStore(
  'during a deployment nothing flaps: the last old build takes its rows with it, and a rollback brings them back',
  async (given) => {
    const opened = (factor: 1 | 2) => openFollowed(given, { projections: [ledger(factor, { rebuild: 'auto' })] })
    const old = [opened(1), opened(1)]
    await appendDeposits(given.store, 60, accounts)
    for (const app of old) await app.settle()
    const young = opened(2)
    await young.settle()
    const watching = watchLedger(given.store, 1)
    const all = [...old, young]
    await leasesPass(given, all, 2)
    await appendDeposits(given.store, 60, accounts, 61)
    await leasesPass(given, all, 2)
    assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1), 'old builds are there, so their rows are')
    await old[0]!.stop({ keepStore: true })
    await leasesPass(given, [old[1]!, young], 2)
    assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1), 'one old build is there')
    // The new one rebuilds it now because somebody says so; the old one is still there, and must not take it back.
    await young.subscriptions.rebuild('ledger')
    const restarted = opened(1)
    await appendDeposits(given.store, 60, accounts, 121)
    await leasesPass(given, [old[1]!, young, restarted], 4)
    assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 2), 'the new build is there, so its rows are')
    await young.stop({ keepStore: true })
    await leasesPass(given, [old[1]!, restarted], 2)
    await until(async () => isOf(await ledgerRows(given.store), 1))
    await leasesPass(given, [old[1]!, restarted], 2)
    assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1), 'only old builds are left')
    await watching.end()
  },
)

onStore('memory', 'who has another fold than the stored rows can work on them only when nobody else can', async () => {
  const owner = (name: string, fold: string | undefined) => ({
    owner: name,
    beat: 1,
    about: JSON.stringify({ subscriptions: ['projection:x', 'handler:y'], ...(fold ? { folds: { 'projection:x': fold } } : {}) }),
  })
  const able = (made: string | undefined, ...folds: readonly string[]) =>
    ableWorkers(
      folds.map((fold, n) => owner(`o${n}`, fold)),
      new Map(made === undefined ? [] : [['projection:x', made]]),
    ).map(({ subscriptions }) => [...subscriptions])
  const both = ['projection:x', 'handler:y']
  assert.deepEqual(able('a', 'a', 'b', 'a'), [both, ['handler:y'], both])
  assert.deepEqual(able('a', 'b', 'c'), [both, both])
  assert.deepEqual(able(undefined, 'a', 'b'), [both, both])
})
