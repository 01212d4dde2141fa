/** The bank as a whole: transfers by the process manager, the async report, the receipts. */
import assert from 'node:assert/strict'
import { testApp } from '../../src/testing/index.ts'
import {
  balances,
  closeAccount,
  completeTransfer,
  deposit,
  failTransfer,
  openAccount,
  receipts,
  requestTransfer,
  sendReceipt,
  transferMoney,
  transferReport,
  withdraw,
} from '../domain/bank.ts'
import { type Given, onEveryStore } from './on-every-store.ts'

const ann = { id: 'ann', roles: [] }
const teller = { id: 'tom', roles: ['teller'] }
const commands = [openAccount, deposit, withdraw, closeAccount, requestTransfer, completeTransfer, failTransfer]
const projections = [balances, transferReport]
const today = '2030-01-01'

async function openBank({ store, clock, tend }: Given, ids: readonly string[], processes = [transferMoney]) {
  const app = tend(testApp({ store, clock, commands, projections, processes, handlers: [sendReceipt] }))
  for (const accountId of ids) await app.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
  await app.execute(deposit({ accountId: ids[0] as string, amount: 100 }), { actor: ann })
  await app.settle()
  const balance = async (id: string) => (await app.view(balances).get(id))?.balance
  return { app, balance }
}

onEveryStore('a transfer moves the money', async (given) => {
  const { app, balance } = await openBank(given, ['a', 'b'])
  await app.execute(requestTransfer({ transferId: 't1', from: 'a', to: 'b', amount: 40 }), { actor: ann })
  await app.settle()
  assert.deepEqual([await balance('a'), await balance('b')], [60, 40])
  assert.deepEqual(await app.view(transferReport).get(today), { completed: 1, failed: 0 })
})

onEveryStore('a transfer to a closed account gives the money back', async (given) => {
  const { app, balance } = await openBank(given, ['a', 'b'])
  await app.execute(closeAccount({ accountId: 'b', reason: 'moved' }), { actor: teller })
  await app.execute(requestTransfer({ transferId: 't2', from: 'a', to: 'b', amount: 40 }), { actor: ann })
  await app.settle()
  assert.equal(await balance('a'), 100)
  assert.deepEqual(await app.view(transferReport).get(today), { completed: 0, failed: 1 })
})

onEveryStore('a transfer without the money fails, and nothing moves', async (given) => {
  const { app, balance } = await openBank(given, ['a', 'b'])
  await app.execute(requestTransfer({ transferId: 't3', from: 'a', to: 'b', amount: 400 }), { actor: ann })
  await app.settle()
  assert.deepEqual([await balance('a'), await balance('b')], [100, 0])
  assert.deepEqual(await app.view(transferReport).get(today), { completed: 0, failed: 1 })
})

onEveryStore('a transfer that does not settle in 30 seconds is undone', async (given) => {
  const stuck = { ...transferMoney, on: { ...transferMoney.on, MoneyWithdrawn: undefined } }
  const { app, balance } = await openBank(given, ['a', 'b'], [stuck])
  await app.execute(requestTransfer({ transferId: 't4', from: 'a', to: 'b', amount: 40 }), { actor: ann })
  await app.settle()
  await given.clock.advance({ seconds: 29 })
  await app.settle()
  assert.equal(await balance('a'), 60)
  await given.clock.advance({ seconds: 1 })
  await app.settle()
  assert.equal(await balance('a'), 100)
  assert.deepEqual(await app.view(transferReport).get(today), { completed: 0, failed: 1 })
})

onEveryStore('a handler that keeps failing ends in the dead letters, and the others get their receipts', async (given) => {
  receipts.length = 0
  const { app } = await openBank(given, ['a', 'b'])
  await app.execute(deposit({ accountId: 'a', amount: 13 }), { actor: ann })
  await app.execute(deposit({ accountId: 'a', amount: 14 }), { actor: ann })
  await app.execute(deposit({ accountId: 'b', amount: 15 }), { actor: ann })
  await app.settle()
  assert.equal(app.deadLetters.length, 1)
  const [letter] = app.deadLetters
  assert.equal(letter?.handler, 'send-receipt')
  assert.equal(letter?.waiting, 1)
  assert.deepEqual(receipts, ['MoneyDeposited 100 (attempt 1)', 'MoneyDeposited 15 (attempt 1)'])
})
