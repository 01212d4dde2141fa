import assert from 'node:assert/strict'
import { z } from 'zod'
import { type App, command, createApp, event, reject } from '../../src/index.ts'
import { faultStore } from '../../src/testing/index.ts'
import { Account, balances, closeAccount, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { heldAppends, inFrontOf, isPending, turns } from './in-front-of.ts'
import { breakDown, brokenDown, oddCommands, openFilled } from './odd-commands.ts'
import { onEveryStore } from './on-every-store.ts'
import { ann, counted, openBank, openWith, payIn, recorder, teller } from './open-bank.ts'
import { onTwoProcesses } from './two-processes.ts'

const oneDayMs = 24 * 60 * 60 * 1000
const once = (idempotencyKey: string) => ({ actor: ann, idempotencyKey })

onEveryStore('the same key gives the same receipt, and nothing runs a second time', async (given) => {
  const watch = recorder()
  const bank = openBank(given, { observer: watch })
  await openWith(bank, 'a')
  const first = await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  const second = await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  assert.equal(first.duplicate, false)
  assert.deepEqual(second, { ...first, duplicate: true })
  assert.equal((await bank.load(Account, 'a')).version, 2)
  assert.equal((await bank.stats()).commands.duplicates, 1)
  assert.deepEqual([watch.of('idempotency.miss').length, watch.of('idempotency.hit').length], [1, 1])
})

onEveryStore('a key is remembered by an app that has just started, and by one that never saw the stream', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const first = await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  await payIn(bank, 'a', 1)
  await bank.stop({ keepStore: true })
  const restarted = openBank(given)
  assert.deepEqual(await restarted.execute(deposit({ accountId: 'a', amount: 5 }), once('k')), { ...first, duplicate: true })
})

onEveryStore('a receipt of many events is given again whole, whatever came after it', async (given) => {
  const open = () => given.tend(createApp({ store: given.store, clock: given.clock, commands: [...oddCommands, deposit] }))
  const amounts = Array.from({ length: 1200 }, (_, i) => i + 1)
  const first = await open().execute(openFilled({ accountId: 'a', amounts }), once('k'))
  await open().execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  const second = await open().execute(openFilled({ accountId: 'a', amounts }), once('k'))
  assert.deepEqual(second, { ...first, duplicate: true })
  assert.equal(second.events.length, 1201)
})

onEveryStore('different keys, or none, execute each time', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  for (const options of [once('k1'), once('k2'), { actor: ann }, { actor: ann }])
    await bank.execute(deposit({ accountId: 'a', amount: 5 }), options)
  assert.equal((await bank.load(Account, 'a')).version, 5)
})

onEveryStore('32 racers with one key in one app: one executes, all get its receipt', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const receipts = await Promise.all(Array.from({ length: 32 }, () => bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))))
  assert.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1)
  for (const { events, version, position } of receipts) {
    const [first] = receipts
    assert.deepEqual([events, version, position], [first!.events, 2, first!.position])
  }
  assert.equal((await bank.load(Account, 'a')).version, 2)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 5 })
})

onTwoProcesses('32 racers with one key in two processes: one executes, all get its receipt', async ({ here, there }) => {
  const banks = [openBank(here), openBank(there)]
  await openWith(banks[0]!, 'a', 10)
  const racers = Array.from({ length: 32 }, (_, i) => banks[i % 2]!.execute(withdraw({ accountId: 'a', amount: 10 }), once('k')))
  const receipts = await Promise.all(racers)
  assert.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1)
  for (const receipt of receipts) assert.deepEqual({ ...receipt, duplicate: false }, { ...receipts[0], duplicate: false })
  assert.equal((await banks[1]!.load(Account, 'a')).version, 3)
})

onEveryStore('a duplicate waits for the first one, which is still on its way', async (given) => {
  await openWith(openBank(given), 'a')
  const { store, arrived, letThrough } = heldAppends(given.store)
  const bank = openBank(given, { store })
  const first = bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  await arrived
  const second = bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  assert.ok(await isPending(second))
  letThrough()
  assert.deepEqual(await second, { ...(await first), duplicate: true })
})

onEveryStore('a "no" is remembered, also when by now it would be a "yes"', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1)
  const call = withdraw({ accountId: 'a', amount: 5 })
  const first = await bank.attempt(call, once('k'))
  await payIn(bank, 'a', 100)
  assert.deepEqual(first, { ok: false, rejection: reject('InsufficientFunds', { balance: 1 }), duplicate: false })
  assert.deepEqual(await openBank(given).attempt(call, once('k')), { ...first, duplicate: true })
  await assert.rejects(bank.execute(call, once('k')), {
    code: 'ES_REJECTED',
    duplicate: true,
    rejection: reject('InsufficientFunds', { balance: 1 }),
  })
  assert.equal((await bank.load(Account, 'a')).version, 3)
})

