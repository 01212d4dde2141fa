/** What an app tells about itself, and waiting for a position. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApp, memory } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import {
  Account,
  balances,
  deposit,
  openAccount,
  requestTransfer,
  sendReceipt,
  transferMoney,
  transferReport,
  withdraw,
} from '../domain/bank.ts'
import { onEveryStore } from './on-every-store.ts'

const ann = { id: 'ann', roles: [] }

test('an app describes what it is made of, with the defaults filled in', () => {
  const app = createApp({
    store: memory(),
    commands: [openAccount, requestTransfer],
    projections: [balances, transferReport],
    processes: [transferMoney],
    handlers: [sendReceipt],
  })
  const { store, commands, projections, handlers, processes, events } = app.describe()
  assert.equal(store, 'memory')
  assert.deepEqual(commands.slice(0, 2), [
    { name: 'OpenAccount', decidesOn: 'aggregate', aggregate: Account.name },
    { name: 'RequestTransfer', decidesOn: 'aggregate', aggregate: 'transfer' },
  ])
  const sent = commands.slice(2).map(({ name }) => name)
  assert.deepEqual(sent, ['Withdraw', 'Deposit', 'CompleteTransfer', 'FailTransfer'])
  assert.deepEqual(
    projections.map(({ name, consistency }) => [name, consistency]),
    [
      ['balances', 'transactional'],
      ['transfer-report', 'async'],
    ],
  )
  assert.deepEqual(handlers[0]?.retry, {
    attempts: 3,
    backoffMs: 1000,
    maxBackoffMs: 30_000,
    strategy: 'exponential',
    jitter: true,
    whenExhausted: 'dead-letter',
  })
  assert.deepEqual(processes[0]?.commands, ['Withdraw', 'Deposit', 'CompleteTransfer', 'FailTransfer'])
  assert.equal(events.find(({ type }) => type === 'AccountClosed')?.schemaVersion, 2)
})

onEveryStore('a row that must reflect a position waits for it, and says so when it does not come', async ({ store, clock }) => {
  const app = testApp({ store, clock, commands: [openAccount, deposit, withdraw], projections: [balances] })
  const { position } = await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  assert.deepEqual(await app.view(balances).get('a', { atLeast: position }), { owner: 'ann', balance: 0 })

  const later = app.view(balances).get('a', { atLeast: position + 1 })
  await app.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
  assert.deepEqual(await later, { owner: 'ann', balance: 5 })

  const never = app.view(balances).get('a', { atLeast: position + 100, timeout: { seconds: 2 } })
  const refused = assert.rejects(never, { code: 'ES_TIMED_OUT', what: `view balances at position ${position + 100}`, afterMs: 2000 })
  await new Promise(setImmediate) // the wait has begun
  await clock.advance({ seconds: 2 })
  await refused
})
