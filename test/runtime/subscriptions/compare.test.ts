/** Comparing the stored rows of a view with those that its fold makes now, while events keep coming. */
import assert from 'node:assert/strict'
import { turns } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { quietTests } from '../quietly.ts'
import { appendDeposits, openFollowed, range, workInFrontOf } from './follow.ts'
import { foldedLedger, generationsOf, ledger, ledgerRows } from './ledger.ts'

const accounts = range(1, 12).map((n) => `n${n}`)

quietTests()

for (const partitions of [1, 4]) {
  onEveryStore(`a view in ${partitions} part(s) that is right does not differ, although events keep coming`, async (given) => {
    const app = openFollowed(given, { projections: [ledger(1, { partitions })] })
    await appendDeposits(given.store, 500, accounts)
    await app.settle()
    let isOver = false
    const comparing = app.subscriptions.compare('ledger').finally(() => {
      isOver = true
    })
    for (let first = 501; !isOver; first += 20) {
      await appendDeposits(given.store, 20, accounts, first)
      await turns(3)
    }
    const { rows, differing, differences, position } = await comparing
    assert.deepEqual([rows, differing, differences], [15, { changed: 0, missing: 0, surplus: 0 }, []])
    assert.ok(position >= 500)
    await app.settle()
    assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
    assert.deepEqual(await generationsOf(given.store), [0], 'what was built is deleted')
  })
}

onEveryStore('rows that were changed, lost or invented are told, by tenant and key, and left as they are', async (given) => {
  const app = openFollowed(given, { projections: [ledger(1, { partitions: 2 })] })
  await appendDeposits(given.store, 36, accounts)
  await app.settle()
  const row = (key: string, text: string | null, tenant = '') => ({ tenant, view: 'ledger', key, row: text })
  await given.store.work.commit([
    {
      rows: [
        row('credit-n1', '{"amount":5,"factor":1}'),
        row('credit-n2', '{"factor":1,"amount":42}'), // the same in another order
        row('credit-n3', null),
        row('credit-z', '{"amount":1,"factor":1}', 'acme'),
      ],
    },
  ])
  const { differing, differences, rows } = await app.subscriptions.compare('ledger')
  assert.deepEqual([rows, differing], [16, { changed: 1, missing: 1, surplus: 1 }])
  assert.deepEqual(differences, [
    { tenant: '', key: 'credit-n1', stored: { amount: 5, factor: 1 }, rebuilt: { amount: 39, factor: 1 } },
    { tenant: '', key: 'credit-n3', rebuilt: { amount: 45, factor: 1 } },
    { tenant: 'acme', key: 'credit-z', stored: { amount: 1, factor: 1 } },
  ])
  assert.equal((await ledgerRows(given.store))['credit-n1']?.amount, 5)
  await app.subscriptions.rebuild('ledger')
  await app.settle()
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
})

onEveryStore('of many rows that differ all are counted, and the first hundred are told', async (given) => {
  const before = openFollowed(given, { projections: [ledger(1)] })
  await appendDeposits(
    given.store,
    1300,
    range(1, 1200).map((n) => `n${n}`),
  )
  await before.settle()
  await before.stop({ keepStore: true })
  const app = openFollowed(given, { projections: [ledger(2)] })
  await app.start()
  const { rows, differing, differences } = await app.subscriptions.compare('ledger')
  assert.deepEqual([rows, differing, differences.length], [1203, { changed: 1203, missing: 0, surplus: 0 }, 100])
})

onEveryStore('rows that were compared may change while others are compared, and rows may come before and behind them', async (given) => {
  let pages = 0
  const store = workInFrontOf(given.store, {
    async scan(question) {
      if (question.generation === 0) {
        const accounts = ['n1', 'n1000', 'n999', `a${++pages}`, `z${pages}`]
        await appendDeposits(given.store, 10, accounts, 2000 + pages * 10)
        await turns(5)
      }
      return given.store.work.scan(question)
    },
  })
  const app = openFollowed(given, { store, projections: [ledger(1, { partitions: 2 })] })
  await appendDeposits(
    given.store,
    1300,
    range(1, 1200).map((n) => `n${n}`),
  )
  await app.settle()
  const { rows, differing, differences } = await app.subscriptions.compare('ledger')
  assert.deepEqual([differing, differences], [{ changed: 0, missing: 0, surplus: 0 }, []])
  assert.ok(pages >= 3 && rows >= 1203, `${rows} rows in ${pages} pages`)
})
