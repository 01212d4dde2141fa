/** Transactions, on every store. One subject and its many ways to end, so the file is long. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { createApp, decision, event, reject } from '../../src/index.ts'
import { Account, balances, closeAccount, deposit, openAccount, requestTransfer, Transfer, withdraw } from '../domain/bank.ts'
import { inFrontOf, isPending, moment, turns } from './in-front-of.ts'
import { breakDown, brokenDown, oddCommands } from './odd-commands.ts'
import { type Given, onEveryStore, onStore, onStoresInProcess } from './on-every-store.ts'
import { all, ann, openBank, openWith, payIn, recorder, teller } from './open-bank.ts'

const by = { actor: ann }
const oneDayMs = 24 * 60 * 60 * 1000

onEveryStore('both commands of a transaction are there afterwards', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await openWith(bank, 'b')
  const returned = await bank.transaction(async (tx) => {
    await tx.execute(withdraw({ accountId: 'a', amount: 4 }), by)
    const receipt = await tx.execute(deposit({ accountId: 'b', amount: 4 }), by)
    return receipt.version
  })
  assert.equal(returned, 2)
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 6 })
  assert.deepEqual((await bank.load(Account, 'b')).state, { status: 'open', owner: 'ann', balance: 4 })
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 6 })
  assert.deepEqual(await bank.view(balances).get('b'), { owner: 'ann', balance: 4 })
})

onEveryStore('a transaction that throws leaves nothing: no events, no rows, no keys, no positions that fill later', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const before = (await bank.stats()).events.head
  const failing = bank.transaction(async (tx) => {
    await tx.execute(withdraw({ accountId: 'a', amount: 4 }), { ...by, idempotencyKey: 'k' })
    await tx.execute(openAccount({ accountId: 'new', owner: 'ann' }), by)
    throw brokenDown
  })
  await assert.rejects(failing, (error) => error === brokenDown)
  assert.equal((await bank.stats()).events.head, before)
  assert.equal(await bank.streams.info('account-new'), undefined)
  assert.equal(await bank.view(balances).get('new'), undefined)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 10 })
  const again = await bank.execute(withdraw({ accountId: 'a', amount: 4 }), { ...by, idempotencyKey: 'k' })
  assert.deepEqual([again.duplicate, again.version], [false, 3])
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 6 })
})

onEveryStore('a "no" of execute undoes the transaction, a "no" of attempt does not', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1)
  const rejected = bank.transaction(async (tx) => {
    await tx.execute(deposit({ accountId: 'a', amount: 1 }), by)
    await tx.execute(withdraw({ accountId: 'a', amount: 500 }), by)
  })
  await assert.rejects(rejected, { code: 'ES_REJECTED', rejection: reject('InsufficientFunds', { balance: 2 }) })
  assert.equal((await bank.load(Account, 'a')).version, 2)
  const outcome = await bank.transaction(async (tx) => {
    await tx.execute(deposit({ accountId: 'a', amount: 1 }), by)
    return tx.attempt(withdraw({ accountId: 'a', amount: 500 }), by)
  })
  assert.deepEqual(outcome, { ok: false, rejection: reject('InsufficientFunds', { balance: 2 }), duplicate: false })
  assert.equal((await bank.load(Account, 'a')).version, 3)
})

onEveryStore('a transaction that catches what a command threw commits the rest', async (given) => {
  const bank = given.tend(createApp({ store: given.store, clock: given.clock, commands: [openAccount, deposit, ...oddCommands] }))
  await bank.transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    await assert.rejects(tx.execute(breakDown({ accountId: 'a' }), by), (error) => error === brokenDown)
    await tx.execute(deposit({ accountId: 'a', amount: 1 }), by)
  })
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

onEveryStore('a transaction reads what it has written, and nobody else does before it ends', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await bank.transaction(async (tx) => {
    await tx.execute(withdraw({ accountId: 'a', amount: 4 }), by)
    const loaded = await tx.load(Account, 'a')
    assert.deepEqual(loaded, { state: { status: 'open', owner: 'ann', balance: 6 }, version: 3, exists: true })
    const { receipt } = (await tx.attempt(withdraw({ accountId: 'a', amount: 6 }), by)) as { receipt: object }
    assert.deepEqual(Object.keys(receipt).sort(), ['duplicate', 'events', 'version'], 'there is no position before the commit')
  })
  assert.equal((await bank.load(Account, 'a')).version, 4)
})

onEveryStore('several commands of one transaction on one row fold it once each', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1)
  await bank.transaction(async (tx) => {
    for (const amount of [2, 4, 8]) await tx.execute(deposit({ accountId: 'a', amount }), by)
  })
  await payIn(bank, 'a', 16)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 31 })
})

onEveryStore('the outer app is refused inside a transaction, whatever is asked of it, instead of waiting for itself', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1)
  const tenant = bank.forTenant('acme')
  await bank.transaction(async (tx) => {
    const nested = { code: 'ES_NESTED_TRANSACTION' }
    await assert.rejects(bank.execute(deposit({ accountId: 'a', amount: 1 }), by), nested)
    await assert.rejects(bank.attempt(deposit({ accountId: 'a', amount: 1 }), by), nested)
    await assert.rejects(bank.load(Account, 'a'), nested)
    await assert.rejects(
      bank.transaction(async () => {}),
      nested,
    )
    await assert.rejects(tenant.execute(openAccount({ accountId: 'a', owner: 'ann' }), by), nested)
    await tx.execute(deposit({ accountId: 'a', amount: 1 }), by)
  })
  assert.equal((await bank.load(Account, 'a')).version, 3)
})

onEveryStore('another app over another store may be used inside a transaction', async (given) => {
  const bank = openBank(given)
  const other = openBank({ ...given, store: (await import('../../src/stores/memory/index.ts')).memory({ clock: given.clock }) })
  await bank.transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    await other.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
  })
  assert.deepEqual([(await bank.load(Account, 'a')).version, (await other.load(Account, 'a')).version], [1, 1])
})

onEveryStore('what is left running when a transaction ends may use the app, but not the transaction', async (given) => {
  const bank = openBank(given)
  const over = moment()
  let late: Promise<unknown>[] = []
  await bank.transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    late = [
      over.promise.then(() => bank.execute(deposit({ accountId: 'a', amount: 5 }), by)),
      over.promise.then(() => tx.execute(deposit({ accountId: 'a', amount: 7 }), by)),
    ]
  })
  over.resolve()
  const [app, transaction] = await Promise.allSettled(late)
  assert.equal(app?.status, 'fulfilled')
  assert.equal(transaction?.status === 'rejected' && transaction.reason.code, 'ES_STOPPED')
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 5 })
})

onEveryStore('warm state and warm rows are dropped where a transaction has written past them', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await bank.transaction((tx) => tx.execute(withdraw({ accountId: 'a', amount: 10 }), by))
  const outcome = await bank.attempt(withdraw({ accountId: 'a', amount: 1 }), by)
  assert.ok(!outcome.ok && outcome.rejection.code === 'InsufficientFunds')
  await payIn(bank, 'a', 3)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 3 })
  assert.equal((await bank.stats()).commands.conflicts, 0, 'nobody had to find out by a conflict')
})

onEveryStore('a transaction that is undone leaves no warm state of its own behind', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await assert.rejects(
    bank.transaction(async (tx) => {
      await tx.execute(withdraw({ accountId: 'a', amount: 10 }), by)
      throw brokenDown
    }),
  )
  assert.equal((await bank.execute(withdraw({ accountId: 'a', amount: 10 }), by)).version, 3)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 0 })
})

onEveryStore('stages run inside a transaction: nobody gets around authorize and validate', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await bank.transaction(async (tx) => {
    await assert.rejects(tx.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: { id: 'eve', roles: [] } }), { code: 'ES_FORBIDDEN' })
    await assert.rejects(tx.execute(withdraw({ accountId: 'a', amount: 10_001 }), by), { code: 'ES_VALIDATION' })
    await assert.rejects(tx.execute(deposit({ accountId: 'a', amount: 1 }), { ...by, expectedVersion: 7 }), {
      code: 'ES_CONCURRENCY',
      actual: 2,
    })
    await assert.rejects(tx.execute({ command: 'Depsoit', input: {} }, by), { code: 'ES_UNKNOWN_COMMAND', suggestion: 'Deposit' })
  })
})

onEveryStore('a key inside a transaction is remembered with it, and answers inside it', async (given) => {
  const bank = given.tend(
    createApp({
      store: given.store,
      clock: given.clock,
      commands: [openAccount, deposit, withdraw, ...oddCommands],
      projections: [balances],
    }),
  )
  await openWith(bank as never, 'a', 10)
  await bank.transaction(async (tx) => {
    const first = await tx.execute(withdraw({ accountId: 'a', amount: 1 }), { ...by, idempotencyKey: 'k' })
    const second = await tx.execute(withdraw({ accountId: 'a', amount: 1 }), { ...by, idempotencyKey: 'k' })
    assert.deepEqual(second, { ...first, duplicate: true })
    await assert.rejects(tx.execute(breakDown({ accountId: 'a' }), { ...by, idempotencyKey: 'k2' }), (error) => error === brokenDown)
  })
  assert.equal((await bank.execute(withdraw({ accountId: 'a', amount: 1 }), { ...by, idempotencyKey: 'k' })).duplicate, true)
})

// ── a transaction under a key ──

onEveryStore('a transaction under a key runs once, and gives the same value again', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  let ran = 0
  const move = (input: unknown = { amount: 4 }) =>
    bank.transaction(
      async (tx) => {
        ran++
        await tx.execute(withdraw({ accountId: 'a', amount: 4 }), by)
        return { moved: 4 }
      },
      { idempotencyKey: 'move-1', input },
    )
  assert.deepEqual(await move(), { value: { moved: 4 }, duplicate: false })
  assert.deepEqual(await move(), { value: { moved: 4 }, duplicate: true })
  await assert.rejects(move({ amount: 5 }), { code: 'ES_IDEMPOTENCY_MISMATCH' })
  assert.deepEqual([ran, (await bank.load(Account, 'a')).version], [1, 3])
  given.clock.set(new Date(given.clock.now() + 8 * oneDayMs))
  assert.equal((await move()).duplicate, false)
})

onEveryStore('many of one key at once: one runs, all get its value', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  let ran = 0
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, () =>
      bank.transaction(
        async (tx) => {
          ran++
          await tx.execute(deposit({ accountId: 'a', amount: 4 }), by)
          return ran
        },
        { idempotencyKey: 'k' },
      ),
    ),
  )
  assert.deepEqual(
    outcomes.map(({ value }) => value),
    outcomes.map(() => 1),
  )
  assert.equal(outcomes.filter(({ duplicate }) => !duplicate).length, 1)
  assert.equal((await bank.load(Account, 'a')).version, 3)
})

onEveryStore('a transaction under a key that is rejected undoes its work and remembers the "no"', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await openWith(bank, 'b')
  let ran = 0
  const move = () =>
    bank.transaction(
      async (tx) => {
        ran++
        await tx.execute(deposit({ accountId: 'b', amount: 50 }), by)
        await tx.execute(withdraw({ accountId: 'a', amount: 50 }), by)
      },
      { idempotencyKey: 'k' },
    )
  await assert.rejects(move(), { code: 'ES_REJECTED', duplicate: false, rejection: reject('InsufficientFunds', { balance: 10 }) })
  await payIn(bank, 'a', 100)
  await assert.rejects(move(), { code: 'ES_REJECTED', duplicate: true, rejection: reject('InsufficientFunds', { balance: 10 }) })
  assert.equal(ran, 1)
  assert.equal((await bank.load(Account, 'b')).version, 1)
  assert.deepEqual(await bank.view(balances).get('b'), { owner: 'ann', balance: 0 })
  await payIn(bank, 'b', 1)
  assert.deepEqual(await bank.view(balances).get('b'), { owner: 'ann', balance: 1 })
})

onEveryStore('a transaction under a key that throws, or returns what is not JSON, is undone and not remembered', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const returned: unknown[] = [1n, new Map(), 'well']
  const run = () =>
    bank.transaction(
      async (tx) => {
        await tx.execute(deposit({ accountId: 'a', amount: 1 }), by)
        return returned.shift()
      },
      { idempotencyKey: 'k' },
    )
  await assert.rejects(run(), { code: 'ES_SERIALIZATION' })
  await assert.rejects(run(), { code: 'ES_SERIALIZATION' })
  assert.deepEqual(await run(), { value: 'well', duplicate: false })
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

// ── what does not fit into one ──

onEveryStore('a decision inside a transaction is refused by name', async (given) => {
  const Claimed = event('Claimed', z.object({ name: z.string() }), { tags: ({ name }) => [`name:${name}`] })
  const claim = decision('ClaimName', {
    input: z.object({ name: z.string() }),
    stream: ({ name }) => `name-${name}`,
    events: [Claimed],
    boundary: ({ name }) => [{ tags: [`name:${name}`] }],
    initial: () => ({ taken: false }),
    evolve: { Claimed: () => ({ taken: true }) },
    decide: ({ state, input }) => (state.taken ? reject('Taken') : Claimed(input)),
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [claim] }))
  await app.transaction(async (tx) => {
    await assert.rejects(tx.execute(claim({ name: 'ann' }), by), { code: 'ES_UNSUPPORTED', message: /ClaimName/ })
  })
})

onStore('memory', 'SQL in a transaction of a store without SQL is refused', async (given) => {
  const bank = openBank(given)
  await assert.rejects(
    bank.transaction((tx) => tx.sql`select 1`),
    { code: 'ES_UNSUPPORTED' },
  )
})

onStore('sqlite', 'rows of the callers own are committed and undone with the events', async (given) => {
  const bank = openBank(given)
  await bank.transaction(async (tx) => {
    await tx.sql`create table guests (name text)`
  })
  const invite = (name: string, fail: boolean) =>
    bank.transaction(async (tx) => {
      await tx.execute(openAccount({ accountId: name, owner: name }), by)
      await tx.sql`insert into guests (name) values (${name})`
      if (fail) throw brokenDown
    })
  await invite("o'neil; drop table guests", false)
  await assert.rejects(invite('bob', true))
  assert.deepEqual(
    [...(await bank.transaction((tx) => tx.sql`select name from guests`))].map((row) => ({ ...row })),
    [{ name: "o'neil; drop table guests" }],
  )
  assert.equal(await bank.streams.info('account-bob'), undefined)
})

onEveryStore('a store without transactions refuses one', async (given) => {
  const store = inFrontOf(given.store, { transaction: undefined as never })
  const app = given.tend(createApp({ store, clock: given.clock, commands: [openAccount] }))
  await assert.rejects(
    app.transaction(async () => {}),
    { code: 'ES_UNSUPPORTED' },
  )
})

// ── side by side ──

onEveryStore('transactions and commands on the same streams, all at once, all end and add up', async (given) => {
  const bank = openBank(given)
  const accounts = ['a', 'b', 'c']
  for (const accountId of accounts) await openWith(bank, accountId, 100)
  // One order for all of them: where transactions run side by side, they must not wait for each other in a circle.
  const move = (from: string, to: string) =>
    bank.transaction(async (tx) => {
      const steps = [
        () => tx.execute(withdraw({ accountId: from, amount: 1 }), by),
        () => tx.execute(deposit({ accountId: to, amount: 1 }), by),
      ]
      const [first, second] = from < to ? steps : steps.reverse()
      await first!()
      await turns(1)
      await second!()
    })
  const work: Promise<unknown>[] = []
  for (let i = 0; i < 12; i++) {
    work.push(move(accounts[i % 3]!, accounts[(i + 1) % 3]!))
    work.push(payIn(bank, accounts[i % 3]!, 1))
    work.push(bank.load(Account, accounts[i % 3]!))
    work.push(bank.view(balances).get(accounts[i % 3]!))
  }
  await Promise.all(work)
  let sum = 0
  for (const accountId of accounts) {
    const { state } = await bank.load(Account, accountId)
    assert.ok(state.status === 'open')
    sum += state.balance
    assert.deepEqual(await bank.view(balances).get(accountId), { owner: 'ann', balance: state.balance })
  }
  assert.equal(sum, 312)
})

onEveryStore('a command waits for a transaction that is open, and sees what it wrote', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const [inside, mayEnd] = [moment(), moment()]
  const transaction = bank.transaction(async (tx) => {
    await tx.execute(withdraw({ accountId: 'a', amount: 10 }), by)
    inside.resolve()
    await mayEnd.promise
  })
  await inside.promise
  const behind = bank.execute(deposit({ accountId: 'a', amount: 1 }), by)
  assert.ok(await isPending(behind))
  mayEnd.resolve()
  await transaction
  assert.equal((await behind).version, 4)
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 1 })
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 1 })
})

onEveryStore('a transaction that takes too long is undone at once, its caller is told, and it keeps nobody waiting', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const [inside, goOn, late] = [moment(), moment(), moment<unknown>()]
  const transaction = bank.transaction(
    async (tx) => {
      await tx.execute(withdraw({ accountId: 'a', amount: 10 }), by)
      inside.resolve()
      await goOn.promise
      await tx.execute(deposit({ accountId: 'a', amount: 1000 }), by).catch((error) => late.resolve(error.code))
    },
    { timeout: { seconds: 1 } },
  )
  await inside.promise
  const refused = assert.rejects(transaction, { code: 'ES_TIMED_OUT', what: 'transaction', afterMs: 1000 })
  await given.clock.advance({ seconds: 1 })
  await refused
  // Its function has not come back and never need to: the store is free.
  await payIn(bank, 'a', 1)
  goOn.resolve()
  assert.equal(await late.promise, 'ES_STOPPED')
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 11 })
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 11 })
})

onStoresInProcess('a transaction whose turn comes too late does not begin', async (given) => {
  const bank = openBank(given)
  await bank.prepare()
  await bank.idle() // what is forgotten in the background would wait for its turn, too, and the clock below for it
  const [inside, goOn] = [moment(), moment()]
  const first = bank.transaction(async () => {
    inside.resolve()
    await goOn.promise
  })
  await inside.promise
  let began = false
  const second = bank.transaction(
    async () => {
      began = true
    },
    { timeout: { seconds: 1 } },
  )
  const refused = assert.rejects(second, { code: 'ES_TIMED_OUT' })
  await turns()
  await given.clock.advance({ seconds: 1 })
  await refused
  goOn.resolve()
  await first
  await openWith(bank, 'a')
  assert.equal(began, false)
})

onEveryStore('an aborted signal undoes a transaction', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const controller = new AbortController()
  const [inside, goOn] = [moment(), moment()]
  const transaction = bank.transaction(
    async (tx) => {
      await tx.execute(withdraw({ accountId: 'a', amount: 10 }), by)
      inside.resolve()
      await goOn.promise
    },
    { signal: controller.signal },
  )
  await inside.promise
  controller.abort(new Error('the user went home'))
  await assert.rejects(transaction, { message: 'the user went home' })
  goOn.resolve()
  await payIn(bank, 'a', 1)
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 11 })
})

onEveryStore('commands inside a transaction are told and counted like any other', async (given: Given) => {
  const watch = recorder()
  const bank = given.tend(
    createApp({ store: given.store, clock: given.clock, commands: [openAccount, closeAccount, requestTransfer], observer: watch }),
  )
  await bank.transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    await tx.execute(requestTransfer({ transferId: 't', from: 'a', to: 'b', amount: 5 }), by)
    await tx.attempt(requestTransfer({ transferId: 't', from: 'a', to: 'b', amount: 5 }), by)
    await tx.execute(closeAccount({ accountId: 'nobody', reason: '' }), { actor: teller })
  })
  assert.deepEqual(
    watch.of('dispatch.stop').map(({ outcome }) => outcome),
    ['accepted', 'accepted', 'rejected', 'empty'],
  )
  assert.equal((await bank.load(Transfer, 't')).version, 1)
  assert.equal((await all(bank.events())).length, 2)
})

onEveryStore('an app cannot be stopped from inside its own transaction, which it would wait for', async (given) => {
  const bank = openBank(given)
  await assert.rejects(
    bank.transaction(() => bank.stop()),
    { code: 'ES_NESTED_TRANSACTION' },
  )
  await openWith(bank, 'a')
})

onEveryStore('a transaction whose key was taken by one of its own commands is refused, and nothing of it is written', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const run = () =>
    bank.transaction((tx) => tx.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann, idempotencyKey: 'k' }).then(() => 'done'), {
      idempotencyKey: 'k',
      input: 1,
    })
  const outcomes = []
  for (const _ of [1, 2]) outcomes.push(await run().catch((error) => error.code))
  assert.deepEqual(outcomes, ['ES_IDEMPOTENCY_MISMATCH', 'ES_IDEMPOTENCY_MISMATCH'])
  assert.equal((await bank.load(Account, 'a')).version, 1)
})
