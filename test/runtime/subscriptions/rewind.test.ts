/** Handling events again: what a rewind brings back, what it forgets, and who refuses it. */
import assert from 'node:assert/strict'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import type { EventStore } from '../../../src/core/event-store.ts'
import { sql, tableProjection } from '../../../src/index.ts'
import { slotOf } from '../../../src/runtime/subscription/slots.ts'
import { MoneyDeposited, transferMoney } from '../../domain/bank.ts'
import { onEveryStore, onStore } from '../on-every-store.ts'
import { appendDeposits, type Followed, leasesPass, noting, onDeposits, openFollowed, range, sums, workInFrontOf } from './follow.ts'

/** Deposits of 1, 2, 3 … at the positions 1, 2, 3 …, in the streams of some accounts in turn. */
async function depositInTurns(store: EventStore, count: number, accounts: readonly string[]): Promise<void> {
  for (const n of range(1, count)) await appendDeposits(store, 1, [accounts[(n - 1) % accounts.length] as string], n)
}

const stateOf = async (app: Followed, name: string) => (await app.subscriptions.list()).find((one) => one.name === name)

onEveryStore('a rewound handler is given everything again from that place on, in order, and then what is new', async (given) => {
  const { amounts, handler } = noting()
  const app = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 3)
  await given.clock.advance({ minutes: 1 })
  const { now } = given.clock
  const at = new Date(now())
  await appendDeposits(given.store, 3, ['a'], 4)
  await app.settle()
  for (const [to, first] of [[{ position: 6 }, 6] as const, [{ at }, 4] as const, ['beginning', 1] as const]) {
    amounts.length = 0
    await app.subscriptions.rewind('noting', to)
    await app.settle()
    assert.deepEqual(amounts, range(first, 6))
  }
  await appendDeposits(given.store, 1, ['a'], 7)
  await app.settle()
  assert.deepEqual(amounts, range(1, 7))
})

onEveryStore('a rewind to the end of the log, or to where nobody is yet, changes nothing', async (given) => {
  const { amounts, handler } = noting()
  const app = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 3)
  await app.settle()
  await app.subscriptions.pause('noting')
  await appendDeposits(given.store, 3, ['a'], 4)
  for (const position of [5, 7]) await app.subscriptions.rewind('noting', { position })
  await app.subscriptions.resume('noting')
  await app.settle()
  assert.deepEqual(amounts, range(1, 6))
})

onEveryStore('a paused handler is rewound at once, and handles it again when it goes on', async (given) => {
  const { amounts, handler } = noting('noting', { partitions: 2 })
  const app = openFollowed(given, { handlers: [handler] })
  await depositInTurns(given.store, 6, ['a', 'b', 'c'])
  await app.settle()
  await app.subscriptions.pause('noting')
  await app.subscriptions.rewind('noting', { position: 3 })
  await app.settle()
  assert.deepEqual([amounts.length, (await stateOf(app, 'noting'))?.position, (await stateOf(app, 'noting'))?.state], [6, 2, 'paused'])
  amounts.length = 0
  await app.subscriptions.resume('noting')
  await app.settle()
  assert.deepEqual(amounts.sort(), range(3, 6))
})

onEveryStore('another app rewinds what this one works on, which follows at its next look', async (given) => {
  const { amounts, handler } = noting()
  const worker = openFollowed(given, { handlers: [handler] })
  const front = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 3)
  await worker.settle()
  await front.subscriptions.rewind('noting', { position: 2 })
  await leasesPass(given, [worker], 1)
  assert.deepEqual(amounts, [1, 2, 3, 2, 3])
})

onEveryStore('what nobody works on is rewound all the same, and several rewinds all hold', async (given) => {
  const { amounts, handler } = noting('noting', { partitions: 2 })
  const make = () => openFollowed(given, { handlers: [handler] })
  const first = make()
  await depositInTurns(given.store, 6, ['a', 'b', 'c'])
  await first.settle()
  await first.stop({ keepStore: true })
  amounts.length = 0
  const idle = make()
  for (const position of [3, 5, 2, 4]) await idle.subscriptions.rewind('noting', { position })
  const parts = await given.store.work.parts('handler:noting')
  assert.deepEqual(
    parts.map(({ position, owner }) => [position, owner]),
    [
      [1, null],
      [1, null],
    ],
  )
  await idle.settle()
  assert.deepEqual(amounts.sort(), range(2, 6))
})

onEveryStore('a rewind that its owner has not made yet is made by whoever comes after it, with another number of parts', async (given) => {
  const seen: number[] = []
  const make = (partitions: number) => openFollowed(given, { handlers: [onDeposits('one', (amount) => seen.push(amount), { partitions })] })
  const first = make(3)
  await depositInTurns(given.store, 8, ['a', 'b', 'c', 'd'])
  await first.settle()
  await make(3).subscriptions.rewind('one', { position: 4 }) // by an app that works on nothing
  await first.stop({ keepStore: true })
  seen.length = 0
  const second = make(2)
  await second.settle()
  assert.deepEqual(seen.sort(), range(4, 8))
  assert.deepEqual(
    (await given.store.work.parts('handler:one')).map(({ state }) => JSON.parse(state).rewound),
    [1, 1],
  )
})

