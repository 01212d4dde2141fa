import assert from 'node:assert/strict'
import { z } from 'zod'
import { command, createApp, reject } from '../../src/index.ts'
import { faultStore } from '../../src/testing/index.ts'
import { Account, balances, deposit, MoneyDeposited, openAccount, withdraw } from '../domain/bank.ts'
import { heldAppends, inFrontOf, isPending, moment, turns } from './in-front-of.ts'
import { breakDown, brokenDown, hesitate, oddCommands, returnForeign, returnNothing } from './odd-commands.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { ann, counted, openBank, openBankWithoutViews, openWith } from './open-bank.ts'

const paying = (bank: ReturnType<typeof openBank>, ...amounts: readonly number[]) =>
  amounts.map((amount) => bank.execute(deposit({ accountId: 'a', amount }), { actor: ann }))
const taking = (bank: ReturnType<typeof openBank>, amount: number) => bank.attempt(withdraw({ accountId: 'a', amount }), { actor: ann })
const balanceOf = async (bank: Pick<ReturnType<typeof openBank>, 'load'>) => {
  const { state } = await bank.load(Account, 'a')
  return state.status === 'open' ? state.balance : undefined
}

onEveryStore(
  '64 commands at once on one stream succeed in the order called, in far fewer appends, each with its own versions',
  async (given) => {
    const { store, calls } = counted(given.store)
    const bank = openBank(given, { store })
    await openWith(bank, 'a')
    calls['append'] = 0
    const answered: number[] = []
    const receipts = await Promise.all(
      paying(bank, ...Array.from({ length: 64 }, (_, i) => i + 1)).map(async (receipt, i) => {
        await receipt
        answered.push(i)
        return receipt
      }),
    )
    assert.ok(calls['append'] <= 4, `${calls['append']} appends`)
    receipts.forEach(({ events, version }, i) => {
      assert.deepEqual([version, events.map((one) => [one.version, one.data.amount])], [i + 2, [[i + 2, i + 1]]])
    })
    assert.deepEqual(
      answered,
      receipts.map((_, i) => i),
    )
    assert.deepEqual(
      receipts.map(({ position }) => position),
      [...receipts.map(({ position }) => position)].sort((a, b) => a - b),
    )
    assert.equal(await balanceOf(bank), 2080)
    assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 2080 })
    assert.equal((await bank.stats()).commands.conflicts, 0)
  },
)

onEveryStore('the first 64 commands ever load the stream once', async (given) => {
  const writer = openBank(given)
  await openWith(writer, 'a')
  const bank = openBank(given)
  await Promise.all(paying(bank, ...Array.from({ length: 64 }, () => 1)))
  assert.equal((await bank.stats()).aggregates.loads, 1)
})

onEveryStore('a group is no larger than its limit', async (given) => {
  const sizes: number[] = []
  const store = new Proxy(given.store, {
    get: (target, name) =>
      name === 'append'
        ? (requests: Parameters<typeof target.append>[0]) => {
            sizes.push(requests.length)
            return target.append(requests)
          }
        : Reflect.get(target, name, target),
  })
  const bank = openBank(given, { store, defaults: { command: { groupSize: 8 } } })
  await openWith(bank, 'a')
  sizes.length = 0
  await Promise.all(paying(bank, ...Array.from({ length: 32 }, () => 1)))
  assert.deepEqual(sizes, [8, 8, 8, 8])
})

onEveryStore('commands on one stream see what those before them in the group have decided', async (given) => {
  const bank = openBank(given)
  const outcomes = await Promise.all([
    bank.attempt(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann }),
    bank.attempt(openAccount({ accountId: 'a', owner: 'bob' }), { actor: ann }),
    bank.attempt(deposit({ accountId: 'a', amount: 5 }), { actor: ann }),
    bank.attempt(deposit({ accountId: 'a', amount: 5 }), { actor: ann }),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? outcome.receipt.version : outcome.rejection.code)),
    [1, 'AlreadyOpen', 2, 3],
  )
})

