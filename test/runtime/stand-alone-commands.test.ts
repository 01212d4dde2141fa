import assert from 'node:assert/strict'
import { z } from 'zod'
import { command, createApp, event, projection, reject } from '../../src/index.ts'
import { inFrontOf } from './in-front-of.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { all, ann, counted, recorder } from './open-bank.ts'
import { onTwoProcesses } from './two-processes.ts'

const by = { actor: ann }
const UserActivated = event('UserActivated', z.object({ userId: z.int() }))
const UserGreeted = event('UserGreeted', z.object({ userId: z.int(), at: z.int() }))
const input = z.object({ userId: z.int() })
const stream = ({ userId }: { readonly userId: number }) => `user-${userId}`

const activateUser = command('ActivateUser', {
  input,
  stream,
  authorize: ({ actor }) => actor.id !== 'eve',
  validate: ({ input: { userId } }) => (userId === 13 ? ['unlucky'] : undefined),
  decide: ({ input: given }) => (given.userId === 0 ? reject('NoSuchUser') : given.userId === 1 ? undefined : UserActivated(given)),
})
/** Lists one of its events and emits the other as well. */
const greetUser = command('GreetUser', {
  input,
  stream,
  events: [UserActivated],
  decide: ({ input: { userId }, now }) => [UserActivated({ userId }), UserGreeted({ userId, at: now.getTime() })],
})

const greetings = projection('greetings', {
  events: [UserGreeted],
  consistency: 'transactional',
  key: ({ subject }) => subject,
  initial: () => ({ versions: [] as readonly number[] }),
  evolve: { UserGreeted: (row, { version }) => ({ versions: [...row.versions, version] }) },
})

const openUsers = ({ store, clock, tend }: Given, more: object = {}) =>
  tend(createApp({ store, clock, commands: [activateUser, greetUser], ...more }))

onEveryStore(
  'an accepted command without an aggregate gives exactly the event that it made, also when it does not list it',
  async (given) => {
    const app = openUsers(given)
    const receipt = await app.execute(activateUser({ userId: 123 }), { ...by, metadata: { source: 'test' } })
    assert.deepEqual(
      receipt.events.map(({ type, data, version, metadata }) => [type, data, version, metadata['source']]),
      [['UserActivated', { userId: 123 }, 1, 'test']],
    )
    assert.deepEqual([receipt.version, receipt.position, receipt.duplicate], [1, 1, false])
    assert.deepEqual(await all(app.events({ stream: 'user-123' })), receipt.events)
  },
)

onEveryStore('who may not, or asks for what is not valid, changes nothing', async (given) => {
  const { store, calls } = counted(given.store)
  const app = openUsers(given, { store })
  await assert.rejects(app.execute(activateUser({ userId: 2 }), { actor: { id: 'eve', roles: [] } }), {
    code: 'ES_FORBIDDEN',
    command: 'ActivateUser',
  })
  await assert.rejects(app.execute(activateUser({ userId: 13 }), by), { code: 'ES_VALIDATION', issues: [{ message: 'unlucky', path: [] }] })
  await assert.rejects(app.execute(activateUser({ userId: 'x' as never }), by), { code: 'ES_VALIDATION' })
  assert.deepEqual(await app.attempt(activateUser({ userId: 0 }), by), { ok: false, rejection: reject('NoSuchUser'), duplicate: false })
  assert.equal(calls['append'] ?? 0, 0)
  assert.equal((await all(app.events())).length, 0)
})

onEveryStore('one that decides nothing writes nothing, and tells the version of its stream', async (given) => {
  const app = openUsers(given)
  assert.deepEqual(await app.execute(activateUser({ userId: 1 }), by), { events: [], version: 0, position: 0, duplicate: false })
  assert.equal(await app.streams.info('user-1'), undefined)
  await app.execute(greetUser({ userId: 1 }), by)
  assert.equal((await app.execute(activateUser({ userId: 1 }), by)).version, 2)
})

onEveryStore('an event that nobody defined is refused by name, and nothing is written', async (given) => {
  const hand = command('ByHand', { input, stream, decide: (() => ({ type: 'MadeByHand', data: {} })) as never })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [hand] }))
  await assert.rejects(app.execute(hand({ userId: 2 }), by), { code: 'ES_DEFINITION', message: /ByHand returned "MadeByHand".*event\(\)/ })
  assert.equal((await all(app.events())).length, 0)
})

