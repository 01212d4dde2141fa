/** Process managers: what an event leads to happens once, in order, and can be taken back. */
import assert from 'node:assert/strict'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import { testApp } from '../../../src/testing/index.ts'
import { inFrontOf, moment } from '../in-front-of.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { quietly } from '../quietly.ts'
import { type Agency, agency, ann, ask, instanceOf, logOf, note, openAgency } from './agency.ts'
import { workInFrontOf } from './follow.ts'

onEveryStore('commands are sent in their order, and each is accepted before the next', async (given) => {
  const app = openAgency(given, agency())
  await app.execute(ask({ trip: 't', wants: ['train', 'hotel', 'car'] }), { actor: ann })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked train', 'Booked hotel', 'Booked car'])
  const { state, undo, queue } = await instanceOf(given, 't')
  assert.deepEqual([state, undo.length, queue], [{ trip: 't', booked: 3, notes: 0 }, 3, []])
})

onEveryStore('a refused command takes back what was accepted, the newest first, and what was not sent is not', async (given) => {
  const parts = agency()
  parts.refused.add('book car')
  const app = openAgency(given, parts)
  await app.execute(ask({ trip: 't', wants: ['train', 'hotel', 'car', 'guide'] }), { actor: ann })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked train', 'Booked hotel', 'Cancelled hotel', 'Cancelled train'])
  const { status, compensated } = await instanceOf(given, 't')
  assert.deepEqual([status, compensated], ['running', true])
})

onEveryStore('an undo that is refused is tried again, and when it never succeeds the instance is stuck; others go on', async (given) => {
  const parts = agency()
  for (const no of ['book car', 'cancel hotel']) parts.refused.add(no)
  const app = openAgency(given, parts)
  await app.execute(ask({ trip: 't', wants: ['train', 'hotel', 'car'] }), { actor: ann })
  await app.settle()
  const { status, attempts, timeline } = await instanceOf(given, 't')
  assert.deepEqual([status, attempts, timeline.at(-1).what], ['stuck', 5, 'stuck'])
  assert.match(timeline.at(-1).reason, /TooLate/)
  await app.execute(ask({ trip: 'u', wants: ['bike'] }), { actor: ann })
  await app.execute(note({ trip: 't', what: 'go on' }), { actor: ann })
  await app.settle()
  assert.ok((await logOf(app)).includes('Booked bike'))
  assert.deepEqual(
    app.deadLetters.map(({ kind, key }) => [kind, key]),
    [['process', 't']],
  )
})

onEveryStore('an undo that is refused at first is executed as soon as it is possible', async (given) => {
  const parts = agency()
  for (const no of ['book car', 'cancel train']) parts.refused.add(no)
  const app = openAgency(given, parts, { defaults: { subscriptions: { retryAtOnce: false } } })
  await app.execute(ask({ trip: 't', wants: ['train', 'car'] }), { actor: ann })
  await app.settle()
  parts.refused.clear()
  await given.clock.advance({ minutes: 1 })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked train', 'Cancelled train'])
})

onEveryStore('a refusal without an answer makes the instance stuck, and its timer waits without keeping anybody awake', async (given) => {
  const parts = agency()
  parts.refused.add('book car')
  const mute = { ...parts, booking: { ...parts.booking, rejected: {} } }
  const app = openAgency(given, mute)
  await app.execute(ask({ trip: 't', wants: ['car'] }), { actor: ann })
  await app.settle()
  assert.equal((await instanceOf(given, 't')).status, 'stuck')
  await given.clock.advance({ minutes: 2 })
  await app.settle()
  assert.deepEqual(parts.fired, [])
})

onEveryStore('what must start does not start twice, and what must go on does not start', async (given) => {
  const app = openAgency(given, agency())
  const strictly = { trip: 't', wants: [], how: 'strictly' }
  await app.execute(note({ trip: 'other', what: 'go on' }), { actor: ann })
  for (const _ of [1, 2]) await app.execute(ask(strictly), { actor: ann })
  await app.execute(note({ trip: 'nobody', what: 'nothing' }), { actor: ann })
  await app.execute(note({ trip: 'early', what: 'stop' }), { actor: ann })
  await app.settle()
  const reasons = app.deadLetters.map(({ key, error }) => `${key}: ${error.message}`).sort()
  assert.equal(reasons.length, 2)
  assert.match(reasons[0]!, /^other: booking other was to be continued by Noted, but was never started/)
  assert.match(reasons[1]!, /^t: booking t was to be started by Asked, but it has been before/)
  assert.deepEqual([await instanceOf(given, 'nobody'), await instanceOf(given, 'early')], [undefined, undefined])
})

