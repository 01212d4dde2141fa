/** Signals: each one is really sent, with the fields it promises, and whoever watches disturbs nothing. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import {
  aggregate,
  command,
  createApp,
  event,
  eventHandler,
  type Middleware,
  onSignals,
  processManager,
  projection,
  reject,
  type Signal,
  type SignalName,
  signalNames,
} from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { Account, AccountOpened, balances, deposit, openAccount } from '../domain/bank.ts'
import { inFrontOf, moment } from './in-front-of.ts'
import { type Given, onEveryStore, onStoresInProcess } from './on-every-store.ts'
import { ann, openBank, openWith, payIn, recorder } from './open-bank.ts'
import { quietly } from './quietly.ts'

const Ticked = event('Ticked', z.object({}))
const Clockwork = aggregate('clockwork', {
  events: [Ticked],
  initial: () => ({ ticks: 0 }),
  evolve: { Ticked: ({ ticks }) => ({ ticks: ticks + 1 }) },
  snapshot: { everyEvents: 2 },
  lifespan: { afterEvent: { minutes: 2 }, afterCommand: { minutes: 2 }, afterError: { minutes: 2 } },
})
const tick = command(Clockwork, 'Tick', {
  input: z.object({ how: z.enum(['once', 'never', 'no', 'wrong']).default('once') }),
  id: () => '1',
  decide: ({ input: { how } }) => {
    if (how === 'wrong') throw new Error('a spring broke')
    return how === 'no' ? reject('Stuck') : how === 'never' ? undefined : Ticked({})
  },
})

const how = z.enum(['well', 'at the second attempt', 'never', 'for nobody'])
const Rung = event('Rung', z.object({ how }))
const Bell = aggregate('bell', { events: [Rung], initial: () => ({}), evolve: { Rung: () => ({}) } })
const ring = command(Bell, 'Ring', {
  input: z.object({ bell: z.string(), how }),
  id: ({ bell }) => bell,
  decide: ({ input }) => (input.bell === 'cracked' ? reject('Cracked') : Rung({ how: input.how })),
})
const rings = projection('rings', {
  events: [Rung],
  consistency: 'async',
  key: ({ subject }) => subject,
  initial: () => ({ rings: 0 }),
  evolve: {
    Rung: (row, { data }) => {
      if (data.how === 'never') throw new Error('nothing to count')
      return { rings: row.rings + 1 }
    },
  },
})
/** A view in a model that keeps nothing, so that it is behind whenever it begins. */
const echoes = projection('echoes', {
  events: [Rung],
  consistency: 'async',
  readModel: { get: () => undefined, write: () => {}, checkpoints: () => ({}) },
  key: ({ subject }) => subject,
  initial: () => ({}),
  evolve: { Rung: () => ({}) },
})
const listener = eventHandler('listener', {
  events: [Rung],
  handle: ({ data }, { attempt }) => {
    if (data.how === 'never' || (data.how === 'at the second attempt' && attempt === 1)) throw new Error('nothing to hear')
  },
})
const impatient = eventHandler('impatient', {
  events: [Rung],
  retry: { attempts: 1, whenExhausted: 'stop' },
  handle: ({ data }) => {
    if (data.how === 'never') throw new Error('no patience')
  },
})
const lenient = eventHandler('lenient', {
  events: [Rung],
  handleBatch: (events) => {
    if (events.some(({ data }) => data.how === 'never')) throw new Error('never mind')
  },
  onError: () => 'skip',
})
const echo = processManager('echo', {
  events: [Rung],
  commands: [ring],
  correlate: ({ subject, data }) => (data.how === 'well' || data.how === 'never' ? subject : undefined),
  initial: () => ({}),
  evolve: {},
  on: {
    Rung: ({ event, send, timeout }) =>
      event.data.how === 'never'
        ? send(ring({ bell: 'cracked', how: 'well' }))
        : [
            timeout('silence', { minutes: 1 }),
            send(ring({ bell: 'e', how: 'for nobody' }), { undo: ring({ bell: 'e', how: 'for nobody' }) }),
          ],
  },
  timeouts: { silence: ({ compensate, complete }) => [compensate(), complete()] },
})