onEveryStore('a listed event may be made by hand: its definition checks and encodes it', async (given) => {
  const hand = command('ByHand', {
    input,
    stream,
    events: [UserActivated],
    decide: (() => ({ type: 'UserActivated', data: { userId: 7 } })) as never,
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [hand] }))
  assert.deepEqual((await app.execute(hand({ userId: 2 }), by)).events[0]?.data, { userId: 7 })
})

onEveryStore('a stream name that is none is refused', async (given) => {
  const lost = command('Lost', { input, stream: () => 'no hyphen', decide: () => UserActivated({ userId: 1 }) })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [lost] }))
  await assert.rejects(app.execute(lost({ userId: 2 }), by), { code: 'ES_STREAM_NAME' })
})

onEveryStore('a projection sees the right version, also of an event that the command does not list', async (given) => {
  const app = openUsers(given, { projections: [greetings] })
  for (const _ of [1, 2, 3]) await app.execute(greetUser({ userId: 5 }), by)
  await Promise.all([1, 2, 3, 4].map(() => app.execute(greetUser({ userId: 5 }), by)))
  const row = await (app as ReturnType<typeof openUsers> & { view(of: typeof greetings): { get(key: string): Promise<unknown> } })
    .view(greetings)
    .get('5')
  assert.deepEqual(row, { versions: [2, 4, 6, 8, 10, 12, 14] })
})

onEveryStore('32 at once on one stream all succeed, with versions of their own', async (given) => {
  const app = openUsers(given)
  const receipts = await Promise.all(Array.from({ length: 32 }, () => app.execute(activateUser({ userId: 9 }), by)))
  assert.deepEqual(
    receipts.map(({ version }) => version).sort((a, b) => a - b),
    Array.from({ length: 32 }, (_, i) => i + 1),
  )
  assert.equal((await app.stats()).commands.conflicts, 0)
})

onEveryStore('an expected version is kept to', async (given) => {
  const app = openUsers(given)
  const at = (expectedVersion: number | 'none' | 'exists' | 'any') => app.execute(activateUser({ userId: 9 }), { ...by, expectedVersion })
  await assert.rejects(at('exists'), { code: 'ES_STREAM_NOT_FOUND', stream: 'user-9' })
  assert.equal((await at('none')).version, 1)
  for (const wrong of ['none', 0, 3] as const) await assert.rejects(at(wrong), { code: 'ES_CONCURRENCY', expected: wrong, actual: 1 })
  assert.deepEqual([(await at(1)).version, (await at('any')).version, (await at('exists')).version], [2, 3, 4])
})

onEveryStore('who may not is not told the version of the stream', async (given) => {
  const app = openUsers(given)
  const eve = app.execute(activateUser({ userId: 9 }), { actor: { id: 'eve', roles: [] }, expectedVersion: 5 })
  await assert.rejects(eve, { code: 'ES_FORBIDDEN' })
})

onTwoProcesses('"any" and "exists" still hold when the stream was overtaken', async ({ here, there }) => {
  const other = openUsers(there)
  await other.execute(activateUser({ userId: 9 }), by)
  let appends = 0
  const overtaken = inFrontOf(here.store, {
    append: async (requests) => {
      if (++appends % 2 === 1) await other.execute(greetUser({ userId: 9 }), by)
      return here.store.append(requests)
    },
  })
  const app = openUsers(here, { store: overtaken, defaults: { command: { attempts: 2 } } })
  for (const expectedVersion of ['any', 'exists'] as const) {
    const receipt = await app.execute(activateUser({ userId: 9 }), { ...by, expectedVersion })
    assert.equal(receipt.events.length, 1)
    appends = 0
  }
  const exact = app.execute(activateUser({ userId: 9 }), { ...by, expectedVersion: 7 })
  await assert.rejects(exact, { code: 'ES_CONCURRENCY', expected: 7, actual: 9 })
})

onEveryStore('each one is told from its start to its end, whatever it comes to', async (given) => {
  const watch = recorder()
  const app = openUsers(given, { observer: watch })
  await app.execute(activateUser({ userId: 5 }), by)
  await app.execute(activateUser({ userId: 1 }), by)
  await app.attempt(activateUser({ userId: 0 }), by)
  await assert.rejects(app.execute(activateUser({ userId: 13 }), by))
  assert.equal(watch.of('aggregate.execute.start').length, 4)
  assert.deepEqual(
    watch.of('aggregate.execute.stop').map(({ events }) => events),
    [1, 0, 0],
  )
  assert.equal(watch.of('aggregate.execute.exception').length, 1)
})
