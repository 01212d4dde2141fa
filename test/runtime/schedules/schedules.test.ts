/** Commands on a schedule: each is executed once for each of its times, whoever is there, and whatever happens in between. */
import assert from 'node:assert/strict'
import { testApp } from '../../../src/testing/index.ts'
import { moment, turns } from '../in-front-of.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { belfry, freezing, openBelfry, pass, robot, rungAt } from './bells.ts'

const seconds = (count: number) => ({ seconds: count })
const inSeconds = ({ clock }: Given, count: number) => new Date(clock.now() + count * 1000)

onEveryStore('a command is executed at its time, once, also when it was scheduled before anybody was started', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const desk = openBelfry(given, parts)
  const { id, dueAt, status } = await desk.schedule(parts.ring({ bell: 'a' }), { at: inSeconds(given, 3), actor: robot })
  assert.deepEqual([dueAt, status], [inSeconds(given, 3), 'waiting'])
  await desk.schedule(parts.ring({ bell: 'a' }), { after: seconds(4), actor: robot, id: 'later' })
  const app = openBelfry(given, parts)
  await app.start()
  await pass(given.clock, [app], 2)
  assert.deepEqual(await rungAt(given.store, start), {})
  await pass(given.clock, [app], 1)
  assert.deepEqual(await rungAt(given.store, start), { [id]: [3] })
  await pass(given.clock, [app], 60)
  assert.deepEqual(await rungAt(given.store, start), { [id]: [3], later: [4] })
  const { last, dueAt: next, ...done } = (await app.schedules.get(id))!
  assert.deepEqual([done.status, done.runs, done.attempts, next], ['done', 1, 0, undefined])
  assert.deepEqual([last?.outcome, last?.attempts, last?.dueAt], ['accepted', 1, new Date(start + 3000)])
})

onEveryStore('the events of a run tell who has asked, and which schedule and time they come from', async (given) => {
  const parts = belfry()
  const app = openBelfry(given, parts)
  const at = inSeconds(given, 1)
  await app.schedule(
    { command: 'Ring', input: { bell: 'a' } },
    { at, actor: robot, id: 'x', metadata: { why: 'mass' }, correlationId: 'c' },
  )
  await app.start()
  await pass(given.clock, [app], 1)
  const events = await Array.fromAsync(app.events())
  assert.deepEqual(
    events.map(({ metadata: { actor, correlationId, why, schedule } }: { metadata: Record<string, unknown> }) => [
      actor,
      correlationId,
      why,
      schedule,
    ]),
    [[robot, 'c', 'mass', { id: 'x', dueAt: at.toISOString() }]],
  )
})

onEveryStore('a rhythm does not drift, and what was missed while nobody was there is made up for once', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const first = openBelfry(given, parts)
  await first.schedule(parts.ring({ bell: 'a' }), { every: seconds(10), at: inSeconds(given, 5), actor: robot, id: 'a' })
  await first.schedule(parts.ring({ bell: 'b' }), { every: seconds(7), actor: robot, id: 'b' })
  await first.start()
  await pass(given.clock, [first], 26)
  assert.deepEqual(await rungAt(given.store, start), { a: [5, 15, 25], b: [7, 14, 21] })
  await first.stop({ keepStore: true })
  await given.clock.advance(seconds(34)) // 60
  const second = openBelfry(given, parts)
  await second.settle()
  assert.deepEqual(await rungAt(given.store, start), { a: [5, 15, 25, 35], b: [7, 14, 21, 28] })
  await pass(given.clock, [second], 6)
  assert.deepEqual(await rungAt(given.store, start), { a: [5, 15, 25, 35, 65], b: [7, 14, 21, 28, 63] })
  assert.deepEqual((await second.schedules.get('b'))?.dueAt, new Date(start + 70_000))
})

onEveryStore('a rejection is the outcome of a run, and one that decides nothing is done, too', async (given) => {
  const parts = belfry()
  parts.state.isMute = true
  const app = openBelfry(given, parts)
  const { id } = await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot })
  await app.start()
  await pass(given.clock, [app], 1)
  const { status, last } = (await app.schedules.get(id))!
  assert.deepEqual([status, last?.outcome, last?.code, last?.attempts], ['done', 'rejected', 'Mute', 1])
})