/** Makes everything happen that happens to what follows the log. */
async function following({ store, clock, tend }: Given, observer: (signal: Signal) => void): Promise<void> {
  let failure: Error | undefined
  const work = inFrontOf(store.work, {
    commit: (works) => {
      if (!failure) return store.work.commit(works)
      const error = failure
      failure = undefined
      return Promise.reject(error)
    },
  })
  const parts = { commands: [ring], projections: [echoes, rings], handlers: [listener, impatient, lenient], processes: [echo] }
  let hidden: number | undefined
  const log = inFrontOf(store, {
    work,
    async *readAll(options) {
      for await (const page of store.readAll(options)) yield { ...page, events: page.events.filter(({ position }) => position !== hidden) }
    },
  })
  const app = tend(testApp({ ...parts, store: log, clock, observer }))
  const ringAs = async (bell: string, how: 'well' | 'at the second attempt' | 'never' | 'for nobody') => {
    await app.execute(ring({ bell, how }), { actor: ann })
    await app.settle()
  }
  await ringAs('a', 'well')
  await clock.advance({ minutes: 1 })
  await app.settle()
  hidden = (await store.head()) + 1
  await ringAs('a', 'for nobody')
  hidden = undefined
  await app.subscriptions.audit()
  await ringAs('b', 'at the second attempt')
  await ringAs('c', 'never')
  await app.process(echo).close('c', 'it is cracked', { actor: ann })
  failure = new StoreUnavailableError(store.name, 'It was switched off for a moment.')
  await ringAs('d', 'for nobody')
  const lost = (await store.work.parts()).filter(({ subscription }) => subscription === 'handler:listener')
  await store.work.acquire('somebody else', lost)
  await ringAs('d', 'for nobody')
  await app.subscriptions.pause('echo')
  await app.subscriptions.resume('echo')
  await app.subscriptions.rewind('impatient', 'beginning')
  await app.stop({ keepStore: true })
  const other = tend(testApp({ ...parts, projections: [{ ...rings, version: 2 }], store, clock, observer }))
  await other.start()
  await other.subscriptions.rebuild('rings')
  await other.stop({ keepStore: true })
  const later = tend(testApp({ commands: [ring], projections: [echoes], store, clock, observer }))
  await later.settle()
  await later.stop({ keepStore: true })
}

/** A live reader that does not keep up. */
async function overflowing({ store, clock, tend }: Given, observer: (signal: Signal) => void): Promise<void> {
  const overflown = moment()
  const watch = ({ signal }: Signal) => void (signal === 'events.overflow' && overflown.resolve())
  const app = tend(createApp({ store, clock, commands: [tick], observer: [observer, watch] }))
  const after = (await store.head()) - 1
  const reader = app.events({ after, live: true, buffer: { limit: 1, overflow: 'drop-oldest' } })[Symbol.asyncIterator]()
  await reader.next()
  for (let n = 0; n < 2; n++) await app.execute(tick({}), { actor: ann })
  await overflown.promise
  await reader.return?.()
}

type Fields = Readonly<Record<string, unknown>>

