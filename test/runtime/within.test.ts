import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { reject } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { Account, balances, closeAccount, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { onEveryStore, onStore } from './on-every-store.ts'
import { ann, openBank, openWith, payIn, recorder, teller } from './open-bank.ts'
import { onOneFile, type Two } from './two-processes.ts'

const by = { actor: ann }

/** A bank on a file, and a database handle of the caller's own on the same file. */
async function withOwnHandle(
  { here, file }: Two,
  run: (bank: ReturnType<typeof openBank>, database: DatabaseSync) => Promise<void>,
): Promise<void> {
  const bank = openBank(here)
  await bank.prepare()
  const database = new DatabaseSync(file!)
  try {
    database.exec('create table orders (id text)')
    await run(bank, database)
  } finally {
    database.close()
  }
}

onOneFile('a command within the callers own transaction is committed with its rows', (two) =>
  withOwnHandle(two, async (bank, database) => {
    await openWith(bank, 'a', 10)
    database.exec('begin immediate')
    database.exec("insert into orders values ('o-1')")
    const receipt = await bank.within(database).execute(withdraw({ accountId: 'a', amount: 4 }), by)
    assert.deepEqual([receipt.version, receipt.events[0]!.type, 'position' in receipt], [3, 'MoneyWithdrawn', false])
    assert.equal((await bank.within(database).load(Account, 'a')).version, 3)
    assert.equal((await bank.load(Account, 'a')).version, 2, 'nobody else sees it yet')
    database.exec('commit')
    assert.deepEqual(await bank.load(Account, 'a'), { state: { status: 'open', owner: 'ann', balance: 6 }, version: 3, exists: true })
    assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 6 })
    await payIn(bank, 'a', 1)
    assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 7 })
    assert.equal((await bank.stats()).commands.conflicts, 0, 'what was warm has been dropped')
  }),
)

onOneFile('what the caller rolls back was never there: no events, no rows, no keys', (two) =>
  withOwnHandle(two, async (bank, database) => {
    await openWith(bank, 'a', 10)
    const within = bank.within(database)
    database.exec('begin immediate')
    database.exec("insert into orders values ('o-1')")
    await within.execute(withdraw({ accountId: 'a', amount: 4 }), { ...by, idempotencyKey: 'k' })
    await within.execute(openAccount({ accountId: 'b', owner: 'bob' }), by)
    database.exec('rollback')
    assert.equal((await bank.load(Account, 'a')).version, 2)
    assert.equal(await bank.streams.info('account-b'), undefined)
    assert.equal(await bank.view(balances).get('b'), undefined)
    assert.equal((await bank.execute(withdraw({ accountId: 'a', amount: 4 }), { ...by, idempotencyKey: 'k' })).duplicate, false)
    assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 6 })
  }),
)

onOneFile('rows that were folded before a rollback are not folded on, even if the row versions happen to fit', (two) =>
  withOwnHandle(two, async (bank, database) => {
    await openWith(bank, 'a')
    const within = bank.within(database)
    database.exec('begin immediate')
    await within.execute(deposit({ accountId: 'a', amount: 1000 }), by)
    database.exec('rollback')
    await payIn(bank, 'a', 1)
    database.exec('begin immediate')
    await within.execute(deposit({ accountId: 'a', amount: 10 }), by)
    database.exec('commit')
    assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 11 })
    assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 11 })
  }),
)

onOneFile('what is scheduled within is there when the caller has committed, and was never there when he rolls back', (two) =>
  withOwnHandle(two, async (bank, database) => {
    await openWith(bank, 'a', 10)
    const payday = { after: { days: 1 }, actor: ann } as const
    database.exec('begin immediate')
    await bank.within(database).schedule(deposit({ accountId: 'a', amount: 1 }), payday)
    database.exec('rollback')
    assert.deepEqual(await bank.schedules.list(), [])
    database.exec('begin immediate')
    const { id } = await bank.within(database).schedule(deposit({ accountId: 'a', amount: 2 }), payday)
    database.exec('commit')
    assert.deepEqual(
      (await bank.schedules.list()).map(({ id: one, input, status }) => [one, input, status]),
      [[id, { accountId: 'a', amount: 2 }, 'waiting']],
    )
  }),
)