onEveryStore('slots that are further than their part go back as well, and those that are not so far stay', async (given) => {
  const seen: number[] = []
  const make = (partitions: number) => openFollowed(given, { handlers: [onDeposits('one', (amount) => seen.push(amount), { partitions })] })
  const accounts = range(1, 8).map((n) => `n${n}`)
  const isInSecondHalf = (amount: number) => slotOf('', `account-${accounts[(amount - 1) % 8]}`) >= 32
  const first = make(2)
  await depositInTurns(given.store, 16, accounts)
  await first.settle()
  await first.subscriptions.pause('one')
  await first.stop({ keepStore: true })
  // The first half has come to 4 only.
  const [behind] = await given.store.work.acquire('somebody', (await given.store.work.parts('handler:one')).slice(0, 1))
  const { subscription, part, epoch } = behind!
  await given.store.work.commit([{ steps: [{ subscription, part, epoch, position: 4 }] }])
  await given.store.work.release([behind!])
  const second = make(1)
  await second.settle()
  await second.subscriptions.rewind('one', { position: 11 })
  const [rewound] = await given.store.work.parts('handler:one')
  const { ahead } = JSON.parse(rewound!.state) as { readonly ahead: Readonly<Record<string, number>> }
  assert.deepEqual([rewound!.position, ahead], [4, Object.fromEntries(range(32, 63).map((slot) => [slot, 10]))])
  seen.length = 0
  await second.subscriptions.resume('one')
  await second.settle()
  assert.deepEqual(
    seen,
    range(5, 16).filter((amount) => amount > 10 || !isInSecondHalf(amount)),
  )
  assert.ok(seen.length > 6 && seen.length < 12, 'some accounts are in each half')
})

/** A handler that fails on some amounts. */
function fussy() {
  const dislikes = new Set<number>()
  const seen: number[] = []
  const handler = onDeposits('fussy', (amount) => {
    if (dislikes.has(amount)) throw new Error(`not ${amount}`)
    seen.push(amount)
  })
  return { dislikes, seen, handler }
}

onEveryStore('what is parked behind the place is forgotten and comes from the log; what is parked before it stays', async (given) => {
  const { dislikes, seen, handler } = fussy()
  for (const amount of [3, 6]) dislikes.add(amount)
  const app = openFollowed(given, { handlers: [handler] })
  await depositInTurns(given.store, 10, ['a', 'b']) // odd ones in a, even ones in b
  await app.settle()
  assert.deepEqual(
    [seen.sort(), app.deadLetters.map(({ position, waiting }) => [position, waiting])],
    [
      [1, 2, 4],
      [
        [3, 3],
        [6, 2],
      ],
    ],
  )
  seen.length = 0
  await app.subscriptions.pause('fussy')
  await app.subscriptions.rewind('fussy', { position: 6 })
  const left = await app.deadLetters.list()
  assert.deepEqual(
    left.map(({ position, waiting }) => [position, waiting]),
    [[3, 1]],
  )
  dislikes.delete(6)
  await app.subscriptions.resume('fussy')
  await app.settle()
  assert.deepEqual([seen, app.deadLetters.map(({ position, waiting }) => [position, waiting])], [[6, 8, 10], [[3, 3]]])
  dislikes.clear()
  await app.deadLetters.retry(app.deadLetters[0]!.id)
  await app.settle()
  assert.deepEqual(seen, [6, 8, 10, 3, 5, 7, 9])
})

onEveryStore('the correction of a dead letter goes with it when it is handled again, and stays when it is not', async (given) => {
  const { dislikes, seen, handler } = fussy()
  for (const amount of [1, 4]) dislikes.add(amount)
  const app = openFollowed(given, { handlers: [handler] })
  await depositInTurns(given.store, 4, ['a', 'b'])
  await app.settle()
  for (const { id } of app.deadLetters) await app.deadLetters.edit(id, { amount: 77 })
  dislikes.clear()
  await app.subscriptions.rewind('fussy', { position: 2 })
  await app.settle()
  assert.deepEqual([seen.sort(), app.deadLetters.map(({ position }) => position)], [[2, 2, 4], [1]])
  await app.deadLetters.retry({})
  await app.settle()
  assert.deepEqual(seen.slice(3), [77, 3])
})