onEveryStore('a "no" without details is remembered without details', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const call = openAccount({ accountId: 'a', owner: 'bob' })
  await bank.attempt(call, once('k'))
  assert.deepEqual(await bank.attempt(call, once('k')), { ok: false, rejection: reject('AlreadyOpen'), duplicate: true })
})

onEveryStore('32 racers with one key that are rejected get one "no", and one of them asked first', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1)
  const outcomes = await Promise.all(Array.from({ length: 32 }, () => bank.attempt(withdraw({ accountId: 'a', amount: 5 }), once('k'))))
  for (const outcome of outcomes) assert.equal(!outcome.ok && outcome.rejection.code, 'InsufficientFunds')
  assert.equal(outcomes.filter((outcome) => !outcome.ok && !outcome.duplicate).length, 1)
})

onEveryStore(
  'an empty outcome is remembered with the version it was decided at, also when by now there would be something to do',
  async (given) => {
    const bank = openBank(given)
    const call = closeAccount({ accountId: 'a', reason: 'moved' })
    const first = await bank.execute(call, { actor: teller, idempotencyKey: 'k' })
    await openWith(bank, 'a')
    assert.deepEqual(first, { events: [], version: 0, position: 0, duplicate: false })
    assert.deepEqual(await bank.execute(call, { actor: teller, idempotencyKey: 'k' }), { ...first, duplicate: true })
    const again = await bank.execute(call, { actor: teller, idempotencyKey: 'k2' })
    assert.equal(again.version, 2)
  },
)

onEveryStore('a key with another command or another input is refused', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  for (const call of [
    deposit({ accountId: 'a', amount: 6 }),
    deposit({ accountId: 'b', amount: 5 }),
    withdraw({ accountId: 'a', amount: 5 }),
  ]) {
    const again = bank.attempt({ command: call.command, input: call.input }, once('k'))
    await assert.rejects(again, { code: 'ES_IDEMPOTENCY_MISMATCH', key: 'k', retryable: false })
  }
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

onEveryStore('two requests that are at once under one key with different inputs: one executes, the other is refused', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const outcomes = await Promise.allSettled([5, 6].map((amount) => bank.execute(deposit({ accountId: 'a', amount }), once('k'))))
  const told = outcomes.map((one) => (one.status === 'fulfilled' ? one.value.version : one.reason.code))
  // Which of them is up to the store: both look for the key before either has it.
  assert.deepEqual(new Set(told), new Set([2, 'ES_IDEMPOTENCY_MISMATCH']))
  const paid = told.indexOf(2) === 0 ? 5 : 6
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: paid })
})

onEveryStore('a request is the same whatever the order of its members, as a call and as plain data', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  const receipt = await bank.execute({ command: 'Deposit', input: { amount: 5, accountId: 'a' } }, once('k'))
  assert.equal(receipt.duplicate, true)
})

onEveryStore('inputs that JSON would not tell apart are different requests', async (given) => {
  const Kept = event('Kept', z.object({ size: z.number() }))
  const keep = command('Keep', {
    input: z.object({ things: z.union([z.map(z.string(), z.number()), z.set(z.string()), z.date()]) }),
    stream: () => 'keeper-1',
    decide: () => Kept({ size: 1 }),
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [keep] }))
  await app.execute(keep({ things: new Map([['a', 1]]) }), once('map'))
  await assert.rejects(app.execute(keep({ things: new Map([['a', 2]]) }), once('map')), { code: 'ES_IDEMPOTENCY_MISMATCH' })
  await app.execute(keep({ things: new Set(['a']) }), once('set'))
  await assert.rejects(app.execute(keep({ things: new Set(['b']) }), once('set')), { code: 'ES_IDEMPOTENCY_MISMATCH' })
  assert.ok((await app.execute(keep({ things: new Set(['a']) }), once('set'))).duplicate)
  await app.execute(keep({ things: new Date(1) }), once('date'))
  await assert.rejects(app.execute(keep({ things: new Date(2) }), once('date')), { code: 'ES_IDEMPOTENCY_MISMATCH' })
})

onEveryStore('a key is forgotten after seven days, not before', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const pay = () => bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  await pay()
  given.clock.set(new Date(given.clock.now() + 6.9 * oneDayMs))
  assert.equal((await pay()).duplicate, true)
  given.clock.set(new Date(given.clock.now() + 0.2 * oneDayMs))
  assert.deepEqual([(await pay()).version, (await pay()).duplicate], [3, true])
})

