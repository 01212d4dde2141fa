/** Rebuilding the view of an async projection: beside the one that is read, and switched in one commit. */
import assert from 'node:assert/strict'
import { projection } from '../../../src/index.ts'
import { MoneyDeposited } from '../../domain/bank.ts'
import { onEveryStore } from '../on-every-store.ts'
import { appendDeposits, openFollowed, range, sums } from './follow.ts'

const accounts = range(1, 12).map((n) => `n${n}`)

onEveryStore('a rebuilt view has the rows that its fold makes now, and goes on from there', async (given) => {
  const before = openFollowed(given, { projections: [sums] })
  await appendDeposits(given.store, 300, accounts)
  await before.settle()
  await before.stop({ keepStore: true })
  const doubled = projection('sums', {
    events: [MoneyDeposited],
    consistency: 'async',
    partitions: 3,
    key: (event) => event.subject,
    initial: () => ({ twice: 0 }),
    evolve: { MoneyDeposited: (row, { data }) => ({ twice: row.twice + 2 * data.amount }) },
    indexes: { twice: 'number' },
  })
  const app = openFollowed(given, { projections: [doubled] })
  await app.start()
  const rebuilt = await app.subscriptions.rebuild('sums')
  assert.deepEqual([rebuilt.position, rebuilt.events], [300, 300])
  await appendDeposits(given.store, 12, accounts, 301)
  await app.settle()
  const { rows } = await app.view(doubled as never).list({ orderBy: 'twice' } as never)
  for (const { key, row } of rows as readonly { key: string; row: unknown }[]) {
    const own = range(1, 312).filter((amount) => `n${((amount - 1) % 12) + 1}` === key)
    assert.deepEqual(row, { twice: 2 * own.reduce((a, b) => a + b) })
  }
  assert.equal(rows.length, 12)
})