onEveryStore(
  'what fails is tried as often as the policy says, is kept as failed, and is tried again when somebody wants it',
  async (given) => {
    const parts = belfry()
    parts.state.isBroken = true
    const start = given.clock.now()
    const app = openBelfry(given, parts, { defaults: { handlers: { retry: { attempts: 3 } } } })
    await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot, id: 'a' })
    await app.start()
    await pass(given.clock, [app], 1)
    const [{ last, status, dueAt } = assert.fail()] = await app.schedules.list({ status: 'failed' })
    assert.deepEqual([status, dueAt, last?.outcome, last?.attempts, last?.message], ['failed', undefined, 'failed', 3, 'the rope is torn'])
    await pass(given.clock, [app], 20)
    parts.state.isBroken = false
    await app.schedules.retry('a')
    await app.settle()
    assert.deepEqual(await rungAt(given.store, start), { a: [1] })
    assert.equal((await app.schedules.get('a'))?.status, 'done')
    await assert.rejects(app.schedules.retry('a'), { code: 'ES_WRONG_STATUS', status: 'done' })
    await assert.rejects(app.schedules.retry('nothing'), { code: 'ES_NOT_FOUND' })
  },
)

onEveryStore('pauses between attempts are kept, and one that repeats goes on after a run that has failed', async (given) => {
  const parts = belfry()
  parts.state.isBroken = true
  const start = given.clock.now()
  const retry = { attempts: 2, backoff: seconds(2) }
  const app = openBelfry(given, parts, { defaults: { handlers: { retry }, subscriptions: { retryAtOnce: false } } })
  await app.schedule(parts.ring({ bell: 'a' }), { every: seconds(10), actor: robot, id: 'a' })
  await app.start()
  await pass(given.clock, [app], 10)
  assert.deepEqual([(await app.schedules.get('a'))?.status, (await app.schedules.get('a'))?.attempts], ['waiting', 1])
  await pass(given.clock, [app], 3)
  const failed = (await app.schedules.get('a'))!
  assert.deepEqual([failed.status, failed.last?.dueAt, failed.dueAt], ['failed', new Date(start + 10_000), new Date(start + 20_000)])
  parts.state.isBroken = false
  await app.schedules.retry('a')
  await app.settle()
  await pass(given.clock, [app], 7)
  assert.deepEqual(await rungAt(given.store, start), { a: [10, 20] })
  assert.equal((await app.schedules.get('a'))?.status, 'waiting')
})

onEveryStore('who may not do it is asked about at the time, and a refusal can be tried again', async (given) => {
  const parts = belfry()
  parts.state.isForbidden = true
  const start = given.clock.now()
  const app = openBelfry(given, parts)
  await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot, id: 'a' })
  await app.start()
  await pass(given.clock, [app], 1)
  const { last } = (await app.schedules.get('a'))!
  assert.deepEqual([last?.outcome, last?.code, last?.attempts], ['failed', 'ES_FORBIDDEN', 1])
  parts.state.isForbidden = false
  await app.schedules.retry('a')
  await app.settle()
  assert.deepEqual(await rungAt(given.store, start), { a: [1] })
})

onEveryStore('the same id is the same schedule, and not that of another command, input or time', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const app = openBelfry(given, parts)
  const daily = { every: { days: 1 }, actor: robot, id: 'daily' }
  await app.schedule(parts.ring({ bell: 'a' }), { ...daily, at: new Date(start) })
  await given.clock.advance(seconds(100))
  const again = await app.schedule(parts.ring({ bell: 'a' }), { ...daily, at: new Date(start + 86_400_000) })
  assert.deepEqual(again.dueAt, new Date(start))
  const mismatch = { code: 'ES_IDEMPOTENCY_MISMATCH' }
  await assert.rejects(app.schedule(parts.ring({ bell: 'b' }), { ...daily, at: new Date(start) }), mismatch)
  await assert.rejects(app.schedule(parts.ring({ bell: 'a' }), { ...daily, at: new Date(start + 1) }), mismatch)
  const both = ['one', 'two'].map(() => app.schedule(parts.ring({ bell: 'a' }), { after: seconds(5), actor: robot, id: 'twice' }))
  await Promise.all(both)
  assert.equal((await app.schedules.list()).length, 2)
  assert.equal(await again.cancel(), true)
  await app.schedule(parts.ring({ bell: 'b' }), { ...daily, at: new Date(start) })
})

