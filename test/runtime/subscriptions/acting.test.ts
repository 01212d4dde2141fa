/** Looking at the instances of a process manager, and acting on them, from whichever process. */
import assert from 'node:assert/strict'
import { DefinitionError, NotFoundError, type TimedOutError, type WrongStatusError } from '../../../src/core/errors.ts'
import { testApp } from '../../../src/testing/index.ts'
import { moment, turns } from '../in-front-of.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { type Agency, agency, ann, ask, instanceOf, logOf, note, openAgency } from './agency.ts'
import { leasesPass, workInFrontOf } from './follow.ts'

const clerk = { id: 'clerk', roles: ['support'] }

/** Steps without their times. */
const told = (steps: readonly { readonly what: string; readonly name?: string }[]) =>
  steps.map(({ what, name }) => (name === undefined ? what : `${what} ${name}`))

/** The agency with other reactions than usual. */
const withBooking = (parts: Agency, more: Partial<Agency['booking']>): Agency => ({ ...parts, booking: { ...parts.booking, ...more } })

/** A trip whose second booking is refused, and whose first cannot be taken back: stuck. */
async function stuckTrip(given: Given) {
  const parts = agency()
  for (const no of ['book car', 'cancel hotel']) parts.refused.add(no)
  const app = openAgency(given, parts)
  await app.execute(ask({ trip: 't', wants: ['hotel', 'car'] }), { actor: ann })
  await app.settle()
  return { parts, app, trips: app.process(parts.booking) }
}

onEveryStore('an instance shows its state, what it waits for, and what has gone wrong', async (given) => {
  const parts = withBooking(agency(), { rejected: {} })
  parts.refused.add('book car')
  const app = openAgency(given, parts)
  const startedAt = new Date(given.clock.now())
  await app.execute(ask({ trip: 't', wants: ['train', 'car', 'hotel'] }), { actor: ann })
  await app.settle()
  const { updatedAt, lastError, state, ...shown } = (await app.process(parts.booking).get('t'))!
  const waited: string = state.trip // its type is the definition's
  assert.deepEqual([waited, state.booked], ['t', 0], 'what its first command has led to comes after it')
  assert.deepEqual(shown, {
    id: 't',
    tenant: '',
    status: 'stuck',
    waitingFor: {
      commands: [
        { command: 'Book', input: { trip: 't', what: 'car' }, undo: false },
        { command: 'Book', input: { trip: 't', what: 'hotel' }, undo: false },
      ],
      timers: [{ name: 'patience', dueAt: new Date(startedAt.getTime() + 60_000) }],
    },
    attempts: 5,
    compensated: false,
    startedAt,
  })
  assert.ok(updatedAt >= startedAt)
  assert.match(`${lastError?.name} ${lastError?.message}`, /^Book .*SoldOut/)
})

onEveryStore('a timeline tells what has happened to an instance, in order', async (given) => {
  const parts = agency()
  parts.refused.add('book car')
  const app = openAgency(given, parts)
  const { position } = await app.execute(ask({ trip: 't', wants: ['hotel', 'car'] }), { actor: ann })
  await app.settle()
  await app.execute(note({ trip: 't', what: 'end' }), { actor: ann })
  await app.settle()
  const steps = await app.process(parts.booking).timeline('t')
  assert.deepEqual(
    told(steps).filter((step) => step !== 'event Booked'),
    [
      'event Asked',
      'timer set patience',
      'sent Book',
      'rejected Book',
      'compensating',
      'undone Cancel',
      'event Noted',
      'sent Note',
      'completed',
    ],
  )
  assert.deepEqual([steps[0]?.position, steps[0]?.at instanceof Date], [position, true])
  assert.equal(steps.find(({ what }) => what === 'rejected')?.reason, 'SoldOut')
})

