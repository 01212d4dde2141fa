/** What operators do with subscriptions: pausing, going on, and what is seen of parts that have failed. */
import assert from 'node:assert/strict'
import type { Signal } from '../../../src/core/observer.ts'
import { eventHandler } from '../../../src/index.ts'
import { AccountOpened, transferMoney } from '../../domain/bank.ts'
import { isPending, moment, turns } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { appendDeposits, type Followed, leasesPass, noting, onDeposits, openFollowed, range, sums } from './follow.ts'

const stateOf = async (app: Followed, name: string) => (await app.subscriptions.list()).find((one) => one.name === name)

onEveryStore('a handler that is paused handles nothing, and goes on where it was', async (given) => {
  const [one, other] = [noting('one'), noting('other')]
  const app = openFollowed(given, { handlers: [one.handler, other.handler] })
  await app.start()
  await appendDeposits(given.store, 3)
  await app.settle()
  await app.subscriptions.pause('one')
  await appendDeposits(given.store, 3, ['a'], 4)
  await app.settle()
  assert.deepEqual([one.amounts, other.amounts], [range(1, 3), range(1, 6)])
  const paused = await stateOf(app, 'one')
  assert.deepEqual([paused?.state, paused?.position, paused?.lag.events, paused?.handled], ['paused', 3, 3, 3])
  assert.equal((await stateOf(app, 'other'))?.state, 'waiting')
  await app.subscriptions.resume('one')
  await app.settle()
  assert.deepEqual(one.amounts, range(1, 6))
  const resumed = await stateOf(app, 'one')
  assert.deepEqual([resumed?.state, resumed?.handled], ['waiting', 6])
})

onEveryStore('what is paused is still so after a restart, and before its first start', async (given) => {
  const seen: number[] = []
  const handler = onDeposits('one', (amount) => seen.push(amount))
  const idle = openFollowed(given, { handlers: [handler] })
  await idle.subscriptions.pause('one')
  await appendDeposits(given.store, 2)
  for (const _ of range(1, 2)) {
    const app = openFollowed(given, { handlers: [handler] })
    await app.settle()
    assert.deepEqual([seen, (await stateOf(app, 'one'))?.state], [[], 'paused'])
    await app.stop({ keepStore: true })
  }
  await idle.subscriptions.resume('one')
  await idle.settle()
  assert.deepEqual(seen, [1, 2])
})

onEveryStore('another app pauses and resumes what this one works on, which follows at its next look', async (given) => {
  const { amounts, handler } = noting()
  const worker = openFollowed(given, { handlers: [handler] })
  const front = openFollowed(given, { handlers: [handler] })
  await worker.start()
  await front.subscriptions.pause('noting')
  await leasesPass(given, [worker], 1)
  await appendDeposits(given.store, 2)
  await worker.settle()
  assert.deepEqual([amounts, (await stateOf(front, 'noting'))?.state, (await stateOf(worker, 'noting'))?.state], [[], 'paused', 'paused'])
  await front.subscriptions.resume('noting')
  await leasesPass(given, [worker], 1)
  assert.deepEqual(amounts, [1, 2])
})

onEveryStore('who takes a paused part over leaves it alone, however many parts there are', async (given) => {
  const seen: number[] = []
  const make = (partitions: number) => openFollowed(given, { handlers: [onDeposits('one', (amount) => seen.push(amount), { partitions })] })
  const first = make(3)
  await first.start()
  await first.subscriptions.pause('one')
  await first.stop({ keepStore: true })
  await appendDeposits(given.store, 5, ['a', 'b', 'c'])
  const second = make(2)
  await second.settle()
  assert.deepEqual([seen, (await given.store.work.parts('handler:one')).length], [[], 2])
  await second.subscriptions.resume('one')
  await second.settle()
  assert.deepEqual(seen.sort(), range(1, 5))
})

