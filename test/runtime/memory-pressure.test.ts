/** Memory pressure: warm state gives way before the process runs out of memory. */
import assert from 'node:assert/strict'
import { Account } from '../domain/bank.ts'
import { onEveryStore } from './on-every-store.ts'
import { openBank, openWith, payIn, recorder } from './open-bank.ts'

/** A heap of 1,000 bytes that a test fills. */
function heapOf(bytes: number) {
  const heap = { bytes, looks: 0, silent: false }
  const probe = () => {
    heap.looks++
    return heap.silent ? undefined : { usedBytes: heap.bytes, limitBytes: 1000 }
  }
  return { heap, probe }
}

onEveryStore('the heap is looked at every 10 seconds, from the first use on', async (given) => {
  const { heap, probe } = heapOf(0)
  const bank = openBank(given, { heap: probe })
  await given.clock.advance({ minutes: 1 })
  assert.equal(heap.looks, 0)
  await openWith(bank, 'a')
  await given.clock.advance({ seconds: 9 })
  assert.equal(heap.looks, 0)
  await given.clock.advance({ seconds: 1 })
  assert.equal(heap.looks, 1)
  await given.clock.advance({ seconds: 50 })
  assert.equal(heap.looks, 6)
})

onEveryStore(
  'each new level is told once, with its factor, and is left only when the share is clearly below its threshold',
  async (given) => {
    const { heap, probe } = heapOf(0)
    const signals = recorder()
    const changes: unknown[] = []
    const bank = openBank(given, { heap: probe, observer: signals, onMemoryPressure: (change) => changes.push(change) })
    await openWith(bank, 'a')
    for (const bytes of [0, 500, 690, 699, 700, 690, 651, 750, 849, 850, 900, 1000, 1200, 849, 801, 799, 699, 649, 699]) {
      heap.bytes = bytes
      await given.clock.advance({ seconds: 10 })
    }
    const told = signals.of('memory.pressure').map(({ level, usedBytes, limitBytes, factor }) => [level, usedBytes, limitBytes, factor])
    assert.deepEqual(told, [
      ['elevated', 700, 1000, 0.5],
      ['critical', 850, 1000, 0.1],
      ['elevated', 799, 1000, 0.5],
      ['normal', 649, 1000, 1],
    ])
    assert.deepEqual(
      changes,
      told.map(([level, usedBytes, limitBytes]) => ({ level, usedBytes, limitBytes })),
    )
    assert.equal((await bank.stats()).memory.level, 'normal')
  },
)

onEveryStore('at the elevated level idle times are halved', async (given) => {
  const { heap, probe } = heapOf(0)
  const signals = recorder()
  const bank = openBank(given, { heap: probe, observer: signals })
  const state = async () => (await bank.stats(Account, 'a')).state
  await openWith(bank, 'a')
  heap.bytes = 700
  await given.clock.advance({ seconds: 29 })
  assert.equal(await state(), 'warm')
  await given.clock.advance({ seconds: 1 })
  assert.equal(await state(), 'hibernated')
  await given.clock.advance({ minutes: 14, seconds: 29 })
  assert.equal(await state(), 'hibernated')
  await given.clock.advance({ seconds: 1 })
  assert.equal(await state(), 'cold')
  assert.deepEqual(
    signals.of('aggregate.passivate').map(({ reason }) => reason),
    ['memory'],
  )
  await payIn(bank, 'a', 1)
  await given.clock.advance({ seconds: 30 })
  assert.equal(await state(), 'hibernated')
})

onEveryStore('at the critical level they are cut to a tenth, and what was idle for longer goes at once', async (given) => {
  const { heap, probe } = heapOf(0)
  const bank = openBank(given, { heap: probe })
  const state = async (id: string) => (await bank.stats(Account, id)).state
  await openWith(bank, 'old')
  await given.clock.advance({ minutes: 4 })
  await openWith(bank, 'new')
  heap.bytes = 900
  await given.clock.advance({ seconds: 10 })
  assert.deepEqual([await state('old'), await state('new')], ['cold', 'hibernated'])
  await given.clock.advance({ minutes: 2, seconds: 49 })
  assert.equal(await state('new'), 'hibernated')
  await given.clock.advance({ seconds: 1 })
  assert.equal(await state('new'), 'cold')
  assert.deepEqual((await bank.load(Account, 'new')).version, 1)
})

onEveryStore('when the pressure is over, idle times are as long as before', async (given) => {
  const { heap, probe } = heapOf(900)
  const bank = openBank(given, { heap: probe })
  await openWith(bank, 'a')
  await given.clock.advance({ seconds: 10 })
  assert.equal((await bank.stats()).memory.level, 'critical')
  heap.bytes = 0
  await given.clock.advance({ seconds: 10 })
  await payIn(bank, 'a', 1)
  await given.clock.advance({ seconds: 59 })
  assert.equal((await bank.stats(Account, 'a')).state, 'warm')
  await given.clock.advance({ minutes: 29 })
  assert.equal((await bank.stats(Account, 'a')).state, 'hibernated')
})

onEveryStore('a runtime that cannot tell how full its heap is is never under pressure', async (given) => {
  const { heap, probe } = heapOf(1000)
  heap.silent = true
  const bank = openBank(given, { heap: probe })
  await openWith(bank, 'a')
  await given.clock.advance({ minutes: 1 })
  assert.deepEqual([heap.looks, (await bank.stats()).memory.level], [6, 'normal'])
})

onEveryStore("without a probe it is V8's own heap, and stopping ends the looks", async (given) => {
  const { heap, probe } = heapOf(0)
  const bank = openBank(given, { heap: probe })
  const usual = openBank(given)
  await openWith(bank, 'a')
  await openWith(usual, 'b')
  await bank.stop({ keepStore: true })
  await given.clock.advance({ minutes: 1 })
  assert.equal(heap.looks, 0)
  assert.equal((await usual.stats()).memory.level, 'normal')
})

onEveryStore('thresholds and the margin between them are options, and from critical it may go to normal at once', async (given) => {
  const { heap, probe } = heapOf(0)
  const levels: string[] = []
  const memory = { elevatedAt: 0.4, criticalAt: 0.5, hysteresis: 0, checkEvery: { seconds: 1 } }
  const bank = openBank(given, { heap: probe, defaults: { memory }, onMemoryPressure: ({ level }) => levels.push(level) })
  await bank.prepare()
  for (const bytes of [399, 400, 399, 500, 499, 500, 0]) {
    heap.bytes = bytes
    await given.clock.advance({ seconds: 1 })
  }
  assert.deepEqual(levels, ['elevated', 'normal', 'critical', 'elevated', 'critical', 'normal'])
  for (const hysteresis of [-0.1, 0.7, Number.NaN]) {
    assert.throws(() => openBank(given, { defaults: { memory: { hysteresis } } }), { code: 'ES_DEFINITION' })
  }
})

onEveryStore('a callback that throws is reported, and nothing else comes of it', async (given) => {
  const { heap, probe } = heapOf(900)
  const bank = openBank(given, {
    heap: probe,
    onMemoryPressure: () => {
      throw new Error('no room for that')
    },
  })
  await openWith(bank, 'a')
  const reported: unknown[] = []
  const { error } = console
  console.error = (...given: unknown[]) => void reported.push(given[0])
  await given.clock.advance({ seconds: 10 }).finally(() => {
    console.error = error
  })
  assert.deepEqual(reported, ['dacapo: onMemoryPressure threw:'])
  assert.deepEqual([(await bank.stats()).memory.level, (await bank.stats(Account, 'a')).state], ['critical', 'hibernated'])
  heap.bytes = 0
})
