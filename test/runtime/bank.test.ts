/** The bank, end to end: what `api/bank.run.ts` says it does, on a test app over every store. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValidationError } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { scenario, testApp } from '../../src/testing/index.ts'
import {
  Account,
  AccountClosed,
  AccountOpened,
  balances,
  closeAccount,
  completeTransfer,
  deposit,
  failTransfer,
  MoneyDeposited,
  MoneyWithdrawn,
  openAccount,
  requestTransfer,
  Transfer,
  withdraw,
} from '../domain/bank.ts'
import { all, ann, teller } from './open-bank.ts'

test('an owner withdraws from an open account', () =>
  scenario(Account)
    .given(AccountOpened({ owner: 'ann' }), MoneyDeposited({ amount: 100 }))
    .when(withdraw({ accountId: 'a', amount: 30 }), { actor: ann })
    .thenEvents(MoneyWithdrawn({ amount: 30 })))

test('a withdrawal above the balance is rejected', () =>
  scenario(Account)
    .given(AccountOpened({ owner: 'ann' }), MoneyDeposited({ amount: 10 }))
    .when(withdraw({ accountId: 'a', amount: 30 }), { actor: ann })
    .thenRejected('InsufficientFunds', { balance: 10 }))

test('a stranger is forbidden to withdraw', () =>
  scenario(Account)
    .given(AccountOpened({ owner: 'ann' }))
    .when(withdraw({ accountId: 'a', amount: 30 }), { actor: { id: 'eve', roles: [] } })
    .thenForbidden())

test('an event of schema version 1 is read as version 2', () =>
  assert.deepEqual(AccountClosed.read({ reason: 'moved' }, 1), { reason: 'moved', closedBy: 'unknown' }))

test('an invalid event cannot be made', () => assert.throws(() => MoneyDeposited({ amount: -1 }), ValidationError))

const commands = [openAccount, deposit, withdraw, closeAccount, requestTransfer, completeTransfer, failTransfer]
const banks = {
  memory: () => testApp({ commands, projections: [balances] }),
  sqlite: () => testApp({ store: ({ clock }) => sqlite(':memory:', { clock }), commands, projections: [balances] }),
}

for (const [store, bank] of Object.entries(banks)) {
  const open = async (...ids: readonly string[]) => {
    const app = bank()
    for (const accountId of ids) await app.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
    await app.execute(deposit({ accountId: ids[0]!, amount: 100 }), { actor: ann })
    await app.settle()
    return app
  }

  test(`${store}: a transfer, its steps executed by hand, moves the money`, async () => {
    await using app = await open('a', 'b')
    const { correlationId } = (await app.execute(requestTransfer({ transferId: 't1', from: 'a', to: 'b', amount: 40 }), { actor: ann }))
      .events[0]!.metadata
    const step = { actor: ann, correlationId }
    await app.execute(withdraw({ accountId: 'a', amount: 40, transferId: 't1' }), step)
    await app.execute(deposit({ accountId: 'b', amount: 40, transferId: 't1' }), step)
    await app.execute(completeTransfer({ transferId: 't1' }), step)
    assert.equal((await app.view(balances).get('a'))?.balance, 60)
    assert.equal((await app.view(balances).get('b'))?.balance, 40)
    assert.deepEqual((await app.load(Transfer, 't1')).state, { open: false })
    assert.deepEqual(
      (await all(app.events({ correlationId }))).map(({ type }) => type),
      ['TransferRequested', 'MoneyWithdrawn', 'MoneyDeposited', 'TransferCompleted'],
    )
  })

  test(`${store}: in one transaction a transfer to a closed account leaves nothing`, async () => {
    await using app = await open('a', 'b')
    await app.execute(closeAccount({ accountId: 'b', reason: 'moved' }), { actor: teller })
    const transfer = app.transaction(async (tx) => {
      await tx.execute(withdraw({ accountId: 'a', amount: 40 }), { actor: ann })
      await tx.execute(deposit({ accountId: 'b', amount: 40 }), { actor: ann })
    })
    await assert.rejects(transfer, { code: 'ES_REJECTED', message: /Deposit was rejected: AccountNotOpen/ })
    assert.equal((await app.view(balances).get('a'))?.balance, 100)
    assert.equal((await app.load(Account, 'a')).version, 2)
  })

  test(`${store}: a rejection is a typed value with attempt()`, async () => {
    await using app = await open('a')
    const outcome = await app.attempt(withdraw({ accountId: 'a', amount: 500 }), { actor: ann })
    assert.ok(!outcome.ok && outcome.rejection.code === 'InsufficientFunds')
    assert.equal(outcome.rejection.details.balance, 100)
  })

  test(`${store}: validate() stops a command before decide()`, async () => {
    await using app = await open('a')
    await assert.rejects(app.execute(withdraw({ accountId: 'a', amount: 20_000 }), { actor: ann }), { code: 'ES_VALIDATION' })
    assert.equal((await app.load(Account, 'a')).version, 2)
  })

  test(`${store}: deposits and withdrawals of an account add up, and its past is still there`, async () => {
    await using app = await open('a')
    for (const amount of [1000, 500, 250]) await app.execute(deposit({ accountId: 'a', amount }), { actor: ann })
    await app.clock.advance({ days: 1 })
    for (const amount of [300, 200]) await app.execute(withdraw({ accountId: 'a', amount }), { actor: teller })
    const now = await app.load(Account, 'a')
    assert.deepEqual([now.version, now.state], [7, { status: 'open', owner: 'ann', balance: 1350 }])
    const yesterday = await app.load(Account, 'a', { at: new Date('2030-01-01T12:00:00Z') })
    assert.deepEqual([yesterday.version, yesterday.state], [5, { status: 'open', owner: 'ann', balance: 1850 }])
  })

  test(`${store}: an account is closed once; closing it again succeeds and writes nothing`, async () => {
    await using app = await open('a')
    const first = await app.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller })
    const again = await app.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller })
    assert.deepEqual([first.events.length, again.events.length, again.version], [1, 0, 3])
    assert.deepEqual(first.events[0]!.data, { reason: 'moved', closedBy: 'tom' })
  })
}