/** Makes every signal happen, for real. */
async function everything(given: Given, observer: (signal: Signal) => void): Promise<void> {
  const { store, clock, tend } = given
  let usedBytes = 0
  const more = { clock, random: () => 0.5, heap: () => ({ usedBytes, limitBytes: 100 }) }
  const ends: Middleware = async ({ context }, next) => {
    if (context['ends']) throw new Error('middleware broke')
    return next()
  }
  const make = () =>
    tend(
      createApp({ store, commands: [tick], middleware: [ends], observer, defaults: { aggregate: { compareSnapshotOneIn: 1 } }, ...more }),
    )
  const app = make()
  const ask = { actor: ann, correlationId: 'a-request' }
  await app.execute(tick({}), ask)
  await app.execute(tick({}), { ...ask, idempotencyKey: 'k' })
  await app.execute(tick({}), { ...ask, idempotencyKey: 'k' })
  await app.execute(tick({ how: 'never' }), ask)
  await app.attempt(tick({ how: 'no' }), ask)
  await assert.rejects(app.execute(tick({ how: 'wrong' }), ask), /a spring broke/)
  await assert.rejects(app.execute(tick({}), { ...ask, context: { ends: true } }), /middleware broke/)
  await app.idle()
  const other = make()
  await other.load(Clockwork, '1')
  await other.execute(tick({}), ask)
  await app.execute(tick({}), ask)
  await clock.advance({ minutes: 1 })
  await app.execute(tick({}), ask)
  await clock.advance({ minutes: 2 })
  usedBytes = 90
  await app.execute(tick({}), ask)
  await clock.advance({ seconds: 10 })
  await app.idle()
  const [snapshot] = await store.snapshots.list('', 'clockwork-1')
  await store.snapshots.save('', 'clockwork-1', { ...snapshot!, body: '[{"ticks":77}]' }, 1)
  await make().load(Clockwork, '1')
  await store.snapshots.save('', 'clockwork-1', { ...snapshot!, body: '{' }, 1)
  await make().load(Clockwork, '1')
  const bank = tend(createApp({ store, commands: [openAccount], projections: [balances], observer, ...more }))
  await bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  const owners = projection('owners', {
    events: [AccountOpened],
    consistency: 'transactional',
    key: ({ data }) => data.owner,
    initial: () => ({ accounts: 0 }),
    evolve: { AccountOpened: ({ accounts }) => ({ accounts: accounts + 1 }) },
  })
  await tend(createApp({ store, commands: [openAccount], projections: [balances, owners], observer, ...more })).prepare()
  const old = {
    id: randomUUID(),
    schemaVersion: 1,
    metadata: JSON.stringify({ correlationId: 'c', causationId: 'c', actor: null }),
    tags: [],
  }
  const closed = { ...old, type: 'AccountClosed', data: JSON.stringify({ reason: 'moved' }) }
  const unknown = { ...old, id: randomUUID(), type: 'AccountLost', data: '{}' }
  await store.append([
    { stream: 'account-old', expectedVersion: 'none', events: [closed] },
    { stream: 'account-odd', expectedVersion: 'none', events: [unknown] },
  ])
  assert.deepEqual((await bank.load(Account, 'old')).state, { status: 'closed' })
  await assert.rejects(bank.load(Account, 'odd'), { code: 'ES_UNKNOWN_EVENT' })
  await overflowing(given, observer)
  await quietly(() => following(given, observer))
  await scheduling(given, observer)
}

/** Makes everything happen that happens to schedules. */
async function scheduling({ store, clock, tend }: Given, observer: (signal: Signal) => void): Promise<void> {
  const app = tend(testApp({ commands: [tick], store, clock, observer }))
  for (const [id, how] of Object.entries({ well: undefined, badly: 'wrong' } as const)) {
    await app.schedule(tick({ ...(how && { how }) }), { after: { seconds: 1 }, actor: ann, id })
  }
  const { cancel } = await app.schedule(tick({}), { every: { days: 1 }, actor: ann, id: 'daily' })
  await cancel()
  await app.start()
  await clock.advance({ seconds: 2 })
  await app.settle()
  await app.schedules.retry('badly')
  await app.settle()
}

