/** Where a subscription begins that was never there before. */
import assert from 'node:assert/strict'
import { mapModel } from '../../../examples/read-model/map-model.ts'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import type { ReadModel } from '../../../src/core/read-model.ts'
import type { StartFrom } from '../../../src/core/start-from.ts'
import { processManager, projection } from '../../../src/index.ts'
import { MoneyDeposited, withdraw } from '../../domain/bank.ts'
import { inFrontOf } from '../in-front-of.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { recorder } from '../open-bank.ts'
import { quietly } from '../quietly.ts'
import { appendDeposits, noting, openFollowed, range, workInFrontOf } from './follow.ts'

const start = new Date('2030-01-01T00:00:00Z')
const after = (seconds: number) => new Date(start.getTime() + seconds * 1000)

/** Deposits of 1 to 9, one every ten seconds; the first at once. */
async function everyTenSeconds({ store, clock }: Given): Promise<void> {
  for (const n of range(1, 9)) {
    await appendDeposits(store, 1, ['a'], n)
    await clock.advance({ seconds: 10 })
  }
}

const places: readonly (readonly [sentence: string, startFrom: StartFrom | undefined, first: number])[] = [
  ['nowhere in particular', undefined, 1],
  ['the beginning', 'beginning', 1],
  ['now', 'now', 10],
  ['the first position', { position: 1 }, 1],
  ['a position', { position: 4 }, 4],
  ['the position that comes next', { position: 10 }, 10],
  ['a position that has not come yet', { position: 1000 }, 10],
  ['the time of an event', { at: after(40) }, 5],
  ['a time between two events', { at: after(41) }, 6],
  ['a time before all of them', { at: after(-1000) }, 1],
  ['a time that has not come yet', { at: after(1000) }, 10],
]

for (const [sentence, startFrom, first] of places) {
  onEveryStore(`a handler that is to start from ${sentence} is given ${first} first, and everything from there on`, async (given) => {
    await everyTenSeconds(given)
    const { amounts, handler } = noting('noting', startFrom === undefined ? {} : { startFrom })
    const app = openFollowed(given, { handlers: [handler] })
    await app.start()
    await appendDeposits(given.store, 2, ['b'], 10)
    await app.settle()
    assert.deepEqual(amounts, range(first, 11))
    assert.equal((await app.subscriptions.list())[0]?.start, first)
  })
}

onEveryStore('a view that is kept elsewhere begins where it is to begin, also when it is made again', async (given) => {
  await appendDeposits(given.store, 5)
  let model = mapModel()
  const signals = recorder()
  const readModel: ReadModel = {
    get: (...name) => model.get(...name),
    write: (...batch) => model.write(...batch),
    checkpoints: (...name) => model.checkpoints(...name),
  }
  const since = projection('since', {
    events: [MoneyDeposited],
    consistency: 'async',
    startFrom: { position: 4 },
    readModel,
    key: () => 'all',
    initial: () => ({ amounts: [] as readonly number[] }),
    evolve: { MoneyDeposited: (row, { data }) => ({ amounts: [...row.amounts, data.amount] }) },
  })
  const open = () => openFollowed(given, { projections: [since], observer: signals })
  const seen = async (app: ReturnType<typeof open>) => {
    await app.settle()
    return [await app.view(since as never).get('all'), (await app.subscriptions.list())[0]?.start]
  }
  const first = open()
  assert.deepEqual(await seen(first), [{ amounts: [4, 5] }, 4])
  assert.deepEqual(signals.of('read-model.behind'), [])
  await first.stop({ keepStore: true })
  model = mapModel()
  assert.deepEqual(await seen(open()), [{ amounts: [4, 5] }, 4])
  assert.deepEqual(
    signals.of('read-model.behind').map(({ position, checkpoint }) => [position, checkpoint]),
    [[5, 3]],
  )
})