onEveryStore('how long a key is kept can be set', async (given) => {
  const bank = openBank(given, { defaults: { command: { keepOutcome: { minutes: 1 } } } })
  await openWith(bank, 'a')
  const pay = () => bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  await pay()
  await given.clock.advance({ minutes: 2 })
  assert.equal((await pay()).duplicate, false)
})

onEveryStore('what failed is not remembered: the same key executes once it can', async (given) => {
  const { store, faults } = faultStore(given.store)
  const bank = given.tend(createApp({ store, clock: given.clock, commands: [openAccount, deposit, withdraw, ...oddCommands] }))
  await openWith(bank as never, 'a', 10)
  for (const _ of [1, 2]) await assert.rejects(bank.execute(breakDown({ accountId: 'a' }), once('thrown')), (error) => error === brokenDown)
  await assert.rejects(bank.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: teller.id as never, idempotencyKey: 'forbidden' }))
  assert.equal((await bank.execute(withdraw({ accountId: 'a', amount: 1 }), once('forbidden'))).duplicate, false)
  faults.failAppend('before')
  await assert.rejects(bank.execute(deposit({ accountId: 'a', amount: 5 }), once('failed')), { code: 'ES_STORE_UNAVAILABLE' })
  assert.equal((await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('failed'))).duplicate, false)
})

onEveryStore('a retry after a lost answer gets the receipt of what was written', async (given) => {
  const { store, faults } = faultStore(given.store)
  const bank = openBank(given, { store })
  await openWith(bank, 'a')
  faults.failAppend('after')
  await assert.rejects(bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k')), { retryable: true })
  const receipt = await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  assert.deepEqual([receipt.duplicate, receipt.version, receipt.events.length], [true, 2, 1])
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

onTwoProcesses('a command that fails because its twin has just succeeded gets the outcome of its twin', async ({ here, there }) => {
  const other = openBank(there)
  await openWith(other, 'a', 10)
  const call = withdraw({ accountId: 'a', amount: 5 })
  // The twin executes and the account is closed between the look-up of the key here and the decision.
  let first = true
  const late = inFrontOf(here.store, {
    remembered: async (tenant, key) => {
      const found = await here.store.remembered(tenant, key)
      if (first) {
        first = false
        await other.execute(call, once('k'))
        await other.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller })
      }
      return found
    },
  })
  const receipt = await openBank(here, { store: late }).execute(call, once('k'))
  assert.deepEqual([receipt.duplicate, receipt.version], [true, 3])
})

onTwoProcesses('a key survives a conflict: decided again, remembered once', async ({ here, there }) => {
  const [bank, other] = [openBank(here), openBank(there)]
  await openWith(bank, 'a')
  await payIn(other, 'a', 1)
  const first = await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  assert.deepEqual([first.version, first.duplicate, (await bank.stats()).commands.conflicts], [3, false, 1])
  assert.deepEqual(await other.execute(deposit({ accountId: 'a', amount: 5 }), once('k')), { ...first, duplicate: true })
})

onEveryStore('successors of a duplicate in one group are decided on what is really there', async (given) => {
  await openWith(openBank(given), 'a', 10)
  // The look-up misses, as it does for whoever is a moment too early; the append finds the key.
  const missing = inFrontOf(given.store, { remembered: async () => undefined })
  const bank = openBank(given, { store: missing })
  await bank.execute(withdraw({ accountId: 'a', amount: 6 }), once('k'))
  const [again, behind, last] = await Promise.all([
    bank.attempt(deposit({ accountId: 'a', amount: 1 }), { actor: ann }),
    bank.attempt(withdraw({ accountId: 'a', amount: 5 }), { actor: ann }),
    bank.attempt(withdraw({ accountId: 'a', amount: 6 }), once('k2')),
  ])
  assert.ok(again.ok && behind.ok)
  assert.deepEqual(last, { ok: false, rejection: reject('InsufficientFunds', { balance: 0 }), duplicate: false })
  await payIn(bank, 'a', 50)
  const outcomes = await Promise.all([
    bank.attempt(withdraw({ accountId: 'a', amount: 6 }), once('k')),
    bank.attempt(withdraw({ accountId: 'a', amount: 50 }), { actor: ann }),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => outcome.ok && [outcome.receipt.version, outcome.receipt.duplicate]),
    [
      [3, true],
      [7, false],
    ],
  )
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 0 })
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 0 })
})