/** One signal of each name as it is expected; what differs from run to run is only typed. */
const expected: Readonly<Record<SignalName, Fields>> = {
  'dispatch.start': { tenant: '', command: 'Tick', executionId: String, correlationId: 'a-request' },
  'dispatch.stop': { tenant: '', command: 'Tick', executionId: String, outcome: 'accepted', duplicate: false, events: 1, durationMs: 0 },
  'dispatch.exception': { tenant: '', command: 'Tick', executionId: String, error: Error, code: undefined, durationMs: 0 },
  'middleware.start': { tenant: '', command: 'Tick', executionId: String, layer: 1, name: 'ends' },
  'middleware.stop': { tenant: '', command: 'Tick', executionId: String, layer: 1, name: 'ends', durationMs: 0 },
  'middleware.exception': { tenant: '', command: 'Tick', executionId: String, layer: 1, name: 'ends', error: Error, durationMs: 0 },
  'aggregate.execute.start': { tenant: '', stream: 'clockwork-1', command: 'Tick', attempt: 1 },
  'aggregate.execute.stop': { tenant: '', stream: 'clockwork-1', command: 'Tick', attempt: 1, version: 1, events: 1, warm: false },
  'aggregate.execute.exception': { tenant: '', stream: 'clockwork-1', command: 'Tick', attempt: 1, error: Error },
  'aggregate.init': { tenant: '', stream: 'clockwork-1', version: 0, events: 0, snapshotVersion: undefined, durationMs: 0 },
  'aggregate.hibernate': { tenant: '', stream: 'clockwork-1', version: 4, characters: '[{"ticks":4}]'.length },
  'aggregate.passivate': { tenant: '', stream: 'clockwork-1', version: Number, reason: 'idle' },
  'aggregate.activate': { tenant: '', stream: 'clockwork-1', version: 2, from: 'snapshot' },
  'aggregate.unreadable': { tenant: '', stream: 'account-odd', code: 'ES_UNKNOWN_EVENT', error: Error },
  'aggregate.conflict': { tenant: '', stream: 'clockwork-1', command: 'Tick', attempt: 1, code: 'ES_CONCURRENCY' },
  'snapshot.save': { tenant: '', stream: 'clockwork-1', version: 2, characters: '[{"ticks":2}]'.length },
  'snapshot.load': { tenant: '', stream: 'clockwork-1', version: 2 },
  'snapshot.mismatch': { tenant: '', stream: 'clockwork-1', version: Number },
  'snapshot.failed': { tenant: '', stream: 'clockwork-1', version: Number, error: Error },
  'idempotency.hit': { tenant: '', key: 'k', command: 'Tick' },
  'idempotency.miss': { tenant: '', key: 'k', command: 'Tick' },
  'event.upcast': { tenant: '', stream: 'account-old', type: 'AccountClosed', version: 1, from: 1, to: 2 },
  'memory.pressure': { level: 'critical', usedBytes: 90, limitBytes: 100, factor: 0.1 },
  'events.overflow': { tenant: '', overflow: 'drop-oldest', events: 1, after: Number, to: Number },
  'subscription.start': { kind: 'handler', name: 'impatient', part: '0/1', epoch: Number },
  'subscription.stop': { kind: 'handler', name: 'listener', part: '0/1', epoch: Number },
  'subscription.events': { kind: String, name: String, part: '0/1', events: 1, position: Number, durationMs: 0 },
  'subscription.restart': { kind: String, name: String, part: '0/1', error: Error },
  'subscription.failed': { kind: 'handler', name: 'impatient', part: '0/1', error: Error },
  'subscription.pause': { kind: 'process', name: 'echo', part: '0/1' },
  'subscription.resume': { kind: 'process', name: 'echo', part: '0/1' },
  'subscription.rewind': { kind: 'handler', name: 'impatient', part: '0/1', from: Number, to: 0 },
  'subscription.audit': { kind: String, name: String, part: '0/1', after: 0, to: Number, events: Number, durationMs: Number },
  'subscription.hole': {
    kind: String,
    name: String,
    part: '0/1',
    after: Number,
    to: Number,
    expected: Number,
    actual: Number,
    positions: Array,
  },
  'lease.lost': { kind: 'handler', name: 'listener', part: '0/1', epoch: Number },
  'handler.event.start': { tenant: '', handler: String, type: 'Rung', stream: 'bell-a', position: Number, attempt: 1, batch: 1 },
  'handler.event.stop': {
    tenant: '',
    handler: String,
    type: 'Rung',
    stream: 'bell-a',
    position: Number,
    attempt: 1,
    batch: 1,
    durationMs: 0,
  },
  'handler.event.exception': {
    tenant: '',
    handler: 'listener',
    type: 'Rung',
    stream: 'bell-b',
    position: Number,
    attempt: 1,
    batch: 1,
    error: Error,
    durationMs: 0,
  },
  'handler.retry': {
    kind: 'handler',
    name: 'listener',
    part: '0/1',
    tenant: '',
    key: 'bell-b',
    position: Number,
    attempts: 1,
    error: Object,
    dueAt: Number,
  },
  'handler.dead-letter': {
    kind: String,
    name: String,
    part: '0/1',
    tenant: '',
    key: String,
    position: Number,
    attempts: 5,
    error: Object,
  },
  'handler.skip': {
    kind: 'handler',
    name: 'lenient',
    part: '0/1',
    tenant: '',
    key: 'bell-c',
    position: Number,
    attempts: 1,
    error: Object,
  },
  'projection.event': { projection: String, part: '0/1', tenant: '', key: 'a', type: 'Rung', position: Number },
  'projection.checkpoint': { projection: String, part: '0/1', position: Number, events: Number, durationMs: 0 },
  'projection.exception': { projection: 'rings', part: '0/1', tenant: '', key: 'c', position: Number, attempt: 1, error: Error },
  'projection.changed': { projection: 'rings', rebuild: 'manual' },
  'projection.rebuild.start': { projection: 'rings', comparison: false, position: 0, head: Number },
  'projection.rebuild.progress': {
    projection: 'rings',
    comparison: false,
    position: 0,
    head: Number,
    events: 0,
    perSecond: 0,
    etaMs: undefined,
  },
  'projection.rebuild.stop': { projection: 'rings', outcome: 'switched', position: Number, events: Number, durationMs: 0 },
  'read-model.behind': { projection: 'echoes', part: '0/1', position: Number, checkpoint: 0 },
  'process.start': { process: 'echo', tenant: '', instance: 'a' },
  'process.command': {
    process: 'echo',
    tenant: '',
    instance: 'a',
    command: 'Ring',
    undo: false,
    outcome: 'accepted',
    duplicate: false,
    reason: undefined,
  },
  'process.compensate': { process: 'echo', tenant: '', instance: 'a', commands: 1 },
  'process.timer': { process: 'echo', tenant: '', instance: 'a', timer: 'silence', change: 'set' },
  'process.stuck': { process: 'echo', tenant: '', instance: 'c', name: 'Ring', reason: String },
  'process.act': { process: 'echo', tenant: '', instance: 'c', act: 'close', actor: ann, reason: 'it is cracked' },
  'process.stop': { process: 'echo', tenant: '', instance: 'a', compensated: true, durationMs: 60_000 },
  'schedule.set': { tenant: '', schedule: 'well', command: 'Tick', dueAt: Number, everyMs: undefined },
  'schedule.run': {
    tenant: '',
    schedule: String,
    command: 'Tick',
    dueAt: Number,
    attempt: 1,
    outcome: String,
    code: undefined,
    duplicate: false,
    lateMs: Number,
    durationMs: 0,
  },
  'schedule.failed': { tenant: '', schedule: 'badly', command: 'Tick', dueAt: Number, attempts: 5, error: Object },
  'schedule.retry': { tenant: '', schedule: 'badly', command: 'Tick', dueAt: Number },
  'schedule.cancel': { tenant: '', schedule: 'daily', command: 'Tick' },
  'projection.rebuilt': { projection: 'balances', rows: 0, events: 0, durationMs: 0 },
}