onEveryStore('instances are listed by status, page after page, those of all tenants in the default one', async (given) => {
  const parts = agency()
  const app = openAgency(given, parts)
  const acme = app.forTenant('acme')
  for (const trip of ['a', 'b', 'c']) await app.execute(ask({ trip, wants: [] }), { actor: ann })
  await acme.execute(ask({ trip: 'a', wants: [] }), { actor: ann })
  await app.execute(note({ trip: 'b', what: 'end' }), { actor: ann })
  await app.settle()
  const trips = app.process(parts.booking)
  const idsOf = (page: readonly { readonly tenant: string; readonly id: string }[]) => page.map(({ tenant, id }) => `${tenant}/${id}`)
  assert.deepEqual(idsOf(await trips.list()), ['/a', '/b', '/c', 'acme/a'])
  assert.deepEqual(idsOf(await trips.list({ status: 'running' })), ['/a', '/c', 'acme/a'])
  assert.deepEqual(idsOf(await trips.list({ status: 'completed' })), ['/b'])
  const first = await trips.list({ limit: 2 })
  const second = await trips.list({ limit: 2, after: first[1]! })
  assert.deepEqual(
    [idsOf(first), idsOf(second)],
    [
      ['/a', '/b'],
      ['/c', 'acme/a'],
    ],
  )
  assert.deepEqual(idsOf(await acme.process(parts.booking).list()), ['acme/a'])
  assert.equal(await acme.process(parts.booking).get('c'), undefined)
})

onEveryStore('what is not there, or cannot be done, is said so with a code of its own', async (given) => {
  const parts = agency()
  const app = openAgency(given, parts)
  await app.execute(ask({ trip: 't', wants: [] }), { actor: ann })
  await app.settle()
  const trips = app.process(parts.booking)
  await assert.rejects(trips.retry('nobody'), (error: NotFoundError) => error.code === 'ES_NOT_FOUND' && /"nobody"/.test(error.what))
  await assert.rejects(trips.timeline('nobody'), NotFoundError)
  assert.equal(await trips.get('nobody'), undefined)
  await assert.rejects(trips.retry('t'), (error: WrongStatusError) => error.code === 'ES_WRONG_STATUS' && error.status === 'running')
  await trips.close('t', 'over')
  for (const act of [() => trips.close('t', 'again'), () => trips.compensate('t', 'again'), () => trips.retry('t')]) {
    await assert.rejects(act(), (error: WrongStatusError) => error.status === 'completed')
  }
  assert.throws(() => app.process(agency().booking), DefinitionError)
})

onEveryStore('a stuck instance is tried again, and goes on with what has come meanwhile', async (given) => {
  const { parts, app, trips } = await stuckTrip(given)
  await app.execute(note({ trip: 't', what: 'by the way' }), { actor: ann })
  await app.settle()
  assert.deepEqual(
    app.deadLetters.map(({ key }) => key),
    ['t'],
  )
  parts.refused.clear()
  await trips.retry('t', { actor: clerk })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked hotel', 'Noted by the way', 'Cancelled hotel'])
  const { status, state, waitingFor } = (await trips.get('t'))!
  assert.deepEqual([status, state.notes, waitingFor.commands, app.deadLetters.length], ['running', 1, [], 0])
  const [retried] = (await trips.timeline('t')).filter(({ what }) => what === 'retried')
  assert.deepEqual(retried?.by, clerk)
})

onEveryStore('what fails again is stuck again, after as many attempts as before', async (given) => {
  const { app, trips } = await stuckTrip(given)
  const before = (await trips.timeline('t')).filter(({ what }) => what === 'failed').length
  await trips.retry('t')
  await app.settle()
  const after = await trips.timeline('t')
  assert.equal((await trips.get('t'))?.status, 'stuck')
  assert.deepEqual([before, after.filter(({ what }) => what === 'failed').length], [5, 10])
})

onEveryStore('a timer whose reaction has failed fires again', async (given) => {
  let isBroken = true
  const parts = agency()
  const { patience } = parts.booking.timeouts
  const broken = withBooking(parts, {
    timeouts: {
      patience(context) {
        if (isBroken) throw new Error('no patience')
        return patience?.(context)
      },
    },
  })
  const app = openAgency(given, broken)
  const trips = app.process(broken.booking)
  await app.execute(ask({ trip: 't', wants: [] }), { actor: ann })
  await app.settle()
  await given.clock.advance({ minutes: 1 })
  await app.settle()
  assert.equal((await trips.get('t'))?.status, 'stuck')
  isBroken = false
  await trips.retry('t')
  await app.settle()
  assert.deepEqual([(await trips.get('t'))?.status, parts.fired], ['running', ['t 0']])
})