onEveryStore('what is appended after a start is new to whoever begins now, also when the first look has failed', async (given) => {
  let isFailing = true
  const store = workInFrontOf(given.store, {
    async divide(...division) {
      if (isFailing) throw new StoreUnavailableError('test', 'It was away for a moment.')
      return given.store.work.divide(...division)
    },
  })
  await appendDeposits(given.store, 2)
  const { amounts, handler } = noting('noting', { startFrom: 'now' })
  const app = openFollowed(given, { store, handlers: [handler] })
  await quietly(() => app.start())
  isFailing = false
  await appendDeposits(given.store, 2, ['a'], 3)
  await given.clock.advance({ milliseconds: 3400 })
  await app.settle()
  assert.deepEqual(amounts, [3, 4])
})

onEveryStore('a handler that was there before goes on where it was, whatever it is to start from by now', async (given) => {
  await appendDeposits(given.store, 3)
  const seen: number[] = []
  for (const [startFrom, from] of [[{ position: 2 }, 4] as const, ['beginning', 5] as const, ['now', 6] as const]) {
    const { amounts, handler } = noting('noting', { startFrom })
    const app = openFollowed(given, { handlers: [handler] })
    await app.settle()
    await appendDeposits(given.store, 1, ['a'], from)
    await app.settle()
    await app.stop({ keepStore: true })
    seen.push(...amounts)
  }
  assert.deepEqual(seen, [2, 3, 4, 5, 6])
})

onEveryStore('two apps that begin at the same time begin at one place, with as many parts as there are', async (given) => {
  await appendDeposits(given.store, 5)
  const seen: number[] = []
  const make = () => {
    const { amounts, handler } = noting('noting', { startFrom: { position: 3 }, partitions: 4 })
    return { amounts, app: openFollowed(given, { handlers: [handler] }) }
  }
  const both = [make(), make()]
  await Promise.all(both.map(({ app }) => app.start()))
  for (const { app } of both) await app.settle()
  for (const { amounts } of both) seen.push(...amounts)
  assert.deepEqual(seen, [3, 4, 5])
  const parts = await given.store.work.parts('handler:noting')
  assert.deepEqual(
    parts.map(({ state }) => JSON.parse(state).start),
    range(1, 4).map(() => 2),
  )
})

onEveryStore('a process manager and a projection begin where they are told, and know nothing of what was before', async (given) => {
  await appendDeposits(given.store, 5)
  const witness = processManager('witness', {
    events: [MoneyDeposited],
    commands: [withdraw],
    correlate: ({ data }) => `${data.amount}`,
    initial: () => ({}),
    evolve: {},
    on: {},
    startFrom: { position: 4 },
  })
  const totals = projection('totals', {
    events: [MoneyDeposited],
    consistency: 'async',
    key: () => 'all',
    initial: () => ({ sum: 0 }),
    evolve: { MoneyDeposited: ({ sum }, { data }) => ({ sum: sum + data.amount }) },
    startFrom: { position: 3 },
  })
  const app = openFollowed(given, { processes: [witness], projections: [totals] })
  await app.settle()
  const instances = await given.store.work.records({ kind: 'process', owner: 'process:witness' })
  assert.deepEqual([instances.map(({ key }) => key), await app.view(totals as never).get('all')], [['4', '5'], { sum: 12 }])
})

onEveryStore('a time is found by a few looks at the log, however long it is', async (given) => {
  await appendDeposits(given.store, 1500)
  await given.clock.advance({ hours: 1 })
  await appendDeposits(given.store, 1500, ['a'], 1501)
  let reads = 0
  const store = inFrontOf(given.store, {
    readAll: (options) => {
      if (options?.limit === 1) reads++
      return given.store.readAll(options)
    },
  })
  const { amounts, handler } = noting('noting', { startFrom: { at: after(1800) } })
  const app = openFollowed(given, { store, handlers: [handler] })
  await app.settle()
  assert.deepEqual([amounts.length, amounts[0]], [1500, 1501])
  assert.ok(reads > 0 && reads <= 12, `${reads} reads for 3,000 events`)
})
