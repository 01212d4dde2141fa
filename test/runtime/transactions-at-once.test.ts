/** Commands of one transaction that are sent without waiting for each other: each is whole, and a failing one takes nobody with it. */
import assert from 'node:assert/strict'
import pg from 'pg'
import { Account, balances, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { postgresServers } from '../postgres/servers.ts'
import { onEveryStore, onStore } from './on-every-store.ts'
import { ann, openBank, openWith } from './open-bank.ts'

const by = { actor: ann }
const accounts = ['a', 'b', 'c', 'd']

onEveryStore('commands on different accounts, sent at once inside a transaction, are all committed with it', async (given) => {
  const bank = openBank(given)
  await bank.transaction(async (tx) => {
    await Promise.all(accounts.map((accountId) => tx.execute(openAccount({ accountId, owner: 'ann' }), by)))
    await Promise.all(accounts.map((accountId, i) => tx.execute(deposit({ accountId, amount: i + 1 }), by)))
  })
  for (const [i, accountId] of accounts.entries()) {
    assert.deepEqual(await bank.load(Account, accountId), {
      state: { status: 'open', owner: 'ann', balance: i + 1 },
      version: 2,
      exists: true,
    })
    assert.deepEqual(await bank.view(balances).get(accountId), { owner: 'ann', balance: i + 1 })
  }
})

onEveryStore('many commands on one account, sent at once inside a transaction, all add up', async (given) => {
  const bank = openBank(given, { random: Math.random })
  await openWith(bank, 'a')
  const amounts = Array.from({ length: 30 }, (_, i) => i + 1)
  await bank.transaction((tx) => Promise.all(amounts.map((amount) => tx.execute(deposit({ accountId: 'a', amount }), by))))
  assert.deepEqual((await bank.load(Account, 'a')).version, 31)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 465 })
})

onEveryStore('what fails inside a transaction undoes nothing of what was sent with it', async (given) => {
  const bank = openBank(given)
  for (const accountId of accounts) await openWith(bank, accountId, 10)
  const settled = await bank.transaction((tx) =>
    Promise.allSettled(
      accounts.flatMap((accountId) => [
        tx.execute(deposit({ accountId, amount: 1 }), by),
        tx.execute(withdraw({ accountId, amount: 1000 }), by),
        // The version is long past, which the store finds out.
        tx.execute(deposit({ accountId, amount: 100 }), { ...by, expectedVersion: 1 }),
      ]),
    ),
  )
  assert.deepEqual(
    settled.map(({ status }) => status),
    accounts.flatMap(() => ['fulfilled', 'rejected', 'rejected']),
  )
  for (const accountId of accounts) {
    assert.equal((await bank.load(Account, accountId)).version, 3)
    assert.deepEqual(await bank.view(balances).get(accountId), { owner: 'ann', balance: 11 })
  }
})

for (const storeName of ['sqlite', 'postgres']) {
  onStore(storeName, 'a statement that fails inside a transaction undoes nothing of the commands that were sent with it', async (given) => {
    const bank = openBank(given)
    await bank.transaction(async (tx) => {
      await Promise.all(
        accounts.flatMap((accountId) => [
          assert.rejects(tx.sql`select * from nowhere`, { code: 'ES_SQL' }),
          tx.execute(openAccount({ accountId, owner: 'ann' }), by),
          assert.rejects(tx.sql`select * from nowhere`, { code: 'ES_SQL' }),
        ]),
      )
    })
    for (const accountId of accounts) assert.equal((await bank.load(Account, accountId)).version, 1)
  })
}

onStore(
  'postgres',
  'commands within a transaction of the caller, sent at once by several who share its client, keep apart',
  async (given) => {
    const bank = openBank(given)
    for (const accountId of accounts) await openWith(bank, accountId, 10)
    const client = new pg.Client((await postgresServers())[0]!.url)
    await client.connect()
    try {
      await client.query('begin')
      const settled = await Promise.allSettled(
        accounts.flatMap((accountId) => [
          bank.within(client).sql`select * from nowhere`,
          bank.within(client).execute(deposit({ accountId, amount: 1 }), by),
          bank.within(client).execute(deposit({ accountId, amount: 100 }), { ...by, expectedVersion: 1 }),
        ]),
      )
      assert.deepEqual(
        settled.map(({ status }) => status),
        accounts.flatMap(() => ['rejected', 'fulfilled', 'rejected']),
      )
      await client.query('commit')
    } finally {
      await client.end()
    }
    for (const accountId of accounts) assert.deepEqual(await bank.view(balances).get(accountId), { owner: 'ann', balance: 11 })
  },
)

onEveryStore('what is still under way when a transaction under a key is rejected is undone with it', async (given) => {
  const bank = openBank(given)
  for (const accountId of accounts) await openWith(bank, accountId)
  const rejected = bank.transaction(
    (tx) =>
      Promise.all([
        tx.execute(withdraw({ accountId: 'a', amount: 1000 }), by),
        ...accounts.flatMap((accountId) => [1, 2, 3].map((amount) => tx.execute(deposit({ accountId, amount }), by))),
      ]),
    { idempotencyKey: 'k' },
  )
  await assert.rejects(rejected, { code: 'ES_REJECTED' })
  await bank.idle()
  for (const accountId of accounts) assert.equal((await bank.load(Account, accountId)).version, 1)
})

onEveryStore('a command that a transaction does not wait for is whole, or not there', async (given) => {
  const bank = openBank(given)
  for (const accountId of accounts) await openWith(bank, accountId)
  let ended: PromiseSettledResult<unknown>[] = []
  let late: Promise<unknown> = Promise.resolve()
  await bank.transaction(async (tx) => {
    late = Promise.allSettled(accounts.map((accountId) => tx.execute(deposit({ accountId, amount: 1 }), by))).then((all) => {
      ended = all
    })
    await tx.load(Account, 'a')
  })
  await late
  for (const [i, accountId] of accounts.entries()) {
    const told = ended[i]!.status === 'fulfilled'
    assert.equal((await bank.load(Account, accountId)).version, told ? 2 : 1)
    assert.equal((await bank.view(balances).get(accountId))?.balance, told ? 1 : 0)
  }
})