onEveryStore('what stops an instance is its last event, and what comes then is let by', async (given) => {
  const app = openAgency(given, agency())
  await app.execute(ask({ trip: 't', wants: [] }), { actor: ann })
  await app.execute(note({ trip: 't', what: 'stop' }), { actor: ann })
  await app.execute(note({ trip: 't', what: 'end' }), { actor: ann })
  await app.settle()
  const { status, state, timers } = await instanceOf(given, 't')
  assert.deepEqual([status, state.notes, timers, await logOf(app)], ['completed', 1, [], ['Asked', 'Noted stop', 'Noted end']])
})

onEveryStore('a timer fires once, and not again after a restart', async (given) => {
  const parts = agency()
  const first = openAgency(given, parts)
  await first.execute(ask({ trip: 't', wants: [] }), { actor: ann })
  await first.settle()
  await given.clock.advance({ seconds: 59 })
  await first.settle()
  assert.deepEqual(parts.fired, [])
  await first.stop({ keepStore: true })
  await given.clock.advance({ seconds: 1 })
  const second = openAgency(given, parts)
  await second.settle()
  assert.deepEqual(parts.fired, ['t 0'])
  await second.stop({ keepStore: true })
  await given.clock.advance({ hours: 1 })
  await openAgency(given, parts).settle()
  assert.deepEqual(parts.fired, ['t 0'])
})

onEveryStore(
  'a timer that is set again fires at the later time alone; one that is cancelled, or whose instance has ended, never',
  async (given) => {
    const parts = agency()
    const app = openAgency(given, parts)
    for (const trip of ['later', 'never mind', 'end', 'plain']) await app.execute(ask({ trip, wants: [] }), { actor: ann })
    for (const what of ['later', 'never mind', 'end']) await app.execute(note({ trip: what, what }), { actor: ann })
    await app.settle()
    await given.clock.advance({ minutes: 2 })
    await app.settle()
    assert.deepEqual(parts.fired, ['plain 0'])
    await given.clock.advance({ minutes: 10 })
    await app.settle()
    assert.deepEqual(parts.fired, ['plain 0', 'later 1'])
  },
)

/** A trip whose timer is set, and then an app that executes commands while nobody follows the log. */
async function whileNobodyFollows(given: Given, parts: Agency) {
  const first = openAgency(given, parts)
  await first.execute(ask({ trip: 't', wants: [] }), { actor: ann })
  await first.settle()
  await first.stop({ keepStore: true })
  return given.tend(testApp({ store: given.store, clock: given.clock, commands: [ask, note] }))
}

onEveryStore('a timer waits for everything that had happened when it was due', async (given) => {
  const parts = agency()
  const idle = await whileNobodyFollows(given, parts)
  for (let n = 0; n < 20; n++) await idle.execute(note({ trip: 't', what: 'by the way' }), { actor: ann })
  await given.clock.advance({ minutes: 2 })
  await openAgency(given, parts).settle()
  assert.deepEqual(parts.fired, ['t 20'])
})

onEveryStore('a timer waits for what its instance has done because of what had happened when it was due', async (given) => {
  const parts = agency()
  const idle = await whileNobodyFollows(given, parts)
  await idle.execute(note({ trip: 't', what: 'more' }), { actor: ann })
  await given.clock.advance({ minutes: 2 })
  const second = openAgency(given, parts)
  await second.settle()
  assert.deepEqual(await logOf(second), ['Asked', 'Noted more', 'Booked hotel'])
  assert.deepEqual(parts.fired, ['t 2'])
})

for (const when of ['before', 'after'] as const) {
  onEveryStore(`a command whose outcome is lost ${when} it was written is not executed a second time`, async (given) => {
    const parts = agency()
    let lost = 0
    const store = workInFrontOf(given.store, {
      async commit(works) {
        const isOutcome = works.some(({ records }) =>
          records?.some(({ kind, body }) => kind === 'process' && body?.includes('"what":"sent"')),
        )
        if (!isOutcome || lost++ > 0) return given.store.work.commit(works)
        if (when === 'after') await given.store.work.commit(works)
        throw new StoreUnavailableError('test', 'the answer is lost')
      },
    })
    const app = openAgency({ ...given, store }, parts)
    await app.execute(ask({ trip: 't', wants: ['train', 'hotel'] }), { actor: ann })
    await app.settle()
    assert.ok(lost > 1)
    assert.deepEqual(await logOf(app), ['Asked', 'Booked train', 'Booked hotel'])
    await app.execute(note({ trip: 't', what: 'undo' }), { actor: ann })
    await app.settle()
    assert.deepEqual((await logOf(app)).slice(-2), ['Cancelled hotel', 'Cancelled train'])
  })
}