onEveryStore('what was accepted is taken back by hand, the newest first, and the instance goes on', async (given) => {
  const parts = agency()
  const app = openAgency(given, parts)
  const trips = app.process(parts.booking)
  await app.execute(ask({ trip: 't', wants: ['train', 'hotel'] }), { actor: ann })
  await app.settle()
  await trips.compensate('t', 'the customer has died', { actor: clerk })
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked train', 'Booked hotel', 'Cancelled hotel', 'Cancelled train'])
  const [step] = (await trips.timeline('t')).filter(({ what }) => what === 'compensating')
  assert.deepEqual([step?.reason, step?.by], ['the customer has died', clerk])
  await app.execute(note({ trip: 't', what: 'more' }), { actor: ann })
  await app.settle()
  assert.equal((await logOf(app)).at(-1), 'Booked hotel')
})

onEveryStore('compensating by hand goes on with what is being taken back already', async (given) => {
  const { parts, app, trips } = await stuckTrip(given)
  parts.refused.clear()
  await trips.compensate('t', 'try again')
  await app.settle()
  assert.deepEqual(await logOf(app), ['Asked', 'Booked hotel', 'Cancelled hotel'])
})

onEveryStore('compensating by hand drops the command that has failed, and those behind it', async (given) => {
  const parts = withBooking(agency(), { rejected: {} })
  parts.refused.add('book car')
  const app = openAgency(given, parts)
  const trips = app.process(parts.booking)
  await app.execute(ask({ trip: 't', wants: ['bike', 'car', 'boat'] }), { actor: ann })
  await app.settle()
  parts.refused.clear()
  await trips.compensate('t', 'no car')
  await app.settle()
  assert.equal((await trips.timeline('t')).filter(({ what }) => what === 'dropped').length, 2)
  assert.deepEqual(await logOf(app), ['Asked', 'Booked bike', 'Cancelled bike'])
})

onEveryStore('an instance that is closed by hand sends nothing more, its timers are gone, and events are let by', async (given) => {
  const parts = withBooking(agency(), { rejected: {} })
  parts.refused.add('book car')
  const app = openAgency(given, parts)
  const trips = app.process(parts.booking)
  await app.execute(ask({ trip: 't', wants: ['train', 'car', 'hotel'] }), { actor: ann })
  await app.settle()
  await app.execute(note({ trip: 't', what: 'more' }), { actor: ann })
  await app.settle()
  parts.refused.clear()
  const { status, waitingFor } = await trips.close('t', 'sorted out by telephone', { actor: clerk })
  await app.settle()
  await given.clock.advance({ minutes: 10 })
  await app.settle()
  assert.deepEqual([status, waitingFor], ['completed', { commands: [], timers: [] }])
  assert.deepEqual([await logOf(app), parts.fired, app.deadLetters.length], [['Asked', 'Booked train', 'Noted more'], [], 0])
  const steps = await trips.timeline('t')
  assert.deepEqual(told(steps).slice(-4), ['dropped Book', 'dropped Book', 'closed', 'completed'])
  const closed = steps.at(-2)
  assert.deepEqual([closed?.reason, closed?.by], ['sorted out by telephone', clerk])
})

onEveryStore('what nobody carries out in time stays requested, and is done when somebody comes', async (given) => {
  const parts = agency()
  const first = openAgency(given, parts)
  await first.execute(ask({ trip: 't', wants: ['train'] }), { actor: ann })
  await first.settle()
  await first.stop({ keepStore: true })
  const desk = openAgency(given, parts)
  const asked = assert.rejects(
    desk.process(parts.booking).compensate('t', 'changed my mind', { timeout: { seconds: 2 } }),
    (error: TimedOutError) => error.code === 'ES_TIMED_OUT' && /stays requested/.test(error.message),
  )
  while ((await given.store.work.records({ kind: 'act' })).length === 0) await turns()
  await turns()
  await given.clock.advance({ seconds: 2 })
  await asked
  await desk.settle()
  assert.deepEqual(await logOf(desk), ['Asked', 'Booked train', 'Cancelled train'])
  assert.deepEqual(await given.store.work.records({ kind: 'act' }), [])
})