onEveryStore('pausing resolves when what is being handled has ended, and what it has done counts', async (given) => {
  const [begun, opened] = [moment(), moment()]
  const seen: number[] = []
  const slow = onDeposits('slow', async (amount) => {
    begun.resolve()
    await opened.promise
    seen.push(amount)
  })
  const app = openFollowed(given, { handlers: [slow] })
  await app.start()
  await appendDeposits(given.store, 3)
  await begun.promise
  const pausing = app.subscriptions.pause('slow')
  assert.equal(await isPending(pausing), true)
  opened.resolve()
  await pausing
  const done = seen.length
  assert.deepEqual([(await stateOf(app, 'slow'))?.position, (await stateOf(app, 'slow'))?.handled], [done, done])
  await app.subscriptions.resume('slow')
  await app.settle()
  assert.deepEqual(seen, [1, 2, 3])
})

onEveryStore(
  'a handler that heeds the signal is cut short by a pause, which is no failure, and is given the event again',
  async (given) => {
    const begun = moment()
    const attempts: number[] = []
    const slow = onDeposits('slow', async (_, __, { attempt, signal }) => {
      attempts.push(attempt)
      begun.resolve()
      if (attempts.length === 1) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut short'))))
    })
    const app = openFollowed(given, { handlers: [slow] })
    await app.start()
    await appendDeposits(given.store, 1)
    await begun.promise
    await app.subscriptions.pause('slow')
    const paused = await stateOf(app, 'slow')
    assert.deepEqual([paused?.position, paused?.parked], [0, { retrying: 0, dead: 0 }])
    await app.subscriptions.resume('slow')
    await app.settle()
    assert.deepEqual([attempts, (await stateOf(app, 'slow'))?.position], [[1, 1], 1])
  },
)

onEveryStore('pausing a handler that does not end says so in time, and it is paused as soon as it has ended', async (given) => {
  const [begun, opened] = [moment(), moment()]
  const hanging = onDeposits('hanging', async () => {
    begun.resolve()
    await opened.promise
  })
  const app = openFollowed(given, { handlers: [hanging], defaults: { subscriptions: { stopWithin: { milliseconds: 50 } } } })
  await app.start()
  await appendDeposits(given.store, 1)
  await begun.promise
  let isOver = false
  const pausing = assert.rejects(app.subscriptions.pause('hanging'), { code: 'ES_TIMED_OUT' }).finally(() => {
    isOver = true
  })
  for (; !isOver; await turns()) await given.clock.advance({ milliseconds: 10 })
  await pausing
  opened.resolve()
  await app.settle()
  await appendDeposits(given.store, 1, ['b'], 2)
  await app.settle()
  const one = await stateOf(app, 'hanging')
  assert.deepEqual([one?.state, one?.position, one?.handled], ['paused', 1, 1])
})

onEveryStore('a handler pauses itself, and is given nothing after that event', async (given) => {
  const seen: number[] = []
  const fuse = onDeposits('fuse', async (amount) => {
    seen.push(amount)
    if (amount === 2) await app.subscriptions.pause('fuse')
  })
  const app: Followed = openFollowed(given, { handlers: [fuse] })
  await app.start()
  await appendDeposits(given.store, 2)
  await app.settle()
  await appendDeposits(given.store, 2, ['a'], 3)
  await app.settle()
  assert.deepEqual([seen, (await stateOf(app, 'fuse'))?.position], [[1, 2], 2])
  await app.subscriptions.resume('fuse')
  await app.settle()
  assert.deepEqual(seen, [1, 2, 3, 4])
})

onEveryStore('a name that nobody has, or several have, is refused with what could be meant', async (given) => {
  const opened = eventHandler('sums', { events: [AccountOpened], handle: () => {} })
  const app = openFollowed(given, { handlers: [noting().handler, opened], projections: [sums] })
  const { pause, resume, rewind } = app.subscriptions
  await assert.rejects(pause('notin'), { code: 'ES_UNKNOWN_SUBSCRIPTION', message: /did you mean noting\?/ })
  await assert.rejects(resume('something else entirely'), { code: 'ES_UNKNOWN_SUBSCRIPTION', message: /this app has sums, noting, sums/ })
  await assert.rejects(rewind('', 'beginning'), { code: 'ES_UNKNOWN_SUBSCRIPTION' })
  await assert.rejects(pause('sums'), { code: 'ES_UNKNOWN_SUBSCRIPTION', message: /"projection:sums" or "handler:sums"/ })
  await pause('handler:sums')
  assert.deepEqual(
    (await app.subscriptions.list()).map(({ kind, name, state }) => [kind, name, state]),
    [
      ['projection', 'sums', 'idle'],
      ['handler', 'noting', 'idle'],
      ['handler', 'sums', 'paused'],
    ],
  )
})