onEveryStore('a rewind whose commit fails, or whose answer is lost, is made once', async (given) => {
  const { amounts, handler } = noting()
  const faults: ('before' | 'after')[] = []
  const store = workInFrontOf(given.store, {
    async commit(works) {
      const isRewind = works.some(({ steps = [] }) => steps.some(({ state = '{}' }) => 'rewound' in JSON.parse(state)))
      const fault = isRewind ? faults.shift() : undefined
      if (fault === 'before') throw new StoreUnavailableError('test', 'it did not come through')
      const results = await given.store.work.commit(works)
      if (fault === 'after') throw new StoreUnavailableError('test', 'the answer is lost')
      return results
    },
  })
  const app = openFollowed(given, { store, handlers: [handler] })
  await appendDeposits(given.store, 3)
  await app.settle()
  amounts.length = 0
  faults.push('before', 'after')
  await assert.rejects(app.subscriptions.rewind('noting', { position: 2 }), { code: 'ES_STORE_UNAVAILABLE' })
  await leasesPass(given, [app], 2)
  assert.deepEqual([amounts, faults], [[2, 3], []])
})

onEveryStore('whoever was frozen while somebody else has rewound writes nothing over it', async (given) => {
  const seen: string[] = []
  const handlerOf = (name: string) => onDeposits('shared', (amount) => seen.push(`${name}${amount}`))
  const first = openFollowed(given, { handlers: [handlerOf('f')] })
  await appendDeposits(given.store, 3)
  await first.settle()
  const [held] = await given.store.work.parts('handler:shared')
  await given.store.work.leave(held!.owner!) // as after its lease has run out
  const heir = openFollowed(given, { handlers: [handlerOf('h')] })
  await heir.start()
  await heir.subscriptions.rewind('shared', { position: 2 })
  await appendDeposits(given.store, 1, ['a'], 4)
  for (const app of [first, heir]) await app.settle()
  await leasesPass(given, [first, heir], 1)
  assert.deepEqual(
    seen.filter((one) => one.startsWith('h')),
    ['h2', 'h3', 'h4'],
  )
  assert.equal((await given.store.work.parts('handler:shared'))[0]?.position, 4)
})

onEveryStore('who cannot be rewound says so, and what to do instead', async (given) => {
  const app = openFollowed(given, { handlers: [noting().handler], projections: [sums], processes: [transferMoney] })
  const { rewind } = app.subscriptions
  await appendDeposits(given.store, 2)
  await assert.rejects(rewind('noting', 'beginning'), { code: 'ES_UNSUPPORTED', message: /never started.*startFrom/ })
  await app.settle()
  await assert.rejects(rewind('sums', 'beginning'), { code: 'ES_UNSUPPORTED', message: /app\.subscriptions\.rebuild\("sums"\)/ })
  await assert.rejects(rewind('transfer-money', { position: 1 }), { code: 'ES_UNSUPPORTED', message: /send its commands again/ })
  await assert.rejects(rewind('noting', { position: 4 }), { code: 'ES_VALIDATION', message: /ends at 2/ })
  for (const place of ['now', {}, { position: 0 }, { at: '2030' }, undefined]) {
    await assert.rejects(rewind('noting', place as never), { code: 'ES_VALIDATION' })
  }
  assert.deepEqual(
    (await app.subscriptions.list()).map(({ position }) => position),
    [2, 2, 2],
  )
})

onEveryStore('a process manager is brought back to the end of the log when it is further, and to nowhere else', async (given) => {
  const make = () => openFollowed(given, { processes: [transferMoney] })
  await appendDeposits(given.store, 2)
  const first = make()
  await first.settle()
  await first.stop({ keepStore: true })
  const held = await given.store.work.acquire('somebody', await given.store.work.parts('process:transfer-money'))
  await given.store.work.commit([{ steps: held.map(({ subscription, part, epoch }) => ({ subscription, part, epoch, position: 9 })) }])
  await given.store.work.release(held)
  const app = make()
  await app.settle()
  assert.deepEqual(
    (await app.subscriptions.list()).map(({ state, error }) => [state, error?.code]),
    [['failed', 'ES_CHECKPOINT_AHEAD']],
  )
  await assert.rejects(app.subscriptions.rewind('transfer-money', { position: 2 }), { code: 'ES_UNSUPPORTED' })
  await app.subscriptions.rewind('transfer-money', { position: 3 })
  await app.settle()
  assert.deepEqual(
    (await app.subscriptions.list()).map(({ state, position }) => [state, position]),
    [['waiting', 2]],
  )
})

onStore('sqlite', 'a table projection is not rewound either', async (given) => {
  const amounts = tableProjection('amounts', {
    events: [MoneyDeposited],
    consistency: 'async',
    tables: { amounts: 'create table if not exists amounts (amount integer)' },
    apply: (event) => sql`insert into amounts values (${event.data.amount})`,
  })
  const app = openFollowed(given, { projections: [amounts] })
  await app.settle()
  await assert.rejects(app.subscriptions.rewind('amounts', 'beginning'), { code: 'ES_UNSUPPORTED', message: /rebuild/ })
})
