/** Numbers about a running app. */
import assert from 'node:assert/strict'
import { Account, closeAccount, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { onEveryStore } from './on-every-store.ts'
import { ann, openBank, openWith, payIn, teller } from './open-bank.ts'

onEveryStore('every command is counted once, under what it came to', async (given) => {
  const bank = openBank(given)
  assert.deepEqual(await bank.stats(), {
    commands: { accepted: 0, empty: 0, rejected: 0, failed: 0, duplicates: 0, conflicts: 0 },
    events: { appended: 0, head: 0 },
    aggregates: { warm: 0, hibernated: 0, loads: 0 },
    snapshots: { saved: 0, loaded: 0 },
    memory: { level: 'normal', warmRows: 0 },
  })
  await openWith(bank, 'a', 5)
  const key = { actor: ann, idempotencyKey: 'k' }
  await bank.execute(deposit({ accountId: 'a', amount: 1 }), key)
  await bank.execute(deposit({ accountId: 'a', amount: 1 }), key)
  await bank.attempt(withdraw({ accountId: 'a', amount: 999 }), { actor: ann })
  await assert.rejects(bank.execute(withdraw({ accountId: 'a', amount: 999 }), { actor: ann }))
  await bank.execute(closeAccount({ accountId: 'b', reason: 'none' }), { actor: teller })
  await assert.rejects(bank.execute(withdraw({ accountId: 'a', amount: 20_000 }), { actor: ann }))
  await assert.rejects(bank.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: { id: 'eve', roles: [] } }))
  await payIn(openBank(given), 'a', 1)
  await payIn(bank, 'a', 1)
  await bank.snapshots(Account, 'a').take()
  assert.deepEqual(await bank.stats(), {
    commands: { accepted: 4, empty: 1, rejected: 2, failed: 2, duplicates: 1, conflicts: 1 },
    events: { appended: 4, head: 5 },
    aggregates: { warm: 2, hibernated: 0, loads: 4 },
    snapshots: { saved: 1, loaded: 0 },
    memory: { level: 'normal', warmRows: 1 },
  })
})

onEveryStore("each app counts its own commands; the head is the store's", async (given) => {
  const [one, two] = [openBank(given), openBank(given)]
  await openWith(one, 'a', 5)
  await openWith(two.forTenant('acme'), 'a')
  assert.deepEqual(
    [(await one.stats()).events, (await two.stats()).events],
    [
      { appended: 2, head: 3 },
      { appended: 1, head: 3 },
    ],
  )
})

onEveryStore('about one aggregate: whether it is there, how long it is, its usable snapshot, and where its state is', async (given) => {
  const bank = openBank(given)
  const about = () => bank.stats(Account, 'a')
  const cold = { stream: 'account-a', exists: false, events: 0, version: 0, hasSnapshot: false, snapshotVersion: undefined, state: 'cold' }
  assert.deepEqual(await about(), cold)
  await openWith(bank, 'a', 5)
  assert.deepEqual(await about(), { ...cold, exists: true, events: 2, version: 2, state: 'warm' })
  await bank.snapshots(Account, 'a').take()
  await given.clock.advance({ minutes: 1 })
  assert.deepEqual(await about(), {
    ...cold,
    exists: true,
    events: 2,
    version: 2,
    hasSnapshot: true,
    snapshotVersion: 2,
    state: 'hibernated',
  })
  await given.clock.advance({ minutes: 30 })
  assert.equal((await about()).state, 'cold')
  assert.deepEqual(await bank.forTenant('acme').stats(Account, 'a'), cold)
  await assert.rejects(bank.stats(Account, ''), { code: 'ES_STREAM_NAME' })
})

onEveryStore('events of a transaction that was undone are not counted', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const undone = bank.transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'b', owner: 'ann' }), { actor: ann })
    throw new Error('undone')
  })
  await assert.rejects(undone, /undone/)
  assert.deepEqual((await bank.stats()).events, { appended: 1, head: 1 })
})
