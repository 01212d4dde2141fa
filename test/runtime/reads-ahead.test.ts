/** Live readers with a buffer: what becomes of events when the reader cannot keep up, and how much is in memory meanwhile. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../src/core/event-store.ts'
import { makeEventBuffer } from '../../src/runtime/read/event-buffer.ts'
import { inFrontOf, turns } from './in-front-of.ts'
import { type Given, onEveryStore, onStore } from './on-every-store.ts'
import { openBank, recorder } from './open-bank.ts'
import { appendDeposits, range } from './subscriptions/follow.ts'

/** Waits as long as it takes; a test that waits in vain is ended by its runner. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turns(1)
}

/** A store that counts the events that it has handed out. */
function counting(store: EventStore) {
  const state = { handedOut: 0 }
  const counted = inFrontOf(store, {
    async *readAll(options) {
      for await (const page of store.readAll(options)) {
        state.handedOut += page.events.length
        yield page
      }
    },
  })
  return { store: counted, state }
}

const positionsOf = async (reader: AsyncIterator<{ readonly position: number }>, count: number) => {
  const found: number[] = []
  while (found.length < count) {
    const { done, value } = await reader.next()
    if (done) break
    found.push(value.position)
  }
  return found
}

/** A reader of the bank that has read the three events which were there, and has asked for no more. */
async function openReader(given: Given, overflow: 'block' | 'drop-oldest' | 'drop-newest' | 'error', limit = 5) {
  const signals = recorder()
  const { store, state } = counting(given.store)
  const bank = openBank(given, { store, observer: signals })
  const told: (number | { readonly events: number; readonly after: number; readonly to: number })[] = []
  await appendDeposits(given.store, 3)
  const events = bank.events({ live: true, buffer: { limit, overflow, dropped: (gap) => void told.push(gap) } })
  const reader = events[Symbol.asyncIterator]()
  assert.deepEqual(await positionsOf(reader, 3), [1, 2, 3])
  const droppedEvents = () => signals.of('events.overflow').reduce((sum, one) => sum + one.events, 0)
  return { bank, reader, told, signals, state, droppedEvents }
}

onEveryStore('block: what does not fit waits in the store, and nothing is missing', async (given) => {
  const { reader, state, signals, told } = await openReader(given, 'block')
  await appendDeposits(given.store, 100, ['a'], 4)
  await until(() => state.handedOut >= 3 + 5)
  await turns(50)
  const most = 3 + 5 + 5
  assert.ok(state.handedOut <= most, `${state.handedOut} were read for a reader that has not asked for any`)
  for (const position of range(4, 103)) {
    assert.deepEqual(await positionsOf(reader, 1), [position])
    assert.ok(state.handedOut - position <= 10, `${state.handedOut} were read, ${position} were asked for`)
  }
  assert.deepEqual([signals.of('events.overflow'), told], [[], []])
  await reader.return?.()
})

onEveryStore('drop-oldest: the newest are kept, and the gap is told before the event that comes after it', async (given) => {
  const { bank, reader, told, signals, droppedEvents } = await openReader(given, 'drop-oldest')
  await appendDeposits(given.store, 20, ['a'], 4)
  await until(() => droppedEvents() === 15)
  assert.deepEqual(told, [])
  const gap = { events: 15, after: 3, to: 18 }
  assert.deepEqual([await positionsOf(reader, 1), told], [[19], [gap]])
  assert.deepEqual(await positionsOf(reader, 4), [20, 21, 22, 23])
  assert.deepEqual([signals.of('events.overflow')[0]?.overflow, signals.of('events.overflow').at(-1)?.to], ['drop-oldest', 18])
  const again: number[] = []
  for await (const { position } of bank.events({ after: gap.after, to: gap.to })) again.push(position)
  assert.deepEqual(again, range(4, 18))
  await appendDeposits(given.store, 2, ['a'], 24)
  assert.deepEqual([await positionsOf(reader, 2), told], [[24, 25], [gap]])
  await reader.return?.()
})

onEveryStore('drop-newest: the oldest are kept, and the gap comes behind them', async (given) => {
  const { reader, told, droppedEvents } = await openReader(given, 'drop-newest')
  await appendDeposits(given.store, 20, ['a'], 4)
  await until(() => droppedEvents() === 15)
  assert.deepEqual([await positionsOf(reader, 5), told], [range(4, 8), []])
  await appendDeposits(given.store, 2, ['a'], 24)
  assert.deepEqual([await positionsOf(reader, 1), told], [[24], [{ events: 15, after: 8, to: 23 }]])
  assert.deepEqual([await positionsOf(reader, 1), told.length], [[25], 1])
  await reader.return?.()
})

onEveryStore('error: what is in the buffer is handed out, then it ends, and tells where to go on', async (given) => {
  const { bank, reader, signals, state } = await openReader(given, 'error')
  await appendDeposits(given.store, 20, ['a'], 4)
  await until(() => signals.of('events.overflow').length > 0)
  assert.deepEqual(signals.of('events.overflow'), [
    { signal: 'events.overflow', tenant: '', overflow: 'error', events: 0, after: 8, to: 8 },
  ])
  assert.deepEqual(await positionsOf(reader, 5), range(4, 8))
  await assert.rejects(reader.next(), { code: 'ES_OVERFLOW', after: 8 })
  assert.deepEqual(await reader.next(), { done: true, value: undefined })
  assert.ok(state.handedOut <= 3 + 5 + 5)
  const rest: number[] = []
  for await (const { position } of bank.events({ after: 8 })) rest.push(position)
  assert.deepEqual(rest, range(9, 23))
})