onEveryStore('what was cancelled does not run, and who comes too late is told', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const app = openBelfry(given, parts)
  await app.start()
  const first = await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(2), actor: robot, id: 'first' })
  const second = await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(2), actor: robot, id: 'second' })
  const rhythm = await app.schedule(parts.ring({ bell: 'a' }), { every: seconds(2), actor: robot, id: 'rhythm' })
  assert.equal(await first.cancel(), true)
  assert.equal(await first.cancel(), false)
  await pass(given.clock, [app], 3)
  assert.deepEqual([await second.cancel(), await rhythm.cancel(), await app.schedules.cancel('unknown')], [false, true, false])
  await pass(given.clock, [app], 10)
  assert.deepEqual(await rungAt(given.store, start), { second: [2], rhythm: [2] })
  assert.deepEqual(
    (await app.schedules.list()).map(({ id }) => id),
    ['second'],
  )
})

onEveryStore('what cannot be executed as it is kept is refused at once', async (given) => {
  const parts = belfry()
  const app = openBelfry(given, parts)
  const call = parts.ring({ bell: 'a' })
  const at = new Date(given.clock.now())
  await assert.rejects(app.schedule(parts.ring({ bell: 7 as never }), { at, actor: robot }), { code: 'ES_VALIDATION' })
  await assert.rejects(app.schedule({ command: 'Ring', input: { bell: 7n } }, { at, actor: robot }), { code: 'ES_SERIALIZATION' })
  await assert.rejects(app.schedule({ command: 'Rang', input: {} }, { at, actor: robot }), { code: 'ES_UNKNOWN_COMMAND' })
  await assert.rejects(app.schedule(call, { at, actor: undefined as never }), { code: 'ES_VALIDATION' })
  await assert.rejects(app.schedule(call, { at, actor: { id: 'x' } as never }), { code: 'ES_VALIDATION' })
  await assert.rejects(app.schedule(call, { at: new Date(Number.NaN), actor: robot }), { code: 'ES_VALIDATION' })
  await assert.rejects(app.schedule(call, { at, actor: robot, id: '' }), { code: 'ES_VALIDATION' })
  await assert.rejects(app.schedule(call, { actor: robot } as never), { code: 'ES_DEFINITION' })
  await assert.rejects(app.schedule(call, { at, after: seconds(1), actor: robot } as never), { code: 'ES_DEFINITION' })
  await assert.rejects(app.schedule(call, { every: seconds(0), actor: robot }), { code: 'ES_DEFINITION' })
  assert.deepEqual(await app.schedules.list(), [])
})

onEveryStore('schedules of two tenants know nothing of each other, and the default tenant lists all', async (given) => {
  const parts = belfry()
  const app = openBelfry(given, parts)
  const acme = app.forTenant('acme')
  await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot, id: 'x' })
  await acme.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot, id: 'x' })
  await acme.schedule(parts.ring({ bell: 'a' }), { after: seconds(9), actor: robot, id: 'y' })
  await app.start()
  await pass(given.clock, [app], 2)
  assert.deepEqual(
    (await app.schedules.list()).map(({ tenant, id, status }) => [tenant, id, status]),
    [
      ['', 'x', 'done'],
      ['acme', 'x', 'done'],
      ['acme', 'y', 'waiting'],
    ],
  )
  assert.equal((await acme.schedules.list({ limit: 1, after: { tenant: 'acme', id: 'x' } }))[0]?.id, 'y')
  for (const one of [app, acme]) assert.equal((await one.streams.info('bell-a'))?.version, 1)
  assert.deepEqual([await app.schedules.cancel('y'), await acme.schedules.cancel('y')], [false, true])
})

