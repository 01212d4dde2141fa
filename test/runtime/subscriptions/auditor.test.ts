/** The skip auditor: what a subscription has not taken as it is in the log is found, and nothing else is. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'
import type { LogPage } from '../../../src/core/stored-event.ts'
import { eventHandler, projection } from '../../../src/index.ts'
import { MoneyDeposited, MoneyWithdrawn } from '../../domain/bank.ts'
import { inFrontOf, isPending, moment } from '../in-front-of.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { recorder } from '../open-bank.ts'
import { appendDeposits, noting, onDeposits, openFollowed, range, sums, workInFrontOf } from './follow.ts'

const accounts = range(1, 12).map((n) => `n${n}`)

/** What is reported here is reported on purpose. */
async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const { error } = console
  console.error = () => {}
  return run().finally(() => {
    console.error = error
  })
}

/** A store that hides events from all who read the log until it shows them, as one would whose positions were not in the order of commits. */
function hiding(store: EventStore, ...positions: readonly number[]) {
  const state = { hidden: new Set(positions) }
  const hidden: EventStore = inFrontOf(store, {
    async *readAll(options) {
      for await (const page of store.readAll(options)) {
        yield { ...page, events: page.events.filter(({ position }) => !state.hidden.has(position)) } satisfies LogPage
      }
    },
  })
  return { store: hidden, show: () => state.hidden.clear() }
}

const holesIn = async (app: { readonly subscriptions: { list(): Promise<readonly { readonly holes: readonly unknown[] }[]> } }) =>
  (await app.subscriptions.list()).flatMap(({ holes }) => holes)

onEveryStore('an event that was left out is found, told, and shown until somebody forgets it', async (given) => {
  const { store, show } = hiding(given.store, 14)
  const { amounts, handler } = noting()
  const signals = recorder()
  const parts = { handlers: [handler], projections: [sums], observer: signals }
  const app = openFollowed(given, { store, ...parts })
  await appendDeposits(given.store, 10)
  await app.settle()
  assert.deepEqual(await app.subscriptions.audit(), [])
  await appendDeposits(given.store, 10, ['a'], 11)
  await app.settle()
  assert.deepEqual(amounts, [...range(1, 13), ...range(15, 20)])
  show()
  const found = await quietly(() => app.subscriptions.audit())
  const told = { part: '0/1', after: 10, to: 20, expected: 10, actual: 9, positions: [14] }
  const hole = { ...told, foundAt: new Date(given.clock.now()) }
  assert.deepEqual(found, [hole, hole])
  assert.deepEqual(signals.of('subscription.hole'), [
    { signal: 'subscription.hole', kind: 'handler', name: 'noting', ...told },
    { signal: 'subscription.hole', kind: 'projection', name: 'sums', ...told },
  ])
  assert.deepEqual(await app.subscriptions.audit(), [], 'it is found once')
  await app.stop({ keepStore: true })

  const next = openFollowed(given, parts)
  await next.settle()
  assert.deepEqual(await next.subscriptions.audit(), [], 'and not again by whoever is next')
  assert.deepEqual(await holesIn(next), [hole, hole])
  assert.equal(await next.subscriptions.forgetHoles('sums'), 1)
  assert.deepEqual(await holesIn(next), [hole])
  assert.equal(await next.subscriptions.forgetHoles(), 1)
  assert.deepEqual(await holesIn(next), [])
})

onEveryStore('once a minute it is found by itself', async (given) => {
  const { store, show } = hiding(given.store, 3)
  const signals = recorder()
  const app = openFollowed(given, { store, handlers: [noting().handler], observer: signals })
  await appendDeposits(given.store, 5)
  await app.settle()
  show()
  await given.clock.advance({ seconds: 59 })
  assert.deepEqual(signals.of('subscription.audit'), [])
  await quietly(() => given.clock.advance({ seconds: 1 }))
  assert.deepEqual(
    signals.of('subscription.hole').map(({ name, positions }) => [name, positions]),
    [['noting', [3]]],
  )
  await appendDeposits(given.store, 5, ['a'], 6)
  await app.settle()
  await given.clock.advance({ minutes: 1 })
  assert.deepEqual(
    signals.of('subscription.audit').map(({ after, to, events }) => [after, to, events]),
    [
      [0, 5, 5],
      [5, 10, 5],
    ],
  )
})