for (const overflow of ['drop-oldest', 'drop-newest', 'error'] as const) {
  onEveryStore(`${overflow}: what was in the log when the reading began is never dropped`, async (given) => {
    const { store, state } = counting(given.store)
    const bank = openBank(given, { store })
    await appendDeposits(given.store, 60)
    const reader = bank.events({ live: true, buffer: { limit: 4, overflow } })[Symbol.asyncIterator]()
    const found: number[] = []
    while (found.length < 60) {
      found.push(...(await positionsOf(reader, 1)))
      await turns(3)
      assert.ok(state.handedOut - found.length <= 8, `${state.handedOut} were read, ${found.length} were asked for`)
    }
    assert.deepEqual(found, range(1, 60))
    await reader.return?.()
  })

  onEveryStore(`${overflow}: a reader that does its work at once misses nothing, however many come together`, async (given) => {
    const bank = openBank(given)
    const found: number[] = []
    const reading = (async () => {
      for await (const { position } of bank.events({ live: true, limit: 600, buffer: { limit: 10, overflow } })) found.push(position)
    })()
    for (let first = 1; first <= 600; first += 200) await appendDeposits(given.store, 200, ['a'], first)
    await reading
    assert.deepEqual(found, range(1, 600))
  })
}

onEveryStore('of one stream, places are versions', async (given) => {
  const signals = recorder()
  const bank = openBank(given, { observer: signals })
  await appendDeposits(given.store, 4, ['b', 'a'])
  const gaps: unknown[] = []
  const buffer = { limit: 2, overflow: 'drop-oldest', dropped: (gap: unknown) => void gaps.push(gap) } as const
  const reader = bank.events({ stream: 'account-a', live: true, buffer })[Symbol.asyncIterator]()
  await positionsOf(reader, 2)
  await appendDeposits(given.store, 6, ['a'], 5)
  await until(() => signals.of('events.overflow').reduce((sum, one) => sum + one.events, 0) === 4)
  const { value } = await reader.next()
  assert.deepEqual([value.version, gaps], [7, [{ events: 4, after: 2, to: 6 }]])
  await reader.return?.()
})

onEveryStore('the reading ends with the loop, with the signal, with the app, and with a callback that throws', async (given) => {
  const bank = openBank(given)
  await appendDeposits(given.store, 3)
  const buffer = { limit: 2, overflow: 'block' } as const
  for await (const { position } of bank.events({ live: true, buffer })) if (position === 2) break
  const abort = new AbortController()
  const found: number[] = []
  for await (const { position } of bank.events({ live: true, buffer, signal: abort.signal })) {
    found.push(position)
    if (position === 2) abort.abort()
  }
  assert.deepEqual(found, [1, 2])

  const signals = recorder()
  const other = openBank(given, { observer: signals })
  const dropped = () => {
    throw new Error('no gaps, please')
  }
  const reader = other.events({ live: true, after: 2, buffer: { limit: 1, overflow: 'drop-newest', dropped } })[Symbol.asyncIterator]()
  await positionsOf(reader, 1)
  await appendDeposits(given.store, 3, ['a'], 4)
  await until(() => signals.of('events.overflow').reduce((sum, one) => sum + one.events, 0) === 2)
  await positionsOf(reader, 1)
  await appendDeposits(given.store, 1, ['a'], 7)
  await assert.rejects(reader.next(), /no gaps, please/)

  const last = bank.events({ live: true, after: 6, buffer })[Symbol.asyncIterator]()
  await positionsOf(last, 1)
  const waiting = last.next()
  await bank.stop({ keepStore: true })
  assert.deepEqual(await waiting, { done: true, value: undefined })
})

onStore('memory', 'a buffer without a limit, of a reader that is not live, or with a policy that is none is refused', async (given) => {
  const bank = openBank(given)
  const first = async (options: object) => bank.events(options)[Symbol.asyncIterator]().next()
  await assert.rejects(first({ live: true, buffer: { limit: 0 } }), { code: 'ES_DEFINITION' })
  await assert.rejects(first({ buffer: { limit: 5 } }), { code: 'ES_VALIDATION' })
  await assert.rejects(first({ live: true, buffer: { limit: 5, overflow: 'panic' } }), { code: 'ES_VALIDATION' })
})

onStore('memory', 'the buffer never holds more than its limit, and accounts for every event', async () => {
  for (const whenFull of ['drop-oldest', 'drop-newest'] as const) {
    const buffer = makeEventBuffer(3, ({ position }) => position)
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fff_ffff
      return seed % below
    }
    let [pushed, given, lost, told, holds] = [0, 0, 0, 0, 0]
    for (let i = 0; i < 5000; i++) {
      if (random(2) === 0) {
        if (buffer.push({ position: ++pushed } as never, whenFull)) lost++
      } else {
        const entry = buffer.take()
        if (!entry) continue
        given++
        told += entry.dropped?.events ?? 0
        if (entry.dropped) assert.ok(entry.dropped.to < entry.event.position)
      }
      holds = pushed - given - lost
      assert.ok(holds <= 3)
    }
    for (let entry = buffer.take(); entry; entry = buffer.take()) {
      given++
      told += entry.dropped?.events ?? 0
    }
    assert.deepEqual([told + (buffer.dropped?.events ?? 0), given + lost], [lost, pushed])
    assert.ok(lost > 100)
  }
})
