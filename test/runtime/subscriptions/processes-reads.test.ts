/** What a process manager asks the store for: each instance once, and only what may have changed. */
import assert from 'node:assert/strict'
import type { Signal } from '../../../src/core/observer.ts'
import { requestRecord } from '../../../src/runtime/process/act-requests.ts'
import { testApp } from '../../../src/testing/index.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { agency, ann, ask, instanceOf, note, openAgency } from './agency.ts'
import { workInFrontOf } from './follow.ts'

/** A store that counts what is asked about records, by their kind. */
function counting({ store }: Given) {
  const asked: string[] = []
  const counted = workInFrontOf(store, {
    record(name) {
      asked.push(`one ${name.kind}`)
      return store.work.record(name)
    },
    records(question) {
      asked.push(`all ${question.kind}`)
      return store.work.records(question)
    },
  })
  return {
    store: counted,
    /** How often since the last time. */
    count(what: 'one process' | 'all process' | 'all timer'): number {
      const found = asked.filter((one) => one === what).length
      asked.splice(0)
      return found
    },
  }
}

onEveryStore('after a restart an instance is read once for all of its events, and only what is new is told', async (given) => {
  const parts = agency()
  const first = openAgency(given, parts)
  await first.execute(ask({ trip: 't', wants: ['train', 'hotel'] }), { actor: ann })
  await first.settle()
  await first.stop({ keepStore: true })
  const idle = given.tend(testApp({ store: given.store, clock: given.clock, commands: [ask, note] }))
  for (const what of ['later', 'by the way', 'later', 'by the way']) await idle.execute(note({ trip: 't', what }), { actor: ann })
  const counted = counting(given)
  const told: Signal[] = []
  const second = openAgency({ ...given, store: counted.store }, parts, { observer: (signal: Signal) => told.push(signal) })
  await second.settle()
  assert.equal(counted.count('one process'), 1)
  assert.deepEqual(
    told.flatMap((one) => ('instance' in one ? [[one.signal, 'change' in one ? one.change : '']] : [])),
    [
      ['process.timer', 'set'],
      ['process.timer', 'set'],
    ],
  )
  assert.equal((await instanceOf(given, 't')).state.notes, 4)
})

onEveryStore('whoever asks for something to be done by hand does not make the part read its instances again', async (given) => {
  const parts = agency()
  const counted = counting(given)
  const app = openAgency({ ...given, store: counted.store }, parts)
  for (const trip of ['t', 'u']) await app.execute(ask({ trip, wants: ['train'] }), { actor: ann })
  await app.settle()
  assert.equal(counted.count('all process'), 1)
  await app.process(parts.booking).close('u', 'no more')
  await app.settle()
  assert.equal(counted.count('all process'), 0)
  await app.execute(note({ trip: 't', what: 'by the way' }), { actor: ann })
  await app.settle()
  assert.equal(counted.count('one process'), 0)
  assert.equal((await instanceOf(given, 't')).state.notes, 1)
})

onEveryStore('a timer that is due and has to wait is not looked for again, and fires when it need not wait any more', async (given) => {
  const parts = agency()
  parts.refused.add('book car')
  const counted = counting(given)
  const booking = { ...parts.booking, rejected: {} }
  const app = openAgency({ ...given, store: counted.store }, { ...parts, booking })
  await app.execute(ask({ trip: 't', wants: ['car'] }), { actor: ann })
  await app.settle()
  await given.clock.advance({ minutes: 2 })
  await app.settle()
  assert.equal((await instanceOf(given, 't')).status, 'stuck')
  counted.count('all timer')
  for (let n = 0; n < 20; n++) {
    await app.execute(note({ trip: 'u', what: 'by the way' }), { actor: ann })
    await app.settle()
  }
  assert.equal(counted.count('all timer'), 0)
  assert.deepEqual(parts.fired, [])
  parts.refused.clear()
  await app.process(booking).retry('t')
  await app.settle()
  assert.deepEqual(parts.fired, ['t 1'])
})

onEveryStore('more than a thousand requests are all carried out at one look', async (given) => {
  const parts = agency()
  const first = openAgency(given, parts)
  await first.execute(ask({ trip: 't', wants: [] }), { actor: ann })
  await first.settle()
  await first.stop({ keepStore: true })
  const owner = 'process:booking'
  const now = given.clock.now()
  const inVain = Array.from({ length: 1000 }, (_, n) => requestRecord(owner, '', `${n}`, { instance: 'nobody', act: 'close' }, now))
  const last = requestRecord(owner, '', 'last', { instance: 't', act: 'close' }, now + 1)
  assert.deepEqual(await given.store.work.commit([{ records: [...inVain, last] }]), [{ kind: 'done' }])
  await given.clock.advance({ milliseconds: 1 })
  await openAgency(given, parts).settle()
  assert.equal((await instanceOf(given, 't')).status, 'completed')
  assert.deepEqual(await given.store.work.records({ kind: 'act' }), [])
})