onOneFile('stages, rejections and keys are the same within', (two) =>
  withOwnHandle(two, async (bank, database) => {
    await openWith(bank, 'a', 1)
    const within = bank.within(database)
    database.exec('begin immediate')
    await assert.rejects(within.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: { id: 'eve', roles: [] } }), {
      code: 'ES_FORBIDDEN',
    })
    const no = await within.attempt(withdraw({ accountId: 'a', amount: 5 }), { ...by, idempotencyKey: 'no' })
    assert.deepEqual(no, { ok: false, rejection: reject('InsufficientFunds', { balance: 1 }), duplicate: false })
    const first = await within.execute(deposit({ accountId: 'a', amount: 5 }), { ...by, idempotencyKey: 'k' })
    assert.deepEqual(await within.execute(deposit({ accountId: 'a', amount: 5 }), { ...by, idempotencyKey: 'k' }), {
      ...first,
      duplicate: true,
    })
    assert.equal((await within.execute(closeAccount({ accountId: 'b', reason: '' }), { actor: teller })).events.length, 0)
    await within.sql`insert into orders values (${'o-2'})`
    database.exec('commit')
    assert.equal(Number((database.prepare('select count(*) as n from orders').get() as { n: number }).n), 1)
    assert.equal((await bank.attempt(withdraw({ accountId: 'a', amount: 5 }), { ...by, idempotencyKey: 'no' })).ok, false)
  }),
)

onOneFile('commands of the app wait for the callers transaction, and see what it wrote', (two) =>
  withOwnHandle(two, async (bank, database) => {
    await openWith(bank, 'a', 10)
    database.exec('begin immediate')
    await bank.within(database).execute(withdraw({ accountId: 'a', amount: 10 }), by)
    const behind = bank.execute(deposit({ accountId: 'a', amount: 1 }), by)
    database.exec('commit')
    assert.equal((await behind).version, 4)
    assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 1 })
  }),
)

onOneFile('a handle that is not in a transaction, or on another file, is refused', (two) =>
  withOwnHandle(two, async (bank, database) => {
    const command = () => bank.within(database).execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    await assert.rejects(command(), { code: 'ES_DEFINITION', message: /begin/ })
    const elsewhere = new DatabaseSync(':memory:')
    elsewhere.exec('begin')
    await assert.rejects(bank.within(elsewhere).execute(openAccount({ accountId: 'a', owner: 'ann' }), by), { code: 'ES_DEFINITION' })
    elsewhere.close()
    assert.throws(() => bank.within({}), { code: 'ES_DEFINITION' })
    assert.throws(() => bank.within(undefined), { code: 'ES_DEFINITION' })
  }),
)

onStore('sqlite', 'the stores own handle is refused', async (given) => {
  const database = new DatabaseSync(':memory:')
  const store = sqlite(database, { clock: given.clock })
  const bank = openBank(given, { store })
  await bank.prepare()
  assert.throws(() => bank.within(database), { code: 'ES_DEFINITION', message: /handle of your own/ })
  await bank.stop()
  database.close()
})

onStore('memory', 'a store without a client of its own has no transaction to join', async (given) => {
  const bank = openBank(given)
  assert.throws(() => bank.within({}), { code: 'ES_UNSUPPORTED', message: /app\.transaction/ })
})

onOneFile('commands within are told like any other', (two) =>
  withOwnHandle(two, async (_, database) => {
    const watch = recorder()
    const bank = openBank(two.there, { observer: watch })
    await bank.prepare()
    database.exec('begin immediate')
    await bank.within(database).execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    database.exec('commit')
    assert.deepEqual(
      watch.of('dispatch.stop').map(({ outcome, command }) => [command, outcome]),
      [['OpenAccount', 'accepted']],
    )
  }),
)

onEveryStore('an app that has stopped says so', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  await bank.stop({ keepStore: true })
  const stopped = { code: 'ES_STOPPED' }
  await assert.rejects(bank.execute(deposit({ accountId: 'a', amount: 1 }), by), stopped)
  await assert.rejects(
    bank.transaction(async () => {}),
    stopped,
  )
  await assert.rejects(bank.forTenant('acme').load(Account, 'a'), stopped)
})