function assertLike(signal: Fields, fields: Fields): void {
  const { signal: name, ...rest } = signal
  assert.deepEqual(Object.keys(rest).sort(), Object.keys(fields).sort(), `the fields of ${name}`)
  for (const [field, value] of Object.entries(fields)) {
    if (value === String) assert.equal(typeof rest[field], 'string', `${name}.${field}`)
    else if (value === Number) assert.equal(typeof rest[field], 'number', `${name}.${field}`)
    else if (value === Object) assert.equal(typeof (rest[field] as Error).message, 'string', `${name}.${field}`)
    else if (value === Array) assert.ok(Array.isArray(rest[field]), `${name}.${field}`)
    else if (value === Error) assert.ok(rest[field] instanceof Error, `${name}.${field}`)
    else assert.deepEqual(rest[field], value, `${name}.${field}`)
  }
}

onStoresInProcess('every signal is sent for real, with exactly the fields that it promises', async (given) => {
  const signals = recorder()
  await everything(given, signals)
  for (const name of signalNames) {
    const [first] = signals.of(name)
    assert.ok(first, `${name} was never sent`)
    assertLike(first as unknown as Fields, expected[name])
  }
  const known: ReadonlySet<string> = new Set(signalNames)
  assert.deepEqual(
    signals.signals.filter(({ signal }) => !known.has(signal)),
    [],
  )
})

onEveryStore('the signals of one command share its execution id, and tell what it came to', async (given) => {
  const signals = recorder()
  await everything(given, signals)
  const stops = signals.of('dispatch.stop').map(({ outcome, duplicate, code, events }) => [outcome, duplicate, code, events])
  assert.deepEqual(stops.slice(0, 5), [
    ['accepted', false, undefined, 1],
    ['accepted', false, undefined, 1],
    ['accepted', true, undefined, 1],
    ['empty', false, undefined, 0],
    ['rejected', false, 'Stuck', 0],
  ])
  const ends = new Set([...signals.of('dispatch.stop'), ...signals.of('dispatch.exception')].map(({ executionId }) => executionId))
  const starts = signals.of('dispatch.start').map(({ executionId }) => executionId)
  assert.deepEqual([...ends].sort(), [...starts].sort())
})