onEveryStore('projections and processes are paused and go on like handlers, and each event counts once', async (given) => {
  const app = openFollowed(given, { projections: [sums], processes: [transferMoney] })
  await app.start()
  await appendDeposits(given.store, 2)
  await app.settle()
  for (const name of ['sums', 'transfer-money']) await app.subscriptions.pause(name)
  await appendDeposits(given.store, 2, ['a'], 3)
  await app.settle()
  assert.deepEqual(await app.view(sums as never).get('a'), { sum: 3, count: 2 })
  for (const name of ['sums', 'transfer-money']) await app.subscriptions.resume(name)
  await app.settle()
  assert.deepEqual(await app.view(sums as never).get('a'), { sum: 10, count: 4 })
  assert.deepEqual(
    (await app.subscriptions.list()).map(({ state, position }) => [state, position]),
    [
      ['waiting', 4],
      ['waiting', 4],
    ],
  )
})

/** A handler that gives up as a whole on the amount of 2, until it is mended. */
function givingUp() {
  const seen: number[] = []
  const state = { isMended: false }
  const handler = onDeposits(
    'strict',
    (amount) => {
      if (amount === 2 && !state.isMended) throw new Error('not 2')
      seen.push(amount)
    },
    { retry: { attempts: 1, whenExhausted: 'stop' } },
  )
  return { handler, seen, state }
}

onEveryStore('a part that has failed is seen from everywhere, and begins again when somebody resumes it', async (given) => {
  const { handler, seen, state } = givingUp()
  const worker = openFollowed(given, { handlers: [handler] })
  const front = openFollowed(given, { handlers: [handler] })
  await worker.start()
  await appendDeposits(given.store, 3)
  await worker.settle()
  for (const app of [worker, front]) {
    const failed = await stateOf(app, 'strict')
    assert.deepEqual([failed?.state, failed?.position], ['failed', 1])
    assert.match(failed?.error?.message ?? '', /gave up after 1 attempts: not 2/)
  }
  await worker.subscriptions.resume('strict')
  await worker.settle()
  assert.deepEqual([(await stateOf(front, 'strict'))?.state, seen], ['failed', [1]])
  state.isMended = true
  await front.subscriptions.resume('strict')
  assert.equal((await stateOf(front, 'strict'))?.state, 'failed')
  await leasesPass(given, [worker], 1)
  assert.deepEqual(seen, [1, 2, 3])
  assert.deepEqual([(await stateOf(front, 'strict'))?.state, (await stateOf(front, 'strict'))?.error], ['elsewhere', undefined])
  assert.equal((await stateOf(worker, 'strict'))?.state, 'waiting')
})

onEveryStore('a part that has failed stays with its process, and begins again with whoever has it next', async (given) => {
  const { handler, seen, state } = givingUp()
  const first = openFollowed(given, { handlers: [handler] })
  const second = openFollowed(given, { handlers: [handler] })
  await first.start()
  await appendDeposits(given.store, 3)
  await first.settle()
  await second.start()
  const [held] = await given.store.work.parts('handler:strict')
  await leasesPass(given, [first, second])
  const [still] = await given.store.work.parts('handler:strict')
  assert.deepEqual([still?.owner, still?.epoch, seen], [held?.owner, held?.epoch, [1]])
  state.isMended = true
  await first.stop({ keepStore: true })
  await leasesPass(given, [second], 1)
  assert.deepEqual([seen, (await stateOf(second, 'strict'))?.state], [[1, 2, 3], 'waiting'])
  assert.deepEqual(await given.store.work.records({ kind: 'control', status: 'failed' }), [])
})

