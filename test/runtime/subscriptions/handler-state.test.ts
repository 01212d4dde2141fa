/** What a handler keeps in memory: made when the work on a part begins, and anew when it begins anew. */
import assert from 'node:assert/strict'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import { eventHandler } from '../../../src/index.ts'
import { MoneyDeposited } from '../../domain/bank.ts'
import { moment } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { appendDeposits, openFollowed, openWithDeposits, payIn, range, workInFrontOf } from './follow.ts'

/** A handler that counts in its state, and what it has come to: of each state, the amounts that it was given. */
function counting(more: { readonly partitions?: number; readonly refuse?: (amount: number) => boolean } = {}) {
  const parts: string[] = []
  const states: number[][] = []
  const { partitions = 1, refuse = () => false } = more
  const handler = eventHandler('counting', {
    events: [MoneyDeposited],
    retry: { attempts: 2 },
    partitions,
    init: async ({ part }) => {
      parts.push(part)
      const amounts: number[] = []
      states.push(amounts)
      return { amounts }
    },
    handle: ({ data }, { state }) => {
      if (refuse(data.amount)) throw new Error(`not ${data.amount}`)
      state.amounts.push(data.amount)
    },
  })
  return { handler, parts, states }
}

onEveryStore('each part has a state of its own, made once, before its first event', async (given) => {
  const { handler, parts, states } = counting({ partitions: 3 })
  const app = openFollowed(given, { handlers: [handler] })
  await app.settle()
  assert.deepEqual(parts.toSorted(), ['0/3', '1/3', '2/3'])
  const accounts = range(1, 20).map(String)
  await appendDeposits(given.store, 40, accounts)
  await app.settle()
  assert.equal(parts.length, 3)
  assert.deepEqual(
    states.flat().toSorted((left, right) => left - right),
    range(1, 40),
  )
  assert.ok(states.every((amounts) => amounts.length > 0 && amounts.length < 40))
})

onEveryStore('a state is kept over failures of events, and over what is done about dead letters', async (given) => {
  let isOpen = false
  const { handler, states } = counting({ refuse: (amount) => amount === 2 && !isOpen })
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  isOpen = true
  await app.deadLetters.retry({})
  await payIn(app, 'a', 4)
  await app.settle()
  assert.deepEqual(states, [[1, 2, 3, 4]])
})

onEveryStore('work that begins anew after an interruption begins with a new state', async (given) => {
  let failures = 1
  const store = workInFrontOf(given.store, {
    async commit(works) {
      if (failures-- === 0) throw new StoreUnavailableError('test', 'gone for a moment')
      return given.store.work.commit(works)
    },
  })
  const { handler, states } = counting()
  const app = openFollowed(given, { store, handlers: [handler] })
  await appendDeposits(given.store, 2)
  await app.settle()
  await appendDeposits(given.store, 1, ['a'], 3)
  await app.settle()
  // What was not committed comes again, and the first state has seen it already.
  assert.deepEqual(states, [[1, 2, 3], [3]])
})

onEveryStore('another start of the program has a state of its own', async (given) => {
  const { handler, parts, states } = counting()
  const first = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(first, 'a', 1)
  await first.settle()
  await first.stop({ keepStore: true })
  const second = openFollowed(given, { handlers: [handler] })
  await payIn(second, 'a', 2)
  await second.settle()
  assert.deepEqual(
    [parts, states],
    [
      ['0/1', '0/1'],
      [[1], [2]],
    ],
  )
})

onEveryStore('an init that fails holds the part up, and is no failure of any event', async (given) => {
  const seen: (readonly [number, number])[] = []
  let failures = 2
  const handler = eventHandler('fragile', {
    events: [MoneyDeposited],
    retry: { attempts: 1 },
    init: () => {
      if (failures-- > 0) throw new Error('not yet')
      return 'ready' as const
    },
    handle: ({ data }, { attempt }) => void seen.push([data.amount, attempt]),
  })
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2)
  await app.settle()
  assert.deepEqual([seen, app.deadLetters.length], [[[1, 1], [2, 1]], 0]) // biome-ignore format: short
})

onEveryStore('an init is told that the app stops', async (given) => {
  const begun = moment()
  const handler = eventHandler('slow', {
    events: [MoneyDeposited],
    init: ({ signal }) =>
      new Promise<number>((resolve) => {
        begun.resolve()
        signal.addEventListener('abort', () => resolve(1))
      }),
    handle: () => {},
  })
  const app = openFollowed(given, { handlers: [handler] })
  await app.start()
  await begun.promise
  await app.stop({ keepStore: true })
  assert.deepEqual(
    (await given.store.work.parts()).map(({ owner }) => owner),
    [null],
  )
})