for (const [what, positions, expected] of [
  ['two events are', [3, 9], [3, 9]],
  ['more than two events are counted, not', [3, 4, 9], undefined],
] as const) {
  onEveryStore(`${what} named`, async (given) => {
    const { store, show } = hiding(given.store, ...positions)
    const app = openFollowed(given, { store, handlers: [onDeposits('shared', () => {}, { partitions: 3 })] })
    await appendDeposits(given.store, 12, accounts)
    await app.settle()
    show()
    const holes = await quietly(() => app.subscriptions.audit())
    assert.deepEqual(
      holes.map((hole) => [hole.expected, hole.actual, hole.positions]),
      range(1, 3).map(() => [12, 12 - positions.length, expected]),
    )
  })
}

onEveryStore('an event that is taken twice is found', async (given) => {
  const store = inFrontOf(given.store, {
    async *readAll(options) {
      for await (const page of given.store.readAll(options)) {
        const isAudit = options?.backwards === true
        yield { ...page, events: isAudit ? page.events : page.events.flatMap((event) => (event.position === 4 ? [event, event] : [event])) }
      }
    },
  })
  const { amounts, handler } = noting()
  const app = openFollowed(given, { store, handlers: [handler] })
  await appendDeposits(given.store, 6)
  await app.settle()
  assert.deepEqual(amounts, [1, 2, 3, 4, 4, 5, 6])
  const [hole] = await quietly(() => app.subscriptions.audit())
  assert.deepEqual([hole?.expected, hole?.actual, hole?.positions], [6, 7, [4]])
})

onEveryStore('a hole from before is found by whoever takes a part over, and by whoever divides it anew', async (given) => {
  const { store, show } = hiding(given.store, 3, 15)
  const shared = (partitions: number) => [onDeposits('shared', () => {}, { partitions })]
  const first = openFollowed(given, { store, handlers: shared(1) })
  await appendDeposits(given.store, 12, accounts)
  await first.settle()
  await first.stop({ keepStore: true })
  const second = openFollowed(given, { store, handlers: shared(4) })
  await appendDeposits(given.store, 12, accounts, 13)
  await second.settle()
  await second.stop({ keepStore: true })
  show()
  const third = openFollowed(given, { store, handlers: shared(2) })
  await third.settle()
  const holes = await quietly(() => third.subscriptions.audit())
  // The first of the four has gone on with the proof of the one; all four have missed the second event, and what two of them
  // say alike is kept once.
  assert.deepEqual(holes.map(({ after, to, positions }) => [after, to, positions]).sort(), [
    [0, 24, [3, 15]],
    [12, 24, [15]],
    [12, 24, [15]],
  ])
  assert.deepEqual(await third.subscriptions.audit(), [])
})

onEveryStore('who asks for an audit does not wait for one that takes its time', async (given) => {
  const app = openFollowed(given, { handlers: [noting().handler], defaults: { subscriptions: { audit: { every: { minutes: 1 } } } } })
  await appendDeposits(given.store, 1200)
  await app.settle()
  const { now } = performance
  let hours = 0
  performance.now = () => ++hours * 3_600_000 // so after each page it rests for many hours
  try {
    const inBackground = given.clock.advance({ minutes: 1 })
    assert.ok(await isPending(inBackground))
    assert.deepEqual(await app.subscriptions.audit(), [])
    await inBackground
  } finally {
    performance.now = now
  }
  assert.equal((await app.subscriptions.list())[0]?.audited, 1200)
})

