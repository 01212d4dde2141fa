/** Handlers that are given many events together: in order, split where one of them fails, and at least once. */
import assert from 'node:assert/strict'
import type { Signal } from '../../../src/core/observer.ts'
import type { RecordedEvent } from '../../../src/core/recorded-event.ts'
import { type EventHandler, eventHandler } from '../../../src/index.ts'
import { MoneyDeposited, openAccount } from '../../domain/bank.ts'
import { moment } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { appendDeposits, openFollowed, openWithDeposits, payIn, range } from './follow.ts'

type Deposit = RecordedEvent<{ readonly type: 'MoneyDeposited'; readonly data: { readonly amount: number } }>

/** A handler of batches that says no to some amounts; what it was given, and what of it has gone well. */
function batching(more: { readonly maxBatch?: number; readonly partitions?: number } = {}) {
  const dislikes = new Set<number>()
  const [given, done]: [Deposit[][], Deposit[]] = [[], []]
  const handler = eventHandler('batching', {
    events: [MoneyDeposited],
    retry: { attempts: 3 },
    ...more,
    handleBatch: async (events) => {
      given.push([...events])
      const bad = events.find(({ data }) => dislikes.has(data.amount))
      if (bad) throw new Error(`not ${bad.data.amount}`)
      done.push(...events)
    },
  })
  return { handler, dislikes, given, done }
}

const amountsOf = (events: readonly Deposit[]): readonly number[] => events.map(({ data }) => data.amount)
const ascending = (numbers: readonly number[]): readonly number[] => numbers.toSorted((left, right) => left - right)

onEveryStore('a batch has events of any streams, in the order of the log, and 100 of them at most', async (given) => {
  const { handler, given: batches, done } = batching()
  const app = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 250, ['a', 'b', 'c'])
  await app.settle()
  assert.ok(batches.some((events) => new Set(events.map(({ stream }) => stream)).size > 1))
  assert.equal(Math.max(...batches.map(({ length }) => length)), 100)
  assert.deepEqual(
    done.map(({ position }) => position),
    range(1, 250),
  )
})

onEveryStore('a batch is as large as the handler says', async (given) => {
  const { handler, given: batches } = batching({ maxBatch: 7 })
  const app = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 21)
  await app.settle()
  assert.deepEqual(batches.map(amountsOf), [range(1, 7), range(8, 14), range(15, 21)])
})

onEveryStore('a batch that fails is split in halves down to the event that fails alone; all the others are handled', async (given) => {
  const { handler, dislikes, given: batches, done } = batching()
  dislikes.add(37)
  const app = openFollowed(given, { handlers: [handler] })
  await appendDeposits(
    given.store,
    64,
    range(1, 64).map((n) => `n${n}`),
  )
  await app.settle()
  const failed = batches.filter((events) => amountsOf(events).includes(37)).map(({ length }) => length)
  assert.deepEqual(
    failed,
    failed.toSorted((left, right) => right - left),
  )
  assert.deepEqual([failed[0], failed.at(-3), failed.at(-2), failed.at(-1)], [64, 1, 1, 1])
  assert.deepEqual(
    ascending(amountsOf(done)),
    range(1, 64).filter((n) => n !== 37),
  )
  assert.deepEqual(
    app.deadLetters.map(({ key, attempts, error }) => [key, attempts, error.message]),
    [['account-n37', 3, 'not 37']],
  )
})

onEveryStore('no event of a key that waits is in a batch, and the order of the key is kept afterwards', async (given) => {
  const { handler, dislikes, given: batches, done } = batching()
  dislikes.add(2)
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await openWithDeposits(app, 'b', 4, 5)
  await app.settle()
  await payIn(app, 'a', 6)
  await payIn(app, 'b', 7)
  await app.settle()
  assert.deepEqual([ascending(amountsOf(done)), app.deadLetters[0]?.waiting], [[1, 4, 5, 7], 2])
  const after = batches.findIndex((events) => events.length === 1 && events[0]?.data.amount === 2)
  assert.ok(batches.slice(after).every((events) => !amountsOf(events).some((amount) => amount === 3 || amount === 6)))
  dislikes.clear()
  await app.deadLetters.retry({})
  await app.settle()
  const ofA = done.filter(({ stream }) => stream === 'account-a')
  assert.deepEqual(amountsOf(ofA), [1, 2, 3, 6])
})