onEveryStore('two apps on one store execute each run once, and one that has not the command leaves it to the other', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const apps = [
    openBelfry(given, parts),
    openBelfry(given, parts),
    given.tend(testApp({ store: given.store, clock: given.clock, commands: [] })),
  ] as const
  for (const app of apps) await app.start()
  for (let n = 1; n <= 40; n++) {
    await apps[n % 2 === 0 ? 0 : 1].schedule(parts.ring({ bell: `${n % 3}` }), { after: seconds(1 + (n % 5)), actor: robot, id: `${n}` })
  }
  await apps[0].schedule(parts.ring({ bell: 'r' }), { every: seconds(2), actor: robot, id: 'rhythm' })
  await pass(given.clock, apps, 8)
  const rung = await rungAt(given.store, start)
  for (let n = 1; n <= 40; n++) assert.deepEqual(rung[`${n}`], [1 + (n % 5)], `schedule ${n}`)
  assert.deepEqual(rung['rhythm'], [2, 4, 6, 8])
})

onEveryStore('an app that works on nothing else looks for what others have scheduled', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const worker = openBelfry(given, parts)
  await worker.start()
  await worker.settle()
  const desk = openBelfry(given, parts)
  await desk.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot, id: 'a' })
  while ((await rungAt(given.store, start))['a'] === undefined) {
    await given.clock.advance(seconds(1))
    await turns()
  }
})

onEveryStore('a lease and a rhythm that are no whole number of milliseconds are rounded, and kept', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const app = openBelfry(given, parts, { defaults: { subscriptions: { lease: { minutes: 1 / 7 } } } })
  await app.start()
  await app.schedule(parts.ring({ bell: 'a' }), { every: { days: 1 / 7 }, actor: robot, id: 'a' })
  await given.clock.advance({ days: 1 / 7 })
  await app.settle()
  assert.deepEqual(await rungAt(given.store, start), { a: [12_342.857] })
})

onEveryStore('a slow command does not keep others from their time', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const slow = moment()
  const gate = async (context: { readonly input: unknown }, next: () => Promise<unknown>) => {
    if ((context.input as { readonly bell: string }).bell === 'slow') await slow.promise
    return next()
  }
  const app = openBelfry(given, parts, { middleware: [gate] })
  await app.start()
  await app.schedule(parts.ring({ bell: 'slow' }), { after: seconds(1), actor: robot, id: 'slow' })
  await app.schedule(parts.ring({ bell: 'quick' }), { after: seconds(2), actor: robot, id: 'quick' })
  while ((await rungAt(given.store, start))['quick'] === undefined) {
    await given.clock.advance(seconds(1))
    await turns()
  }
  slow.resolve()
  await app.settle()
  assert.deepEqual(await rungAt(given.store, start), { quick: [2], slow: [1] })
})

onEveryStore('what is done is forgotten after the time for which outcomes are kept', async (given) => {
  const parts = belfry()
  const app = openBelfry(given, parts, { defaults: { command: { keepOutcome: { hours: 5 } }, subscriptions: { lease: { hours: 1 } } } })
  await app.start()
  await app.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot, id: 'a' })
  await pass(given.clock, [app], 1)
  await given.clock.advance({ hours: 4 })
  await app.settle()
  assert.equal((await app.schedules.list()).length, 1)
  await given.clock.advance({ hours: 2 })
  await app.settle()
  assert.deepEqual(await app.schedules.list(), [])
})

onEveryStore('an app that stops waits for what runs, and begins nothing more', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const { gate, reached, thaw } = freezing()
  const app = openBelfry(given, parts, { middleware: [gate] })
  await app.start()
  for (const id of ['a', 'b']) await app.schedule(parts.ring({ bell: id }), { after: seconds(id === 'a' ? 1 : 2), actor: robot, id })
  await given.clock.advance(seconds(1))
  await reached
  const stopped = app.stop({ keepStore: true })
  await given.clock.advance(seconds(60))
  thaw()
  await stopped
  assert.deepEqual(await rungAt(given.store, start), { a: [1] })
  const next = openBelfry(given, parts)
  assert.equal((await next.schedules.get('a'))?.status, 'done')
  await next.settle()
  assert.deepEqual(await rungAt(given.store, start), { a: [1], b: [2] })
})