onEveryStore('the signals of a part, of a handling and of an instance come in order, and every start has its end', async (given) => {
  const signals = recorder()
  await quietly(() => following(given, signals))
  const starts = signals.of('subscription.start').map(({ kind, name, part, epoch }) => [kind, name, part, epoch].join())
  const stops = signals.of('subscription.stop').map(({ kind, name, part, epoch }) => [kind, name, part, epoch].join())
  assert.deepEqual(stops.toSorted(), starts.toSorted())
  assert.deepEqual(
    signals.signals.flatMap((one) =>
      'handler' in one && one.handler === 'listener' && one.stream === 'bell-b' ? [one.signal, one.attempt] : [],
    ),
    ['handler.event.start', 1, 'handler.event.exception', 1, 'handler.event.start', 2, 'handler.event.stop', 2],
  )
  const told = signals.signals.filter((one) => 'instance' in one)
  assert.deepEqual(
    told
      .filter(({ instance }) => instance === 'a')
      .map((one) => [one.signal, 'change' in one ? one.change : 'undo' in one ? one.undo : '']),
    [
      ['process.start', ''],
      ['process.timer', 'set'],
      ['process.command', false],
      ['process.timer', 'fired'],
      ['process.compensate', ''],
      ['process.command', true],
      ['process.stop', ''],
    ],
  )
  assert.deepEqual(
    told.filter(({ instance }) => instance === 'c').map((one) => [one.signal, 'outcome' in one ? one.outcome : '']),
    [
      ['process.start', ''],
      ...Array.from({ length: 5 }, () => ['process.command', 'failed']),
      ['process.stuck', ''],
      ['process.act', ''],
      ['process.stop', ''],
    ],
  )
})

onEveryStore('an observer that throws disturbs neither the work nor the other observers', async (given) => {
  const reported = console.error
  let complaints = 0
  console.error = () => void complaints++
  try {
    const seen = recorder()
    const broken = () => {
      throw new Error('the observer broke')
    }
    const bank = openBank(given, { observer: [broken, seen, broken] })
    await openWith(bank, 'a', ...Array.from({ length: 120 }, () => 1))
    await bank.idle()
    assert.equal((await bank.load(Account, 'a')).version, 121)
    assert.equal((await given.store.snapshots.list('', 'account-a')).length, 1)
    await bank.stop({ keepStore: true })
    assert.ok(seen.of('snapshot.save').length === 1 && complaints === seen.signals.length * 2)
  } finally {
    console.error = reported
  }
})

onEveryStore('without an observer no signal is even made: the clock is not asked for durations', async (given) => {
  let asked = 0
  const clock = {
    ...given.clock,
    now: () => {
      asked++
      return given.clock.now()
    },
  }
  const timesOf = async (observer: readonly ((signal: Signal) => void)[]) => {
    const bank = openBank({ ...given, clock }, { observer })
    await openWith(bank, `a${observer.length}`)
    asked = 0
    await payIn(bank, `a${observer.length}`, 1)
    return asked
  }
  const [unwatched, watched] = [await timesOf([]), await timesOf([() => {}])]
  assert.ok(unwatched < watched, `${unwatched} and ${watched}`)
})

onEveryStore('an observer may not stop a command from being answered by executing one itself', async (given) => {
  const paid: Promise<unknown>[] = []
  const bank = openBank(given, {
    observer: (signal) => {
      if (signal.signal === 'dispatch.stop' && signal.command === 'OpenAccount')
        paid.push(bank.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann }))
    },
  })
  await openWith(bank, 'a')
  await Promise.all(paid)
  assert.equal((await bank.view(balances).get('a'))?.balance, 5)
})

test('the walk has an entry for each member of the Signals interface', async () => {
  const source = readFileSync(new URL('../../src/core/observer.ts', import.meta.url), 'utf8')
  const body = source.slice(source.indexOf('export interface Signals {'), source.indexOf('/** How full the heap is'))
  const declared = [...body.matchAll(/^ {2}'([a-z.-]+)':/gm)].map(([, name]) => name)
  assert.deepEqual(declared.sort(), [...signalNames].sort())
  assert.deepEqual(Object.keys(expected).sort(), [...signalNames].sort())
})

test('an observer of a prefix is told of those signals alone', async () => {
  const seen: string[] = []
  const attempts: number[] = []
  const observer = [
    onSignals('dispatch.', ({ signal, command }) => seen.push(`${signal} ${command}`)),
    onSignals('aggregate.execute.start', ({ attempt }) => attempts.push(attempt)),
  ]
  const app = testApp({ commands: [ring], observer })
  await app.execute(ring({ bell: 'a', how: 'well' }), { actor: ann })
  assert.deepEqual(seen, ['dispatch.start Ring', 'dispatch.stop Ring'])
  assert.deepEqual(attempts, [1])
  assert.throws(() => onSignals('dispatched.', () => {}), { code: 'ES_DEFINITION' })
  await app.stop()
})
