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

onEveryStore('the heap is looked at every 10 seconds, once anything is warm', async (given) => {
  const { heap, probe } = heapOf(0)
  const bank = openBank(given, { heap: probe })
  await bank.prepare()
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

onEveryStore('each new level is told once, with its factor: normal below 0.7, elevated from there, critical from 0.85', async (given) => {
  const { heap, probe } = heapOf(0)
  const signals = recorder()
  const bank = openBank(given, { heap: probe, observer: signals })
  await openWith(bank, 'a')
  for (const bytes of [0, 500, 690, 699, 700, 750, 849, 850, 900, 1000, 1200, 849, 699]) {
    heap.bytes = bytes
    await given.clock.advance({ seconds: 10 })
  }
  const told = signals.of('memory.pressure').map(({ level, usedBytes, limitBytes, factor }) => [level, usedBytes, limitBytes, factor])
  assert.deepEqual(told, [
    ['elevated', 700, 1000, 0.5],
    ['critical', 850, 1000, 0.1],
    ['elevated', 849, 1000, 0.5],
    ['normal', 699, 1000, 1],
  ])
  assert.equal((await bank.stats()).memory.level, 'normal')
})

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