onEveryStore('who was frozen does not report what another has by now; the other one does', async (given) => {
  const { store, show } = hiding(given.store, 3)
  const [atGate, gate] = [moment(), moment()]
  let isFrozen = false
  const work = workInFrontOf(store, {
    async beat(...asked) {
      if (isFrozen) await gate.promise
      return store.work.beat(...asked)
    },
    async commit(works) {
      if (isFrozen) {
        atGate.resolve()
        await gate.promise
      }
      return store.work.commit(works)
    },
  })
  const [frozenSignals, heirSignals] = [recorder(), recorder()]
  const frozen = openFollowed(given, { store: work, handlers: [noting().handler], observer: frozenSignals })
  const heir = openFollowed(given, { store, handlers: [noting().handler], observer: heirSignals })
  await appendDeposits(given.store, 5)
  await frozen.settle()
  show()
  isFrozen = true
  const audit = frozen.subscriptions.audit()
  await atGate.promise
  await heir.start()
  for (let third = 0; third < 9; third++) {
    await given.clock.advance({ milliseconds: 3400 })
    await heir.settle()
  }
  const found = await quietly(() => heir.subscriptions.audit())
  isFrozen = false
  gate.resolve()
  assert.deepEqual([found.map(({ positions }) => positions), await audit], [[[3]], []])
  assert.deepEqual([frozenSignals.of('subscription.hole').length, heirSignals.of('subscription.hole').length], [0, 1])
})

onEveryStore('nothing is found where nothing is wrong: keys, parking, restarts and other divisions', async (given) => {
  const signals = recorder()
  let isFailing = true
  const shared = (partitions: number) => {
    const handle = (amount: number) => {
      if (isFailing && amount % 7 === 0) throw new Error('not now')
    }
    const byAmount = projection('by-amount', {
      events: [MoneyDeposited],
      consistency: 'async',
      partitions,
      key: ({ data }) => [`row-${data.amount % 5}`, `row-${data.amount % 3}`, 'all'],
      initial: () => ({ count: 0 }),
      evolve: { MoneyDeposited: ({ count }) => ({ count: count + 1 }) },
    })
    return { handlers: [onDeposits('shared', handle, { partitions })], projections: [byAmount], observer: signals }
  }
  let first = 1
  for (const partitions of [1, 4, 2, 64, 3]) {
    const app = openFollowed(given, shared(partitions))
    await appendDeposits(given.store, 60, accounts, first)
    first += 60
    await app.settle()
    assert.ok(app.deadLetters.length > 0)
    if (partitions === 2) assert.deepEqual(await app.subscriptions.audit(), [])
    await appendDeposits(given.store, 12, accounts, 1000)
    await app.stop({ keepStore: true })
  }
  isFailing = false
  const last = openFollowed(given, shared(3))
  await last.settle()
  await last.deadLetters.retry({ handler: 'shared' })
  await last.settle()
  assert.deepEqual([await last.subscriptions.audit(), await holesIn(last)], [[], []])
  const head = await given.store.head()
  assert.deepEqual(
    (await last.subscriptions.list()).map(({ audited }) => audited),
    [head, head],
  )
  // Every division has looked at every event, and each was compared: once for each of its parts, or more often after a division.
  const events = signals.of('subscription.audit').reduce((sum, one) => sum + one.events, 0)
  assert.ok(events >= 2 * head, `${events} of ${head}`)
})

onEveryStore('who follows other events than before begins a new proof, and nothing is found', async (given) => {
  const of = (...events: (typeof MoneyDeposited | typeof MoneyWithdrawn)[]) => [eventHandler('changing', { events, handle: () => {} })]
  await appendDeposits(given.store, 5)
  for (const events of [[MoneyDeposited], [MoneyWithdrawn], [MoneyWithdrawn, MoneyDeposited], [MoneyDeposited]]) {
    const app = openFollowed(given, { handlers: of(...events) })
    await app.settle()
    await appendDeposits(given.store, 5)
    await app.settle()
    await app.stop({ keepStore: true })
  }
  const app = openFollowed(given, { handlers: of(MoneyDeposited) })
  await app.settle()
  assert.deepEqual(await app.subscriptions.audit(), [])
})