onEveryStore(
  'nothing is answered before everything in front of it is committed: not a "no", not an empty outcome, not a throw',
  async (given) => {
    const setUp = openBankWithoutViews(given)
    await openWith(setUp, 'a', 100)
    const { store, arrived, letThrough } = heldAppends(given.store)
    const bank = given.tend(createApp({ store, clock: given.clock, commands: [openAccount, deposit, withdraw, ...oddCommands] }))
    const first = bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
    const later = [
      bank.attempt(openAccount({ accountId: 'a', owner: 'bob' }), { actor: ann }),
      bank.execute(returnNothing({ accountId: 'a' }), { actor: ann }),
      bank.execute(breakDown({ accountId: 'a' }), { actor: ann }),
      bank.execute(hesitate({ accountId: 'a' }), { actor: ann }),
      bank.execute(returnForeign({ accountId: 'a' }), { actor: ann }),
      bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, expectedVersion: 2 }),
    ]
    await arrived
    for (const outcome of [first, ...later]) assert.ok(await isPending(outcome))
    letThrough()
    assert.equal((await first).version, 3)
    const [no, nothing, threw, waited, foreign, expected] = await Promise.allSettled(later)
    assert.deepEqual(no, { status: 'fulfilled', value: { ok: false, rejection: reject('AlreadyOpen'), duplicate: false } })
    assert.equal(nothing?.status === 'fulfilled' && (nothing.value as { version: number }).version, 3)
    assert.equal(threw?.status === 'rejected' && threw.reason, brokenDown)
    assert.equal(waited?.status === 'rejected' && waited.reason.code, 'ES_DEFINITION')
    assert.equal(foreign?.status === 'rejected' && foreign.reason.code, 'ES_DEFINITION')
    assert.deepEqual(expected?.status === 'rejected' && [expected.reason.code, expected.reason.actual], ['ES_CONCURRENCY', 3])
  },
)

onEveryStore('a command that throws in the middle of a group costs its neighbours nothing', async (given) => {
  const bank = given.tend(createApp({ store: given.store, clock: given.clock, commands: [openAccount, deposit, withdraw, ...oddCommands] }))
  await openWith(bank as never, 'a', 10)
  const outcomes = await Promise.allSettled([
    bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann }),
    bank.execute(breakDown({ accountId: 'a' }), { actor: ann }),
    bank.execute(withdraw({ accountId: 'a', amount: 20_000 }), { actor: ann }),
    bank.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: { id: 'eve', roles: [] } }),
    bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann }),
  ])
  assert.deepEqual(
    outcomes.map((one) => (one.status === 'fulfilled' ? one.value.version : (one.reason.code ?? one.reason))),
    [3, brokenDown, 'ES_VALIDATION', 'ES_FORBIDDEN', 4],
  )
  assert.equal(await balanceOf(bank as never), 12)
})

onEveryStore('when the append of a group fails before it was written, everybody is told, and the next command works', async (given) => {
  const { store, faults } = faultStore(given.store)
  const bank = openBank(given, { store })
  await openWith(bank, 'a', 10)
  faults.failAppend('before')
  const outcomes = await Promise.allSettled([...paying(bank, 1, 2), taking(bank, 500), ...paying(bank, 3)])
  for (const one of outcomes) assert.equal(one.status === 'rejected' && one.reason.code, 'ES_STORE_UNAVAILABLE')
  await paying(bank, 5)[0]
  assert.deepEqual([await balanceOf(bank), (await bank.load(Account, 'a')).version], [15, 3])
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 15 })
})

onEveryStore('when the answer to an append is lost, everybody is told, and the next command sees what was written', async (given) => {
  const { store, faults } = faultStore(given.store)
  const bank = openBank(given, { store })
  await openWith(bank, 'a', 10)
  faults.failAppend('after')
  const outcomes = await Promise.allSettled([...paying(bank, 1, 2), taking(bank, 500), ...paying(bank, 3)])
  for (const one of outcomes) assert.equal(one.status === 'rejected' && one.reason.retryable, true)
  const { events } = await bank.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
  assert.equal(events[0]!.version, 6)
  assert.equal(await balanceOf(bank), 21)
  assert.equal((await bank.stats()).commands.conflicts, 0, 'it was read again, not found out by a conflict')
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 21 })
})

onEveryStore('when half of a group was written and the answer lost, the next command sees that half', async (given) => {
  const { store, faults } = faultStore(given.store)
  const bank = openBank(given, { store })
  await openWith(bank, 'a', 10)
  faults.failAppend('middle')
  const outcomes = await Promise.allSettled(paying(bank, 1, 2, 4, 8))
  for (const one of outcomes) assert.equal(one.status, 'rejected')
  await paying(bank, 100)[0]
  assert.deepEqual([await balanceOf(bank), (await bank.load(Account, 'a')).version], [113, 5])
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 113 })
})

onEveryStore('when the store fails while a row is read for a projection, the command fails and the next one works', async (given) => {
  let fail = false
  const store = new Proxy(given.store, {
    get(target, name) {
      if (name !== 'views') return Reflect.get(target, name, target)
      return new Proxy(target.views, {
        get: (views, member) =>
          member === 'get' && fail ? () => Promise.reject(new Error('no rows today')) : Reflect.get(views, member, views),
      })
    },
  })
  const bank = openBank(given, { store })
  await bank.prepare()
  fail = true
  await assert.rejects(bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann }), { message: 'no rows today' })
  fail = false
  await openWith(bank, 'a', 5)
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 5 })
})