onEveryStore('a "no" that was decided behind a duplicate is decided again: what it saw was not made a second time', async (given) => {
  await openWith(openBank(given), 'a', 11)
  await openBank(given).execute(withdraw({ accountId: 'a', amount: 6 }), once('k'))
  const { store, arrived, letThrough } = heldAppends(inFrontOf(given.store, { remembered: async () => undefined }))
  const bank = openBank(given, { store })
  const first = payIn(bank, 'a', 1)
  await arrived
  // Both wait for the first one, so they are decided together: on 6, then on the 0 that the duplicate seems to lead to.
  const duplicate = bank.attempt(withdraw({ accountId: 'a', amount: 6 }), once('k'))
  await turns()
  const behind = bank.attempt(withdraw({ accountId: 'a', amount: 6 }), { actor: ann })
  await turns()
  letThrough()
  await first
  const outcomes = await Promise.all([duplicate, behind])
  assert.deepEqual(
    outcomes.map((outcome) => outcome.ok && [outcome.receipt.version, outcome.receipt.duplicate]),
    [
      [3, true],
      [5, false],
    ],
  )
})

onEveryStore('a stand-alone command is remembered like any other', async (given) => {
  const UserActivated = event('UserActivated', z.object({ userId: z.string() }))
  const activate = command('ActivateUser', {
    input: z.object({ userId: z.string() }),
    stream: ({ userId }) => `user-${userId}`,
    decide: ({ input }) => (input.userId === 'root' ? reject('NotRoot') : input.userId === 'old' ? [] : UserActivated(input)),
  })
  const app: App<'ActivateUser'> = given.tend(createApp({ store: given.store, clock: given.clock, commands: [activate] }))
  const racers = await Promise.all(Array.from({ length: 16 }, () => app.execute(activate({ userId: '7' }), once('k'))))
  assert.equal(racers.filter(({ duplicate }) => !duplicate).length, 1)
  assert.equal((await app.streams.info('user-7'))?.version, 1)
  for (const userId of ['root', 'old']) {
    const [first, second] = [await app.attempt(activate({ userId }), once(userId)), await app.attempt(activate({ userId }), once(userId))]
    const duplicates = [first, second].map((one) => (one.ok ? one.receipt.duplicate : one.duplicate))
    assert.deepEqual(duplicates, [false, true])
    assert.equal(await app.streams.info(`user-${userId}`), undefined)
  }
})

onEveryStore('what is not a key is refused', async (given) => {
  const bank = openBank(given)
  for (const idempotencyKey of ['', 'x'.repeat(513), 7 as never])
    await assert.rejects(bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann, idempotencyKey }), {
      code: 'ES_VALIDATION',
    })
  assert.equal((await bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), once('ß'.repeat(512)))).version, 1)
})

onEveryStore('a remembered command costs no append', async (given) => {
  const { store, calls } = counted(given.store)
  const bank = openBank(given, { store })
  await openWith(bank, 'a')
  await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  calls['append'] = 0
  await bank.execute(deposit({ accountId: 'a', amount: 5 }), once('k'))
  await turns()
  assert.equal(calls['append'], 0)
})

onEveryStore('a refusal by authorize is remembered, also when by now it would be allowed', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const bob = { id: 'bob', roles: [] as string[] }
  const asBob = () => bank.attempt(withdraw({ accountId: 'a', amount: 1 }), { actor: bob, idempotencyKey: 'k' })
  await assert.rejects(asBob, { code: 'ES_FORBIDDEN', command: 'Withdraw', duplicate: false })
  bob.roles.push('teller')
  await assert.rejects(asBob, { code: 'ES_FORBIDDEN', command: 'Withdraw', duplicate: true })
  assert.ok((await bank.attempt(withdraw({ accountId: 'a', amount: 1 }), { actor: bob, idempotencyKey: 'another' })).ok)
})

onEveryStore('a transaction that was refused by authorize is remembered as a whole, and nothing of it is written', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const bob = { id: 'bob', roles: [] }
  let runs = 0
  const transfer = () =>
    bank.transaction(
      async (tx) => {
        runs++
        await tx.execute(deposit({ accountId: 'a', amount: 1 }), { actor: bob })
        await tx.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: bob })
      },
      { idempotencyKey: 't' },
    )
  await assert.rejects(transfer, { code: 'ES_FORBIDDEN', command: 'Withdraw', duplicate: false })
  await assert.rejects(transfer, { code: 'ES_FORBIDDEN', command: 'Withdraw', duplicate: true })
  assert.equal(runs, 1)
  assert.equal((await bank.load(Account, 'a')).version, 2)
})