onEveryStore('a subscription that is further than the log is refused, signalled, and goes on when it is rewound', async (given) => {
  const signals: Signal[] = []
  const { amounts, handler } = noting()
  const make = () => openFollowed(given, { handlers: [handler], observer: (signal) => void signals.push(signal) })
  await appendDeposits(given.store, 3)
  const first = make()
  await first.settle()
  await first.stop({ keepStore: true })
  // As after a restore of a backup in which the log is older.
  const held = await given.store.work.acquire('somebody', await given.store.work.parts('handler:noting'))
  await given.store.work.commit([{ steps: held.map(({ subscription, part, epoch }) => ({ subscription, part, epoch, position: 10 })) }])
  await given.store.work.release(held)
  const app = make()
  await app.settle()
  const refused = await stateOf(app, 'noting')
  assert.deepEqual([refused?.state, refused?.error?.code], ['failed', 'ES_CHECKPOINT_AHEAD'])
  assert.match(refused?.error?.message ?? '', /position 10, but the log ends at 3/)
  assert.equal(signals.filter(({ signal }) => signal === 'subscription.failed').length, 1)
  await app.subscriptions.resume('noting')
  await app.settle()
  assert.equal((await stateOf(app, 'noting'))?.state, 'failed')
  await app.subscriptions.rewind('noting', { position: 4 })
  await appendDeposits(given.store, 2, ['a'], 4)
  await app.settle()
  assert.deepEqual([amounts, (await stateOf(app, 'noting'))?.state], [range(1, 5), 'waiting'])
})

onEveryStore('statistics tell how old the oldest event is that was not handled, and how many are handled a second', async (given) => {
  const { handler } = noting()
  const app = openFollowed(given, { handlers: [handler] })
  await app.start()
  await app.subscriptions.pause('noting')
  assert.deepEqual((await stateOf(app, 'noting'))?.lag, { events: 0, ms: 0 })
  await appendDeposits(given.store, 3)
  await given.clock.advance({ seconds: 7 })
  await appendDeposits(given.store, 27, ['b'], 4)
  const before = await stateOf(app, 'noting')
  assert.deepEqual([before?.lag, before?.rate, before?.head, before?.start], [{ events: 30, ms: 7000 }, 0, 30, 1])
  await app.subscriptions.resume('noting')
  await app.settle()
  await given.clock.advance({ seconds: 3 })
  const now = await stateOf(app, 'noting')
  assert.deepEqual([now?.lag, now?.rate, now?.position], [{ events: 0, ms: 0 }, 3, 30])
  await given.clock.advance({ seconds: 20 })
  assert.equal((await stateOf(app, 'noting'))?.rate, 0)
})

onEveryStore('events that do not concern it make no subscription late', async (given) => {
  const opened = eventHandler('opened', { events: [AccountOpened], handle: () => {} })
  const app = openFollowed(given, { handlers: [opened] })
  await app.start()
  await app.subscriptions.pause('opened')
  await appendDeposits(given.store, 3)
  await given.clock.advance({ seconds: 7 })
  assert.deepEqual((await stateOf(app, 'opened'))?.lag, { events: 3, ms: 0 })
})

onEveryStore('pausing, going on and rewinding are signalled for each part, where they take effect', async (given) => {
  const told: string[] = []
  const observer = (signal: Signal) => {
    if (signal.signal === 'subscription.rewind') told.push(`rewind ${signal.part} ${signal.from} ${signal.to}`)
    else if (/^subscription\.(pause|resume)$/.test(signal.signal))
      told.push(`${signal.signal.slice(13)} ${(signal as { part: string }).part}`)
  }
  const { handler } = noting('noting', { partitions: 2 })
  const app = openFollowed(given, { handlers: [handler], observer })
  await app.start()
  await appendDeposits(given.store, 4, ['a', 'b', 'c', 'd'])
  await app.settle()
  await app.subscriptions.pause('noting')
  await app.subscriptions.pause('noting')
  await app.subscriptions.rewind('noting', { position: 2 })
  await app.subscriptions.resume('noting')
  await app.subscriptions.resume('noting')
  assert.deepEqual(told.toSorted(), ['pause 0/2', 'pause 1/2', 'resume 0/2', 'resume 1/2', 'rewind 0/2 4 1', 'rewind 1/2 4 1'])
})