// ── checks that take their time ──

const askingSlowly = (given: Pick<Given, 'store' | 'clock' | 'tend'>, ask: (amount: number) => Promise<boolean>) => {
  const seen: number[] = []
  const input = z.object({ accountId: z.string(), amount: z.int().positive() })
  const id = ({ accountId }: { readonly accountId: string }) => accountId
  const draw = command(Account, 'Draw', {
    input,
    id,
    authorize: ({ state, input: { amount } }) => {
      if (state.status !== 'open') return false
      seen.push(state.balance)
      return ask(amount)
    },
    decide: ({ state, input: { amount } }) => {
      if (state.status !== 'open' || state.balance < amount) return reject('InsufficientFunds')
      return MoneyDeposited({ amount })
    },
  })
  const bank = given.tend(
    createApp({
      store: given.store,
      clock: given.clock,
      commands: [openAccount, deposit, draw],
      defaults: { command: { groupPatience: { milliseconds: 1 } } },
    }),
  )
  return { bank, draw, seen }
}

onEveryStore('a slow check closes a group: those before it are answered without waiting for it, those behind it wait', async (given) => {
  const answer = moment<boolean>()
  const { bank, draw, seen } = askingSlowly(given, () => answer.promise)
  await openWith(bank as never, 'a', 10)
  const [before] = [bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })]
  const slow = bank.execute(draw({ accountId: 'a', amount: 11 }), { actor: ann })
  const behind = bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  assert.equal((await before).version, 3)
  assert.ok(await isPending(slow))
  assert.ok(await isPending(behind))
  answer.resolve(true)
  assert.equal((await slow).version, 4)
  assert.equal((await behind).version, 5)
  assert.deepEqual(seen, [11], 'asked once, about the state that its predecessor led to')
})

onEveryStore('a slow check that says no refuses its own command only', async (given) => {
  const answer = moment<boolean>()
  const { bank, draw } = askingSlowly(given, () => answer.promise)
  await openWith(bank as never, 'a', 10)
  const all = [
    bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann }),
    bank.execute(draw({ accountId: 'a', amount: 1 }), { actor: ann }),
    bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann }),
  ]
  await all[0]
  answer.resolve(false)
  const [, forbidden, behind] = await Promise.allSettled(all)
  assert.equal(forbidden?.status === 'rejected' && forbidden.reason.code, 'ES_FORBIDDEN')
  assert.equal(behind?.status === 'fulfilled' && behind.value.version, 4)
})

onEveryStore('a slow check is made again when the state it was made on has been overtaken', async (given) => {
  const answers = [moment<boolean>(), moment<boolean>()]
  let asked = 0
  const { bank, draw, seen } = askingSlowly(given, () => answers[asked++]!.promise)
  await openWith(bank as never, 'a', 10)
  const other = openBankWithoutViews(given)
  const slow = bank.execute(draw({ accountId: 'a', amount: 10 }), { actor: ann })
  await turns()
  assert.deepEqual(seen, [10])
  await other.execute(deposit({ accountId: 'a', amount: 7 }), { actor: ann })
  answers[0]!.resolve(true)
  await turns(50)
  answers[1]!.resolve(true)
  assert.equal((await slow).version, 4)
  assert.deepEqual(seen, [10, 17], 'checked on the very state that decide saw')
})

onEveryStore('a slow check that closed a group is made again when the group in front of it was not written', async (given) => {
  const other = openBankWithoutViews(given)
  await openWith(other, 'a', 10)
  let overtaken = false
  const store = inFrontOf(given.store, {
    append: async (requests) => {
      if (!overtaken) await other.execute(deposit({ accountId: 'a', amount: 7 }), { actor: ann })
      overtaken = true
      return given.store.append(requests)
    },
  })
  const { bank, draw, seen } = askingSlowly({ ...given, store }, () => turns(30).then(() => true))
  const all = [
    bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann }),
    bank.execute(draw({ accountId: 'a', amount: 18 }), { actor: ann }),
  ]
  assert.deepEqual(
    (await Promise.all(all)).map(({ version }) => version),
    [4, 5],
  )
  assert.deepEqual([seen[0], seen.at(-1)], [11, 18], 'what was checked at first never came to be')
})

onEveryStore('many slow checks on one stream are each made on the state that decide then sees', async (given) => {
  const { bank, draw, seen } = askingSlowly(given, () => turns(2).then(() => true))
  await openWith(bank as never, 'a', 1)
  await Promise.all(Array.from({ length: 8 }, () => bank.execute(draw({ accountId: 'a', amount: 1 }), { actor: ann })))
  assert.deepEqual([...new Set(seen)], [1, 2, 3, 4, 5, 6, 7, 8])
})