onEveryStore('an app that does not work on the instance asks whoever does', async (given) => {
  const parts = agency()
  const owner = openAgency(given, parts)
  await owner.execute(ask({ trip: 't', wants: ['train'] }), { actor: ann })
  await owner.settle()
  const desk = openAgency(given, parts)
  let isDone = false
  const asked = desk
    .process(parts.booking)
    .close('t', 'over', { timeout: { days: 1 } })
    .then((instance) => {
      isDone = true
      return instance
    })
  while ((await given.store.work.records({ kind: 'act' })).length === 0) await turns()
  while (!isDone) {
    await given.clock.advance({ milliseconds: 400 })
    await owner.settle()
    await turns()
  }
  assert.equal((await asked).status, 'completed')
})

onEveryStore('of two who close an instance at the same time one has done it, and the other is told', async (given) => {
  const parts = agency()
  const app = openAgency(given, parts)
  await app.execute(ask({ trip: 't', wants: [] }), { actor: ann })
  await app.settle()
  const ends = await Promise.allSettled(['one', 'other'].map((why) => app.process(parts.booking).close('t', why)))
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []))
  assert.deepEqual(failures, ['ES_WRONG_STATUS'])
  assert.equal((await app.process(parts.booking).timeline('t')).filter(({ what }) => what === 'closed').length, 1)
})

/** An owner that stands still, with its work and its signs of life, from a moment on. */
function frozenFrom(given: Given, isMoment: (body: string) => boolean) {
  const [reached, thawed] = [moment(), moment()]
  let isFrozen = false
  const still = async () => void (isFrozen && (await thawed.promise))
  const store = workInFrontOf(given.store, {
    async beat(...asked) {
      await still()
      return given.store.work.beat(...asked)
    },
    async commit(works) {
      if (works.some(({ records }) => records?.some(({ body }) => body && isMoment(body)))) isFrozen = true
      if (isFrozen) reached.resolve()
      await still()
      return given.store.work.commit(works)
    },
  })
  const freeze = () => {
    isFrozen = true
  }
  const thaw = () => {
    isFrozen = false
    thawed.resolve()
  }
  return { store, reached: reached.promise, freeze, thaw }
}

onEveryStore('a command that was executed, but not on record yet, is taken back with the others', async (given) => {
  const parts = agency()
  const { store, reached, thaw } = frozenFrom(given, (body) => body.includes('"what":"sent"'))
  const frozen = openAgency({ ...given, store }, parts)
  await frozen.start()
  await frozen.execute(ask({ trip: 't', wants: ['train', 'hotel'] }), { actor: ann })
  await reached
  const desk = given.tend(testApp({ store: given.store, clock: given.clock, commands: [ask, note], processes: [parts.booking] }))
  const asked = desk.process(parts.booking).compensate('t', 'over', { timeout: { days: 1 } })
  while ((await given.store.work.records({ kind: 'act' })).length === 0) await turns()
  await desk.start()
  await leasesPass(given, [desk])
  await asked
  assert.deepEqual(await logOf(desk), ['Asked', 'Booked train', 'Cancelled train'])
  thaw()
  for (const app of [frozen, desk]) await app.settle()
  await leasesPass(given, [frozen, desk], 1)
  assert.deepEqual(await logOf(desk), ['Asked', 'Booked train', 'Cancelled train'])
})

onEveryStore('a command that was dropped is not executed any more by who was frozen while sending it', async (given) => {
  const parts = agency()
  const [sending, thawed] = [moment(), moment()]
  const owner = frozenFrom(given, () => false)
  const frozen = openAgency({ ...given, store: owner.store }, parts, {
    middleware: [
      async (context: { readonly command: string }, next: () => Promise<unknown>) => {
        if (context.command === 'Book') {
          owner.freeze()
          sending.resolve()
          await thawed.promise
        }
        return next()
      },
    ],
  })
  await frozen.start()
  await frozen.execute(ask({ trip: 't', wants: ['train'] }), { actor: ann })
  await sending.promise
  const desk = openAgency(given, parts)
  const asked = desk.process(parts.booking).close('t', 'over', { timeout: { days: 1 } })
  while ((await given.store.work.records({ kind: 'act' })).length === 0) await turns()
  await desk.start()
  await leasesPass(given, [desk])
  assert.equal((await asked).status, 'completed')
  thawed.resolve()
  owner.thaw()
  await leasesPass(given, [frozen, desk])
  assert.deepEqual(await logOf(desk), ['Asked'])
  assert.equal((await instanceOf(given, 't')).status, 'completed')
})
