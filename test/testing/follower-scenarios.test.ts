/** Scenarios of projections, process managers and handlers; and that a wrong expectation fails with both sides in its message. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event, eventHandler, processManager, projection, reject } from '../../src/index.ts'
import { inStream, scenario } from '../../src/testing/index.ts'
import {
  AccountClosed,
  AccountOpened,
  balances,
  completeTransfer,
  deposit,
  failTransfer,
  MoneyDeposited,
  MoneyWithdrawn,
  TransferCompleted,
  TransferRequested,
  transferMoney,
  transferReport,
  withdraw,
} from '../domain/bank.ts'

const requested = TransferRequested({ transferId: 't', from: 'a', to: 'b', amount: 40 })
const taken = MoneyWithdrawn({ amount: 40, transferId: 't' })
const given = MoneyDeposited({ amount: 40, transferId: 't' })
const take = withdraw({ accountId: 'a', amount: 40, transferId: 't' })
const giveBack = deposit({ accountId: 'a', amount: 40 })

test('given events, a projection has exactly these rows', () => {
  const events = [
    inStream('account-a', AccountOpened({ owner: 'ann' }), MoneyDeposited({ amount: 10 })),
    inStream('account-b', AccountOpened({ owner: 'bob' })),
    inStream('account-a', MoneyWithdrawn({ amount: 4 })),
  ]
  const { thenRows } = scenario(balances).given(...events)
  thenRows({ b: { balance: 0, owner: 'bob' }, a: { owner: 'ann', balance: 6 } })
  assert.throws(() => thenRows({ a: { owner: 'ann', balance: 6 } }), /balances: expected rows {"a":.*\n.*but got rows {"a":.*"b":/)
  assert.throws(() => thenRows({}), { name: 'ScenarioFailedError' })
  scenario(balances).given().thenRows({})
})

test('an event is in a stream of its own, and recorded at a time, where the scenario says so; a type that is not listed is nothing', () => {
  scenario(transferReport)
    .given(
      TransferCompleted({ transferId: 't' }),
      inStream({ stream: 'transfer-u', at: new Date('2031-05-06T07:08:09Z') }, TransferCompleted({ transferId: 'u' })),
      AccountClosed({ reason: 'x', closedBy: 'y' }),
    )
    .thenRows({ '2030-01-01': { completed: 1, failed: 0 }, '2031-05-06': { completed: 1, failed: 0 } })
})

test('a transactional projection sees no position, a row can be deleted, and events go through JSON', () => {
  const At = event('At', z.object({ when: z.date() }), {
    codec: { encode: ({ when }) => when.getTime(), decode: (ms: any) => ({ when: new Date(ms) }) },
  })
  const Gone = event('Gone', z.object({}))
  const seen: unknown[] = []
  const times = projection('times', {
    events: [At, Gone],
    consistency: 'transactional',
    key: ({ subject }) => subject,
    initial: () => ({ year: 0 }),
    evolve: {
      At: (_, { data, ...rest }) => {
        seen.push('position' in rest, 'recordedAt' in rest)
        return { year: data.when.getUTCFullYear() }
      },
      Gone: () => null,
    },
  })
  scenario(times)
    .given(At({ when: new Date('2029-01-01') }), inStream('clock-2', At({ when: new Date('2028-01-01') }), Gone({})))
    .thenRows({ '1': { year: 2029 } })
  assert.deepEqual(new Set(seen), new Set([false]))
})

test('given events, a process sends these commands, and sets these timers', async () => {
  const scene = scenario(transferMoney).given(requested)
  await scene.thenCommands(take)
  await scene.thenTimers({ settlement: { seconds: 30 } })
  await scene.thenState({ transferId: 't', from: 'a', to: 'b', amount: 40 })
  await assert.rejects(scene.thenCommands(), /transfer-money: expected commands none\n.*but got commands Withdraw {"accountId":"a"/)
  await assert.rejects(scene.thenTimers({}), /expected timers none\n.*but got timers settlement after 30000 ms/)
  await assert.rejects(scene.thenState({}), /expected state {}/)
  await assert.rejects(scene.thenCompleted(), /expected to be completed\n.*but got running/)
  await assert.rejects(scene.thenStuck(), /expected to be stuck\n.*but got running/)
})

test('the commands are those since the last step, and a process that has completed has no timers', async () => {
  const whole = scenario(transferMoney).given(requested, taken)
  await whole.thenCommands(take, deposit({ accountId: 'b', amount: 40, transferId: 't' }))
  const end = whole.when(given)
  await end.thenCommands(completeTransfer({ transferId: 't' }))
  await end.thenTimers({})
  await end.thenCompleted()
  await end.when(given).thenCommands()
})

test('a rejected command is answered by the process, which takes back what was accepted', async () => {
  const scene = scenario(transferMoney).given(requested, taken)
  const closed = scene.whenRejected(deposit, reject('AccountNotOpen', { status: 'closed' as const }))
  await closed.thenCommands(giveBack, failTransfer({ transferId: 't', why: 'target closed' }))
  await closed.thenCompleted()
  await scenario(transferMoney)
    .given(requested)
    .whenRejected(withdraw, reject('InsufficientFunds', { balance: 3 }))
    .thenCommands(failTransfer({ transferId: 't', why: 'InsufficientFunds' }))
  await assert.rejects(
    scene.whenRejected(withdraw, reject('InsufficientFunds', { balance: 3 })).thenCompleted(),
    /expected Withdraw to be sent, so that it can be rejected\n.*but got commands Withdraw .*, Deposit/,
  )
})

test('rows and rejections are typed by their definitions', async () => {
  const { thenRows } = scenario(balances).given(inStream('account-a', AccountOpened({ owner: 'ann' })))
  // @ts-expect-error a row has a balance that is a number
  assert.throws(() => thenRows({ a: { owner: 'ann', balance: '0' } }), { name: 'ScenarioFailedError' })
  const scene = scenario(transferMoney).given(requested)
  // @ts-expect-error Withdraw is never rejected with this code
  const unknown = scene.whenRejected(withdraw, reject('AlreadyOpen'))
  await unknown.thenCompleted()
  // @ts-expect-error InsufficientFunds has details, so its code alone is not enough
  await scene.whenRejected(withdraw, 'InsufficientFunds').thenCompleted()
})

test('a rejection without an answer, and an undo that is rejected, leave the process stuck', async () => {
  const unforeseen = scenario({ ...transferMoney, rejected: {} })
    .given(requested)
    .whenRejected(withdraw, reject('InsufficientFunds', { balance: 3 }))
  await unforeseen.thenStuck('"rejected" has no answer')
  await assert.rejects(unforeseen.thenCommands(take), /but got commands none; it is stuck: Withdraw: it was rejected \(InsufficientFunds\)/)
  await scenario(transferMoney)
    .given(requested, taken)
    .whenRejected(deposit, reject('AccountNotOpen', { status: 'none' as const }))
    .whenRejected(deposit, reject('AccountNotOpen', { status: 'none' as const }))
    .thenStuck('AccountNotOpen')
})

test('a timer fires, and what it leads to is compared', async () => {
  const late = scenario(transferMoney).given(requested).whenTimeout('settlement')
  await late.thenCommands(giveBack, failTransfer({ transferId: 't', why: 'timed out' }))
  await late.thenTimers({})
  await late.thenCompleted()
  await assert.rejects(
    scenario(transferMoney).given(requested).whenTimeout('lunch').thenCompleted(),
    /expected a timer lunch to fire\n.*but got timers settlement after 30000 ms/,
  )
})

test('an event that concerns no instance leads to nothing, and a mistake in a process is told as it is', async () => {
  const nothing = scenario(transferMoney).given(MoneyDeposited({ amount: 1 }), AccountOpened({ owner: 'ann' }))
  await nothing.thenCommands()
  await assert.rejects(nothing.thenCompleted(), /but got no instance/)
  const broken = processManager('broken', {
    events: [AccountOpened],
    commands: [deposit],
    correlate: () => ({ continue: 'x' }),
    initial: () => ({}),
    evolve: {},
    on: {},
  })
  await assert.rejects(
    scenario(broken)
      .given(AccountOpened({ owner: 'ann' }))
      .thenCommands(),
    { code: 'ES_DEFINITION' },
  )
})

test('given events, a handler executes these commands', async () => {
  const bonus = eventHandler('bonus', {
    events: [AccountOpened, AccountClosed],
    init: () => ({ accounts: 0 }),
    handle: async (event, { state, execute }) => {
      if (event.type === 'AccountClosed') throw new Error('nobody is left to pay')
      state.accounts++
      await execute(deposit({ accountId: event.subject, amount: state.accounts }), { actor: { id: 'bonus', roles: [] } })
    },
  })
  const [first, second] = ['a', 'b'].map((account) => inStream(`account-${account}`, AccountOpened({ owner: 'ann' })))
  const paid = [deposit({ accountId: 'a', amount: 1 }), deposit({ accountId: 'b', amount: 2 })] as const
  const scene = scenario(bonus).given(first!, MoneyDeposited({ amount: 9 }), second!)
  await scene.thenCommands(...paid)
  await assert.rejects(
    scene.thenCommands(),
    /bonus: expected commands none\n.*but got commands Deposit {"accountId":"a","amount":1}, Deposit/,
  )
  await assert.rejects(scene.thenFailed(), /bonus: expected to fail\n.*but got commands Deposit/)
  const failing = scenario(bonus).given(first!, AccountClosed({ reason: 'x', closedBy: 'y' }), second!)
  await failing.thenFailed('nobody is left')
  await assert.rejects(failing.thenFailed('too much'), /expected to fail: too much\n.*it failed: nobody is left to pay/)
  await assert.rejects(failing.thenCommands(paid[0]), /it failed: nobody is left to pay/)
})

test('a handler of batches is given batches', async () => {
  const sizes: number[] = []
  const counting = eventHandler('counting', {
    events: [MoneyDeposited],
    maxBatch: 2,
    handleBatch: (events) => void sizes.push(events.length),
  })
  await scenario(counting)
    .given(...[1, 2, 3].map((amount) => MoneyDeposited({ amount })))
    .thenCommands()
  assert.deepEqual(sizes, [2, 1])
  await scenario(counting).given().thenCommands()
  assert.deepEqual(sizes, [2, 1])
})