onEveryStore('who dies between sending and writing the outcome is replaced, and the command is not executed again', async (given) => {
  const parts = agency()
  const [reached, released] = [moment(), moment()]
  let isDead = false
  const store = workInFrontOf(given.store, {
    async beat(...asked) {
      if (isDead) await released.promise
      return given.store.work.beat(...asked)
    },
    async commit(works) {
      if (works.some(({ records }) => records?.some(({ body }) => body?.includes('"what":"sent"')))) isDead = true
      if (isDead) {
        reached.resolve()
        await released.promise
      }
      return given.store.work.commit(works)
    },
  })
  const dying = openAgency({ ...given, store }, parts)
  await dying.start()
  await dying.execute(ask({ trip: 't', wants: ['train', 'hotel'] }), { actor: ann })
  await reached.promise
  const heir = openAgency(given, parts)
  await heir.start()
  for (let third = 0; third < 8; third++) {
    await given.clock.advance({ milliseconds: 3400 })
    await heir.settle()
  }
  assert.deepEqual(await logOf(heir), ['Asked', 'Booked train', 'Booked hotel'])
  isDead = false
  released.resolve()
  for (const app of [dying, heir]) await app.settle()
  assert.deepEqual(await logOf(heir), ['Asked', 'Booked train', 'Booked hotel'])
  assert.equal((await instanceOf(given, 't')).state.booked, 2)
})

onEveryStore('an event is not handled by an instance whose command is still to be sent again', async (given) => {
  const parts = agency()
  let isDown = true
  const app = openAgency(given, parts, {
    defaults: { subscriptions: { retryAtOnce: false } },
    middleware: [
      (context: { readonly command: string }, next: () => Promise<unknown>) => {
        if (isDown && context.command === 'Book') throw new StoreUnavailableError('test', 'not now')
        return next()
      },
    ],
  })
  await app.execute(ask({ trip: 't', wants: ['train'] }), { actor: ann })
  await app.execute(note({ trip: 't', what: 'end' }), { actor: ann })
  await app.settle()
  assert.deepEqual([(await instanceOf(given, 't')).state.notes, app.deadLetters.length], [0, 0])
  isDown = false
  await given.clock.advance({ minutes: 1 })
  await app.settle()
  await given.clock.advance({ minutes: 1 })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Noted end', 'Booked train', 'Noted nothing'])
  assert.equal((await instanceOf(given, 't')).status, 'completed')
})

onEveryStore('instances of one name in two tenants know nothing of each other', async (given) => {
  const parts = agency()
  parts.refused.add('book car')
  const app = openAgency(given, parts)
  const acme = app.forTenant('acme') as unknown as typeof app
  await app.execute(ask({ trip: 't', wants: ['train'] }), { actor: ann })
  await acme.execute(ask({ trip: 't', wants: ['hotel', 'car'] }), { actor: ann })
  await app.settle()
  assert.deepEqual([(await instanceOf(given, 't')).state.booked, (await instanceOf(given, 't', 'acme')).state.booked], [1, 1])
  assert.deepEqual(await logOf(acme), ['Asked', 'Booked hotel', 'Cancelled hotel'])
  await acme.execute(note({ trip: 't', what: 'by the way' }), { actor: ann })
  await given.clock.advance({ minutes: 1 })
  await app.settle()
  assert.deepEqual(parts.fired.toSorted(), ['t 1', 't 2'])
})

onEveryStore('a command is not executed again, however long it takes until somebody is there to hear what came of it', async (given) => {
  const parts = agency()
  const failed = moment()
  let isBooked = false
  const store = workInFrontOf(
    inFrontOf(given.store, {
      async append(requests) {
        const results = await given.store.append(requests)
        isBooked ||= requests.some(({ events }) => events.some(({ type }) => type === 'Booked'))
        return results
      },
    }),
    {
      async commit(works) {
        if (!isBooked) return given.store.work.commit(works)
        failed.resolve()
        throw new StoreUnavailableError('test', 'gone after the booking')
      },
    },
  )
  await quietly(async () => {
    const first = openAgency({ ...given, store }, parts)
    await first.start()
    await first.execute(ask({ trip: 't', wants: ['hotel'] }), { actor: ann })
    await failed.promise
    await first.stop({ keepStore: true })
  })
  await given.clock.advance({ days: 100 })
  await given.store.forgetExpired(given.clock.now())
  const second = openAgency(given, parts)
  await second.settle()
  assert.deepEqual(await logOf(second), ['Asked', 'Booked hotel'])
})
