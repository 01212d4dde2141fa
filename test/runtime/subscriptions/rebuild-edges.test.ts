/** Rebuilding and comparing where there is little to do, where rows come and go, and what neither of them does. */
import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import { projection } from '../../../src/index.ts'
import {
  AccountClosed,
  AccountOpened,
  completeTransfer,
  deposit,
  failTransfer,
  MoneyDeposited,
  MoneyWithdrawn,
  openAccount,
  requestTransfer,
  transferMoney,
  withdraw,
} from '../../domain/bank.ts'
import { inFrontOf, moment } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { appendDeposits, appendRaw, noting, openFollowed, openWithDeposits, payIn, range, sums } from './follow.ts'
import { foldedLedger, generationsOf, ledger, ledgerRows } from './ledger.ts'

// What fails on purpose is reported, as it should be; here it would bury everything else.
beforeEach((t) => void (t as { mock?: import('node:test').MockTracker }).mock?.method(console, 'error', () => {}))

const noDifference = { changed: 0, missing: 0, surplus: 0 }

onEveryStore('on an empty log a rebuild and a comparison end at once, and the view begins afterwards', async (given) => {
  const app = openFollowed(given, { projections: [ledger(1)] })
  await app.start()
  const { position, rows, differing, differences } = await app.subscriptions.compare('ledger')
  assert.deepEqual([position, rows, differing, differences], [0, 0, noDifference, []])
  const rebuilt = await app.subscriptions.rebuild('ledger')
  assert.deepEqual([rebuilt.position, rebuilt.events], [0, 0])
  await appendDeposits(given.store, 5)
  await app.settle()
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
  assert.equal((await given.store.views.defined())[0]?.generation, (await generationsOf(given.store))[0])
})

onEveryStore(
  'a log without a single event of the view leads to no row, and the view begins with the first one that comes',
  async (given) => {
    const app = openFollowed(given, { projections: [ledger(1)] })
    for (const n of range(1, 30)) await openWithDeposits(app, `n${n}`)
    await app.start()
    const { rows, differing } = await app.subscriptions.compare('ledger')
    assert.deepEqual([rows, differing], [0, noDifference])
    assert.equal((await app.subscriptions.rebuild('ledger')).events, 0)
    await appendDeposits(given.store, 5)
    await app.settle()
    assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
  },
)

onEveryStore('events that lie far apart in the log are all found, and the others are not counted', async (given) => {
  const app = openFollowed(given, { projections: [ledger(1, { partitions: 3 })] })
  for (const n of range(1, 40)) await openWithDeposits(app, `n${n}`, ...(n % 10 === 0 ? [n] : []))
  await app.settle()
  const { rows, differing } = await app.subscriptions.compare('ledger')
  assert.deepEqual([rows, differing], [7, noDifference])
  assert.equal((await app.subscriptions.rebuild('ledger')).events, 4)
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
})

onEveryStore('rows that are deleted and made again are the same after a rebuild, in two parts', async (given) => {
  const open = projection('open', {
    events: [AccountOpened, MoneyDeposited, MoneyWithdrawn],
    consistency: 'async',
    partitions: 2,
    key: ({ subject }) => subject,
    initial: () => ({ sum: 0, lives: 0 }),
    evolve: {
      AccountOpened: (row) => ({ ...row, lives: row.lives + 1 }),
      MoneyDeposited: ({ sum, lives }, { data }) => ({ sum: sum + data.amount, lives }),
      MoneyWithdrawn: ({ sum, lives }, { data }) => (data.amount === 13 ? null : { sum: sum - data.amount, lives }),
    },
  })
  const app = openFollowed(given, { projections: [open] })
  const accounts = range(1, 8).map((n) => `n${n}`)
  for (const account of accounts) await openWithDeposits(app, account, 20)
  const withdrawal = (account: string) => appendRaw(given.store, `account-${account}`, 'MoneyWithdrawn', 1, { amount: 13 })
  for (const account of accounts.slice(0, 6)) await withdrawal(account)
  for (const account of accounts.slice(0, 3)) await payIn(app, account, 5)
  await withdrawal('n1')
  await app.settle()
  const rowsNow = () => Promise.all(accounts.map((account) => app.view(open as never).get(account)))
  const before = await rowsNow()
  const again = { sum: 5, lives: 0 }
  const never = { sum: 20, lives: 1 }
  assert.deepEqual(before, [undefined, again, again, undefined, undefined, undefined, never, never])
  const { rows, differing, differences } = await app.subscriptions.compare(open)
  assert.deepEqual([rows, differing, differences], [4, noDifference, []])
  await app.subscriptions.rebuild(open)
  assert.deepEqual(await rowsNow(), before)
  await payIn(app, 'n1', 7)
  await app.settle()
  assert.deepEqual((await rowsNow())[0], { sum: 7, lives: 0 })
})