onEveryStore('events of a stream are in one part, whose batches are in order', async (given) => {
  const { handler, done } = batching({ partitions: 4, maxBatch: 10 })
  const app = openFollowed(given, { handlers: [handler] })
  const accounts = range(1, 12).map((n) => `n${n}`)
  await appendDeposits(given.store, 240, accounts)
  await app.settle()
  assert.equal(done.length, 240)
  for (const account of accounts) {
    const versions = done.filter(({ stream }) => stream === `account-${account}`).map(({ version }) => version)
    assert.deepEqual(versions, range(1, 20))
  }
})

onEveryStore('every event of a batch is told to begin and to end, with the size of the batch', async (given) => {
  const { handler, dislikes } = batching()
  dislikes.add(3)
  const told: Signal[] = []
  const app = openFollowed(given, { handlers: [handler], observer: (signal: Signal) => void told.push(signal) })
  await appendDeposits(
    given.store,
    4,
    range(1, 4).map((n) => `n${n}`),
  )
  await app.settle()
  const handlings = told.flatMap((one) =>
    'batch' in one ? [`${one.signal.replace('handler.event.', '')} ${one.position} of ${one.batch}, ${one.attempt}`] : [],
  )
  assert.deepEqual(handlings.slice(0, 8), [
    'start 1 of 4, 1',
    'start 2 of 4, 1',
    'start 3 of 4, 1',
    'start 4 of 4, 1',
    'exception 1 of 4, 1',
    'exception 2 of 4, 1',
    'exception 3 of 4, 1',
    'exception 4 of 4, 1',
  ])
  assert.deepEqual(
    handlings.filter((one) => one.includes(' 3 of 1,')),
    [1, 2, 3].flatMap((attempt) => [`start 3 of 1, ${attempt}`, `exception 3 of 1, ${attempt}`]),
  )
  for (const position of [1, 2, 4]) {
    const ends = handlings.filter((one) => one.startsWith(`stop ${position} `))
    assert.equal(ends.length, 1)
  }
  const starts = handlings.filter((one) => one.startsWith('start'))
  assert.equal(handlings.length, starts.length * 2)
})

onEveryStore('a command executed for an event of a batch has that event as its cause', async (given) => {
  const handler = eventHandler('opener', {
    events: [MoneyDeposited],
    handleBatch: async (events, { execute }) => {
      for (const because of events) {
        const open = openAccount({ accountId: `of-${because.data.amount}`, owner: 'ann' })
        await execute(open, { actor: ann, idempotencyKey: because.id, because })
      }
    },
  })
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2)
  await app.settle()
  const paid = []
  for await (const event of app.events({ types: ['MoneyDeposited'] })) paid.push(event)
  for (const { id, data, metadata } of paid as Deposit[]) {
    const [opened] = await Array.fromAsync(app.events({ stream: `account-of-${data.amount}` }))
    assert.deepEqual([opened?.metadata.causationId, opened?.metadata.correlationId], [id, metadata.correlationId])
  }
  assert.equal(paid.length, 2)
})

onEveryStore('a batch that is cut short because the app stops has not failed, and is given again', async (given) => {
  const begun = moment()
  const seen: (readonly [readonly number[], number])[] = []
  const make = (isPatient: boolean): EventHandler =>
    eventHandler('slow', {
      events: [MoneyDeposited],
      retry: { attempts: 1 },
      handleBatch: async (events, { attempt, signal }) => {
        seen.push([amountsOf(events), attempt])
        if (isPatient) return
        begun.resolve()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('no time left'))))
      },
    })
  const first = openFollowed(given, { handlers: [make(false)] })
  await openWithDeposits(first, 'a', 1, 2)
  await first.start()
  await begun.promise
  await first.stop({ keepStore: true })
  const second = openFollowed(given, { handlers: [make(true)] })
  await second.settle()
  assert.deepEqual([seen.at(-1), second.deadLetters.length], [[[1, 2], 1], 0])
  assert.deepEqual(seen[0], [[1, 2], 1])
})