onEveryStore('with audit: false nothing is proven and nothing found, also by whoever comes after', async (given) => {
  const { store, show } = hiding(given.store, 3)
  const defaults = { subscriptions: { audit: false } } as const
  const without = openFollowed(given, { store, handlers: [noting().handler], defaults })
  await appendDeposits(given.store, 5)
  await without.settle()
  show()
  assert.deepEqual(await without.subscriptions.audit(), [])
  assert.equal((await without.subscriptions.list())[0]?.audited, undefined)
  assert.deepEqual(
    (await given.store.work.parts()).map(({ state }) => JSON.parse(state)),
    [{}],
  )
  await without.stop({ keepStore: true })
  const app = openFollowed(given, { store, handlers: [noting().handler] })
  await appendDeposits(given.store, 5)
  await app.settle()
  assert.deepEqual(await app.subscriptions.audit(), [])
})

onEveryStore('an audit that fails is reported, and made again', async (given: Given) => {
  let isBroken = true
  const store = inFrontOf(given.store, {
    readAll(options) {
      if (isBroken && options?.backwards) throw new Error('the log cannot be read')
      return given.store.readAll(options)
    },
  })
  const signals = recorder()
  const app = openFollowed(given, { store, handlers: [noting().handler], observer: signals })
  await appendDeposits(given.store, 5)
  await app.settle()
  await quietly(() => given.clock.advance({ minutes: 1 }))
  assert.equal(signals.of('subscription.audit').length, 0)
  isBroken = false
  await given.clock.advance({ minutes: 1 })
  assert.deepEqual(
    signals.of('subscription.audit').map(({ events }) => events),
    [5],
  )
})

onEveryStore('beginning elsewhere, pausing, rewinding and giving up on events leave no hole', async (given) => {
  await appendDeposits(given.store, 5)
  const signals = recorder()
  const picky = eventHandler('picky', {
    events: [MoneyDeposited],
    startFrom: { position: 3 },
    partitions: 2,
    onError: () => 'skip',
    handle: ({ data }) => {
      if (data.amount % 2 === 0) throw new Error('not an even one')
    },
  })
  const app = openFollowed(given, { handlers: [picky], observer: signals })
  await app.settle()
  await appendDeposits(given.store, 5, accounts, 6)
  await app.settle()
  await app.subscriptions.pause('picky')
  await appendDeposits(given.store, 5, accounts, 11)
  await app.subscriptions.rewind('picky', { position: 7 })
  await app.subscriptions.resume('picky')
  await app.settle()
  assert.deepEqual(await app.subscriptions.audit(), [])
  // From where it was rewound to, each part has looked at nine events.
  assert.deepEqual(
    signals.of('subscription.audit').map(({ after, to, events }) => [after, to, events]),
    [
      [6, 15, 9],
      [6, 15, 9],
    ],
  )
  await app.subscriptions.rewind('picky', 'beginning')
  await app.settle()
  assert.deepEqual([await app.subscriptions.audit(), await holesIn(app)], [[], []])
})

onEveryStore('a rebuild proves everything anew, beside the view that it replaces', async (given) => {
  const signals = recorder()
  const app = openFollowed(given, { projections: [sums], observer: signals })
  await appendDeposits(given.store, 8, accounts)
  await app.settle()
  await app.subscriptions.rebuild('sums')
  await appendDeposits(given.store, 2, accounts, 9)
  await app.settle()
  assert.deepEqual([await app.subscriptions.audit(), await holesIn(app)], [[], []])
  assert.deepEqual(
    signals.of('subscription.audit').map(({ after, to, events }) => [after, to, events]),
    [[0, 10, 10]],
  )
})