onEveryStore('handlers and processes do not run again when a view is rebuilt or compared', async (given) => {
  const { amounts, handler } = noting()
  const app = openFollowed(given, {
    projections: [sums],
    handlers: [handler],
    processes: [transferMoney],
    commands: [openAccount, deposit, withdraw, requestTransfer, completeTransfer, failTransfer],
  } as never)
  await openWithDeposits(app, 'a', 100)
  await openWithDeposits(app, 'b', 10)
  await app.execute(requestTransfer({ transferId: 't', from: 'a', to: 'b', amount: 40 }) as never, { actor: ann })
  await app.settle()
  const stored = async () => ({
    events: (await Array.fromAsync(app.events())).map(({ id, type }) => `${type} ${id}`),
    records: await given.store.work.records({ kind: 'process' }),
    amounts: [...amounts],
    rows: await Promise.all(['a', 'b'].map((account) => app.view(sums as never).get(account))),
  })
  const before = await stored()
  assert.ok(before.events.some((one) => one.startsWith('TransferCompleted')))
  assert.deepEqual([before.amounts, before.rows[0]], [[100, 10, 40], { sum: 60, count: 2 }])
  assert.deepEqual((await app.subscriptions.compare('sums')).differences, [])
  await app.subscriptions.rebuild('sums')
  await app.settle()
  assert.deepEqual(await stored(), before)
})

onEveryStore('stopping does not wait until all old rows are deleted, and the next app deletes what is left', async (given) => {
  const begun = moment()
  const discard: typeof given.store.views.discard = async (_, __, signal) => {
    begun.resolve()
    await new Promise((resolve) => signal?.addEventListener('abort', resolve)) // there are very many
  }
  const store = inFrontOf(given.store, { views: { ...given.store.views, discard } })
  const app = openFollowed(given, { store, projections: [ledger(1)] })
  await appendDeposits(given.store, 20)
  await app.settle()
  await app.subscriptions.rebuild('ledger')
  await begun.promise
  await app.stop({ keepStore: true })
  assert.deepEqual(await generationsOf(given.store), [0, 1])
  const next = openFollowed(given, { projections: [ledger(1)] })
  await next.settle()
  assert.deepEqual(await generationsOf(given.store), [1])
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
})

const closings = projection('closings', {
  events: [MoneyDeposited, AccountClosed],
  consistency: 'async',
  key: ({ subject }) => subject,
  initial: () => ({ count: 0, closedBy: '' }),
  evolve: {
    MoneyDeposited: ({ count, closedBy }) => ({ count: count + 1, closedBy }),
    AccountClosed: ({ count }, { data }) => ({ count, closedBy: data.closedBy }),
  },
})

/** The upcaster's schema refuses what it makes of it. */
const appendUnreadable = (given: Parameters<typeof openFollowed>[0], account: string) =>
  appendRaw(given.store, `account-${account}`, 'AccountClosed', 1, { reason: 5 })

onEveryStore('an event that cannot be read in a rebuild is a dead letter of the projection, and other rows go on', async (given) => {
  const app = openFollowed(given, { projections: [closings] })
  await openWithDeposits(app, 'a', 1, 2)
  await appendUnreadable(given, 'a')
  await openWithDeposits(app, 'b', 3)
  await app.settle()
  const told = () => app.deadLetters.map(({ handler, error }) => `${handler} ${error.code}`)
  assert.deepEqual(told(), ['closings ES_UPCAST'])
  const { rows, differing } = await app.subscriptions.compare('closings')
  assert.deepEqual([rows, differing], [2, noDifference])
  assert.equal((await app.subscriptions.rebuild('closings')).position, 6)
  await app.settle()
  assert.deepEqual(told(), ['closings ES_UPCAST'])
  const rowOf = (account: string) => app.view(closings as never).get(account)
  assert.deepEqual(
    [await rowOf('a'), await rowOf('b')],
    [
      { count: 2, closedBy: '' },
      { count: 1, closedBy: '' },
    ],
  )
  await app.deadLetters.discard(app.deadLetters[0]!.id)
  await appendDeposits(given.store, 1, ['a'])
  await app.settle()
  assert.deepEqual([await rowOf('a'), app.deadLetters.length], [{ count: 3, closedBy: '' }, 0])
})

onEveryStore('an event that cannot be read ends a rebuild that is to stop at failures, and the view stays', async (given) => {
  const retry = { attempts: 2, whenExhausted: 'stop' as const }
  const app = openFollowed(given, { projections: [closings], defaults: { handlers: { retry } } })
  await openWithDeposits(app, 'a', 1)
  await appendUnreadable(given, 'a')
  await app.settle()
  await assert.rejects(app.subscriptions.rebuild('closings'), { code: 'ES_REBUILD_ENDED', message: /AccountClosed/ })
  assert.deepEqual(await app.view(closings as never).get('a'), { count: 1, closedBy: '' })
  assert.equal((await given.store.views.defined())[0]?.generation, 0)
  assert.ok((await given.store.work.parts()).every(({ subscription }) => subscription === 'projection:closings'))
})
