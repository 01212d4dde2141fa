/**
 * Every option of `createApp` and of its `defaults` changes what an app does; a new option without a test here fails the walk.
 * As long as the list of options.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import type { Duration } from '../../src/core/duration.ts'
import type { AppendRequest, EventStore } from '../../src/core/event-store.ts'
import {
  aggregate,
  ConcurrencyError,
  command,
  createApp,
  type Defaults,
  event,
  eventHandler,
  memory,
  processManager,
  projection,
} from '../../src/index.ts'
import { toSettings } from '../../src/runtime/settings.ts'
import { moment, turns } from './in-front-of.ts'
import { type Given, onEveryStore, onStore } from './on-every-store.ts'
import { all, ann, recorder } from './open-bank.ts'
import { quietly } from './quietly.ts'

const Added = event('Added', z.object({ n: z.number() }))
const Sum = aggregate('sum', {
  events: [Added],
  initial: () => ({ n: 0 }),
  evolve: { Added: (state, { data }) => ({ n: state.n + data.n }) },
})
const add = command(Sum, 'Add', {
  input: z.object({ id: z.string().default('1'), n: z.number().default(1) }),
  id: ({ id }) => id,
  decide: ({ input }) => {
    if (input.n === 0) return undefined
    if (input.n < 0) throw new Error('below zero')
    return Added({ n: input.n })
  },
})
const sums = projection('sums', {
  events: [Added],
  consistency: 'transactional',
  key: ({ subject }) => subject,
  initial: () => ({ n: 0 }),
  evolve: { Added: (row, { data }) => ({ n: row.n + data.n }) },
})

/** An app that adds, on the store of a test. */
function adder({ store, clock, tend }: Given, options: Record<string, unknown> = {}) {
  const signals = recorder()
  const app = tend(createApp({ store, clock, commands: [add], observer: signals, random: () => 0.5, ...options } as never)) as any
  return {
    app,
    signals,
    add: (n = 1, more: Record<string, unknown> = {}, id = '1') => app.execute(add({ id, n }), { actor: ann, ...more }),
    state: async (id = '1') => (await app.stats(Sum, id)).state,
    snapshots: async () => {
      await app.idle()
      return (await store.snapshots.list('', 'sum-1')).map(({ version }) => version)
    },
  }
}
const withDefaults = (given: Given, defaults: Defaults, options: Record<string, unknown> = {}) => adder(given, { defaults, ...options })

/** A store that refuses every append as if somebody else had been faster, or looks into the requests. */
const infrontOfAppend = (store: EventStore, append: (requests: readonly AppendRequest[]) => ReturnType<EventStore['append']>): EventStore =>
  new Proxy(store, { get: (target, name) => (name === 'append' ? append : Reflect.get(target, name, target)) })
const alwaysRefused = (store: EventStore) =>
  infrontOfAppend(store, async (requests) => requests.map(({ stream }) => ({ kind: 'refused', error: new ConcurrencyError(stream, 0, 1) })))

/** Runs work with pauses that take no time, and tells how long they would have been. */
async function pausesOf(work: () => Promise<unknown>): Promise<readonly number[]> {
  const pauses: number[] = []
  const real = globalThis.setTimeout
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    if (ms >= 1000) return real(callback, ms) // a time limit of the store, not a pause
    pauses.push(ms)
    return real(callback, 0)
  }) as never
  try {
    await work()
  } finally {
    globalThis.setTimeout = real
  }
  return pauses
}

type Proof = (given: Given) => Promise<void>

const proofs: Readonly<Record<string, Proof>> = {
  // ── defaults.aggregate ──
  async 'defaults.aggregate.snapshot'(given) {
    const { add, snapshots } = withDefaults(given, { aggregate: { snapshot: { everyEvents: 2, keep: 2 } } })
    for (const n of [1, 1, 1, 1, 1, 1]) await add(n)
    assert.deepEqual(await snapshots(), [4, 6])
    const without = withDefaults(given, { aggregate: { snapshot: false } })
    for (let i = 0; i < 120; i++) await without.add()
    assert.deepEqual(await without.snapshots(), [4, 6])
  },
  async 'defaults.aggregate.lifespan'(given) {
    const lifespan = {
      afterEvent: { seconds: 4 },
      afterCommand: { seconds: 3 },
      afterError: { seconds: 2 },
      onTimeout: 'hibernate' as const,
    }
    const { add, state } = withDefaults(given, { aggregate: { lifespan } })
    for (const [n, seconds] of [
      [1, 4],
      [0, 3],
      [-1, 2],
    ] as const) {
      await add(n).catch(() => {})
      await given.clock.advance({ milliseconds: seconds * 1000 - 1 })
      assert.equal(await state(), 'warm', `${n}`)
      await given.clock.advance({ milliseconds: 1 })
      assert.equal(await state(), 'hibernated', `${n}`)
    }
  },
  async 'defaults.aggregate.hibernateAfter'(given) {
    const { add, state } = withDefaults(given, { aggregate: { hibernateAfter: { seconds: 3 } } })
    await add()
    await given.clock.advance({ seconds: 2 })
    assert.equal(await state(), 'warm')
    await given.clock.advance({ seconds: 1 })
    assert.equal(await state(), 'hibernated')
  },
  async 'defaults.aggregate.compareSnapshotOneIn'(given) {
    const { add, app, signals } = withDefaults(given, { aggregate: { compareSnapshotOneIn: 1, snapshot: { everyEvents: 1 } } })
    await add()
    await app.idle()
    const [snapshot] = await given.store.snapshots.list('', 'sum-1')
    await given.store.snapshots.save('', 'sum-1', { ...snapshot!, body: '[{"n":9}]' }, 1)
    await app.load(Sum, '1', { version: 1 })
    assert.equal(signals.of('snapshot.mismatch').length, 1)
  },

  // ── defaults.command ──
  async 'defaults.command.attempts'(given) {
    const { add, signals } = withDefaults({ ...given, store: alwaysRefused(given.store) }, { command: { attempts: 3 } })
    await pausesOf(() => assert.rejects(add(), { code: 'ES_CONCURRENCY' }))
    assert.equal(signals.of('aggregate.execute.start').length, 3)
  },
  async 'defaults.command.backoff'(given) {
    const { add } = withDefaults(
      { ...given, store: alwaysRefused(given.store) },
      { command: { attempts: 4, backoff: { milliseconds: 12 } } },
      { random: () => 1 },
    )
    assert.deepEqual(await pausesOf(() => assert.rejects(add())), [12, 24, 48])
  },
  async 'defaults.command.longestBackoff'(given) {
    const command = { attempts: 5, backoff: { milliseconds: 12 }, longestBackoff: { milliseconds: 30 } }
    const { add } = withDefaults({ ...given, store: alwaysRefused(given.store) }, { command }, { random: () => 1 })
    assert.deepEqual(await pausesOf(() => assert.rejects(add())), [12, 24, 30, 30])
  },
  async 'defaults.command.timeout'(given) {
    const asked = moment<void>()
    const never = infrontOfAppend(given.store, () => {
      asked.resolve()
      return new Promise(() => {})
    })
    const { add } = adder({ ...given, store: never, tend: (app) => app }, { defaults: { command: { timeout: { seconds: 3 } } } })
    const late = assert.rejects(add(), { code: 'ES_TIMED_OUT', afterMs: 3000 })
    await asked.promise
    await given.clock.advance({ seconds: 3 })
    await late
  },
  async 'defaults.command.keepOutcome'(given) {
    const { add } = withDefaults(given, { command: { keepOutcome: { hours: 1 } } })
    const key = { idempotencyKey: 'k' }
    await add(1, key)
    await given.clock.advance({ minutes: 60 })
    assert.equal((await add(1, key)).duplicate, true)
    await given.clock.advance({ minutes: 1 })
    assert.equal((await add(1, key)).duplicate, false)
  },
  async 'defaults.command.groupSize'(given) {
    const sizes: number[] = []
    const store = infrontOfAppend(given.store, (requests) => {
      sizes.push(requests.length)
      return given.store.append(requests)
    })
    const { add, app } = withDefaults({ ...given, store }, { command: { groupSize: 3 } })
    await app.prepare()
    await Promise.all(Array.from({ length: 8 }, () => add()))
    assert.deepEqual(sizes, [3, 3, 2])
  },
  async 'defaults.command.groupPatience'(given) {
    const slow = moment<undefined>()
    let asked = 0
    const validate = () => (++asked === 2 ? slow.promise : undefined)
    const { add, app } = withDefaults(given, { command: { groupPatience: { milliseconds: 77 } } }, { validate })
    await app.prepare()
    const pauses = await pausesOf(async () => {
      const both = [add(), add()]
      assert.equal((await both[0]).version, 1)
      slow.resolve(undefined)
      assert.equal((await both[1]).version, 2)
    })
    assert.ok(pauses.includes(77), `${pauses}`)
  },

  // ── defaults.memory ──
  async 'defaults.memory.warmStreams'(given) {
    const { add, app } = withDefaults(given, { memory: { warmStreams: 3 } })
    for (const id of ['1', '2', '3', '4', '5']) await add(1, {}, id)
    assert.equal((await app.stats()).aggregates.warm, 3)
  },
  async 'defaults.memory.warmRows'(given) {
    const { add, app } = withDefaults(given, { memory: { warmRows: 2 } }, { projections: [sums] })
    for (const id of ['1', '2', '3', '4', '1']) await add(1, {}, id)
    assert.equal((await app.stats()).memory.warmRows, 2)
    assert.deepEqual(await app.view(sums).get('1'), { n: 2 })
  },
  async 'defaults.memory.checkEvery'(given) {
    let looks = 0
    const heap = () => {
      looks++
      return undefined
    }
    const { add } = withDefaults(given, { memory: { checkEvery: { seconds: 2 } } }, { heap })
    await add()
    await given.clock.advance({ seconds: 9 })
    assert.equal(looks, 4)
  },
  async 'defaults.memory.elevatedAt'(given) {
    assert.equal(await levelAt(given, 0.5, { elevatedAt: 0.5 }), 'elevated')
    assert.equal(await levelAt(given, 0.49, { elevatedAt: 0.5 }), 'normal')
  },
  async 'defaults.memory.criticalAt'(given) {
    assert.equal(await levelAt(given, 0.75, { criticalAt: 0.75 }), 'critical')
    assert.equal(await levelAt(given, 0.74, { criticalAt: 0.75 }), 'elevated')
  },
  async 'defaults.memory.hysteresis'(given) {
    const levelAfterFall = async (hysteresis: number) => {
      const heap = { usedBytes: 70, limitBytes: 100 }
      const { add, app } = withDefaults(given, { memory: { elevatedAt: 0.7, hysteresis } }, { heap: () => heap })
      await add()
      await given.clock.advance({ seconds: 10 })
      heap.usedBytes = 65
      await given.clock.advance({ seconds: 10 })
      return (await app.stats()).memory.level
    }
    assert.deepEqual([await levelAfterFall(0.1), await levelAfterFall(0.01)], ['elevated', 'normal'])
  },

  // ── defaults.handlers ──
  async 'defaults.handlers.retry'(given) {
    const handler = eventHandler('told', { events: [Added], retry: { attempts: 2 }, handle: () => {} })
    const retry = { attempts: 9, backoff: { seconds: 3 }, strategy: 'fixed', jitter: false } as const
    const { app } = withDefaults(given, { handlers: { retry } }, { handlers: [handler] })
    assert.deepEqual(app.describe().handlers[0]?.retry, {
      attempts: 2,
      backoffMs: 3000,
      maxBackoffMs: 30_000,
      strategy: 'fixed',
      jitter: false,
      whenExhausted: 'dead-letter',
    })
    assert.throws(() => toSettings({ handlers: { retry: { attempts: 0 } } }), { code: 'ES_DEFINITION', message: /defaults.handlers/ })
    assert.throws(() => toSettings({ handlers: { retry: { backoff: { seconds: 0 } } } }), { code: 'ES_DEFINITION' })
  },

  // ── defaults.subscriptions ──
  async 'defaults.command.consistency'(given) {
    const seen: number[] = []
    const handler = eventHandler('told', { events: [Added], handle: ({ data }) => void seen.push(data.n) })
    const { app, add } = withDefaults(given, { command: { consistency: 'strong' } }, { handlers: [handler] })
    await app.start()
    await add(4)
    assert.deepEqual(seen, [4])
  },
  async 'defaults.subscriptions.lease'(given) {
    const handler = eventHandler('told', { events: [Added], handle: () => {} })
    const defaults = { subscriptions: { lease: { seconds: 3 } } }
    const { app } = withDefaults(given, defaults, { handlers: [handler] })
    await app.start()
    const ownerOf = async () => (await given.store.work.parts())[0]?.owner
    const first = await ownerOf()
    await given.store.work.acquire('frozen', (await given.store.work.parts()) as never)
    await given.store.work.beat('frozen', '{}')
    let seconds = 0
    for (; (await ownerOf()) !== first; seconds++) {
      await given.clock.advance({ seconds: 1 })
      await app.settle() // a look, if it was time for one, is over
    }
    assert.ok(seconds >= 4 && seconds <= 6, `taken back after ${seconds} s`)
  },
  async 'defaults.subscriptions.checkpointEvery'(given) {
    const handler = eventHandler('told', { events: [event('Never', z.object({}))], handle: () => {} })
    const { app, add } = withDefaults(given, { subscriptions: { checkpointEvery: { seconds: 2 } } }, { handlers: [handler] })
    await app.start()
    await add()
    await app.settle()
    const position = async () => (await given.store.work.parts())[0]?.position
    assert.equal(await position(), 0)
    await given.clock.advance({ seconds: 2 })
    await app.settle()
    assert.equal(await position(), 1)
  },
  async 'defaults.subscriptions.restart'(given) {
    const broken = projection('broken', {
      events: [Added],
      consistency: 'async',
      key: () => '1',
      initial: () => 0,
      evolve: { Added: () => 1 },
    })
    let failures = 0
    const work = new Proxy(given.store.work, {
      get: (target, name) =>
        name === 'commit'
          ? () => {
              failures++
              throw new Error('no')
            }
          : Reflect.get(target, name),
    })
    const store = new Proxy(given.store, { get: (target, name) => (name === 'work' ? work : Reflect.get(target, name, target)) })
    const defaults = { subscriptions: { restart: { maxRestarts: 2, within: { minutes: 1 } } } }
    const { app, add } = adder(given, { store, defaults, projections: [broken] })
    await quietly(async () => {
      await app.start()
      await add()
      await app.settle()
    })
    assert.equal((await app.subscriptions.list())[0]?.state, 'failed')
    assert.ok(failures >= 3)
  },
  async 'defaults.subscriptions.retryAtOnce'(given) {
    const attempts: number[] = []
    const handler = eventHandler('told', {
      events: [Added],
      retry: { attempts: 3, backoff: { days: 1 } },
      handle: (_, { attempt }) => {
        attempts.push(attempt)
        throw new Error('no')
      },
    })
    const { app, add } = withDefaults(given, { subscriptions: { retryAtOnce: true } }, { handlers: [handler] })
    await app.start()
    await add()
    await app.settle()
    assert.deepEqual(attempts, [1, 2, 3])
  },
  async 'defaults.subscriptions.audit'(given) {
    const audited = async (name: string, audit: { readonly every: Duration } | false) => {
      const handler = eventHandler(name, { events: [Added], handle: () => {} })
      const { app, add, signals } = withDefaults(given, { subscriptions: { audit } }, { handlers: [handler] })
      await app.start()
      await add()
      await app.settle()
      for (let second = 0; second < 10; second++) {
        await given.clock.advance({ seconds: 1 })
        await app.settle()
      }
      if (name === 'soon') while (signals.of('subscription.audit').length === 0) await turns()
      await app.stop({ keepStore: true })
      return signals.of('subscription.audit').length > 0
    }
    assert.equal(await audited('soon', { every: { seconds: 3 } }), true)
    assert.equal(await audited('later', { every: { hours: 1 } }), false)
    assert.equal(await audited('never', false), false)
  },
  async 'defaults.subscriptions.rebuild'(given) {
    const summing = (factor: number) =>
      projection('sums', {
        events: [Added],
        consistency: 'async',
        version: factor,
        key: () => 'all',
        initial: () => ({ n: 0 }),
        evolve: { Added: ({ n }, { data }) => ({ n: n + data.n * factor }) },
      })
    const before = adder(given, { projections: [summing(1)] })
    await before.app.start()
    await before.add(5)
    await before.app.settle()
    await before.app.stop({ keepStore: true })
    const sumAfter = async (rebuild: 'manual' | 'auto') => {
      const sums = summing(2)
      const { app, signals } = withDefaults(given, { subscriptions: { rebuild } }, { projections: [sums] })
      await app.start()
      if (rebuild === 'auto') while (signals.of('projection.rebuild.stop').length === 0) await turns()
      await app.settle()
      const row = await app.view(sums).get('all')
      await app.stop({ keepStore: true })
      return row.n
    }
    assert.deepEqual([await sumAfter('manual'), await sumAfter('auto')], [5, 10])
  },
  async 'defaults.subscriptions.stopWithin'(given) {
    const handler = eventHandler('told', { events: [Added], handle: () => new Promise(() => {}) })
    const { app, add } = withDefaults(given, { subscriptions: { stopWithin: { milliseconds: 30 } } }, { handlers: [handler] })
    await app.start()
    await add()
    await quietly(() => app.stop({ keepStore: true }))
  },
  async 'defaults.subscriptions.waitTimeout'(given) {
    const handler = eventHandler('told', { events: [Added], handle: () => {} })
    const { add } = withDefaults(given, { subscriptions: { waitTimeout: { seconds: 3 } } }, { handlers: [handler] })
    let message = ''
    const waiting = add(1, { waitFor: [handler] }).catch((error: Error) => {
      message = error.message
    })
    while (message === '') {
      await new Promise((resolve) => setTimeout(resolve, 10))
      await given.clock.advance({ milliseconds: 500 })
    }
    await waiting
    assert.match(message, /told was never started.* took longer than 3000 ms/)
  },

  // ── createApp ──
  async onMemoryPressure(given) {
    const levels: string[] = []
    const onMemoryPressure = ({ level }: { readonly level: string }) => void levels.push(level)
    const { add } = adder(given, { heap: () => ({ usedBytes: 90, limitBytes: 100 }), onMemoryPressure })
    await add()
    await given.clock.advance({ seconds: 10 })
    assert.deepEqual(levels, ['critical'])
  },
  async store({ clock }) {
    assert.throws(() => createApp({ store: undefined as never, commands: [add] }), { code: 'ES_DEFINITION', message: /needs a store/ })
    const own = memory({ clock })
    await createApp({ store: own, clock, commands: [add] }).execute(add({}), { actor: ann })
    assert.equal(await own.head(), 1)
  },
  async commands(given) {
    const { app } = adder(given, { commands: { add, other: 'exports are left alone' } })
    await app.execute({ command: 'Add', input: {} }, { actor: ann })
    await assert.rejects(adder(given, { commands: [] }).add(), { code: 'ES_UNKNOWN_COMMAND' })
  },
  async projections(given) {
    const { add, app } = adder(given, { projections: { sums } })
    await add(4)
    assert.deepEqual(await app.view(sums).get('1'), { n: 4 })
  },
  async processes(given) {
    const seen: number[] = []
    const process = processManager('adding', {
      events: [Added],
      commands: [add],
      correlate: () => '1',
      initial: () => 0,
      evolve: {},
      on: { Added: ({ event }) => void seen.push(event.data.n) },
    })
    const { app, add: addOne } = adder(given, { processes: [process] })
    await app.start()
    await addOne(4, { waitFor: [process] })
    assert.deepEqual(seen, [4])
  },
  async handlers(given) {
    const seen: number[] = []
    const handler = eventHandler('told', { events: [Added], handle: ({ data }) => void seen.push(data.n) })
    const { app, add: addOne } = adder(given, { handlers: [handler] })
    await app.start()
    await addOne(4, { waitFor: [handler] })
    assert.deepEqual(seen, [4])
  },
  async events(given) {
    const Renamed = event('Renamed', z.object({ a: z.string() })).upcast(z.object({ b: z.string() }), ({ a }) => ({ b: a }))
    const old = {
      id: '01900000-0000-7000-8000-000000000001',
      type: 'Renamed',
      schemaVersion: 1,
      data: '{"a":"x"}',
      metadata: '{}',
      tags: [],
    }
    await given.store.append([{ stream: 'thing-1', expectedVersion: 'none', events: [old] }])
    const read = async (options: Record<string, unknown>) =>
      ((await all(adder(given, options).app.events())) as readonly { data: unknown }[])[0]!.data
    assert.deepEqual([await read({}), await read({ events: [Renamed] })], [{ a: 'x' }, { b: 'x' }])
  },
  async middleware(given) {
    const way: string[] = []
    const layer = (name: string) => async (_: unknown, next: () => Promise<unknown>) => {
      way.push(`into ${name}`)
      const outcome = await next()
      way.push(`out of ${name}`)
      return outcome
    }
    await adder(given, { middleware: [layer('a'), layer('b')] }).add()
    assert.deepEqual(way, ['into a', 'into b', 'out of b', 'out of a'])
  },
  async authorize(given) {
    const { add } = adder(given, { authorize: ({ actor }: { actor: { id: string } }) => actor.id === 'ann' })
    await add()
    await assert.rejects(add(1, { actor: { id: 'eve', roles: [] } }), { code: 'ES_FORBIDDEN' })
  },
  async validate(given) {
    const { add } = adder(given, { validate: ({ input }: { input: { n: number } }) => (input.n > 9 ? ['too much'] : undefined) })
    await add()
    await assert.rejects(add(10), { code: 'ES_VALIDATION', message: /too much/ })
  },
  async requireAuthorize(given) {
    assert.throws(() => adder(given, { requireAuthorize: true }), { code: 'ES_DEFINITION', message: /no authorize.*Add/ })
    await adder(given, { requireAuthorize: true, authorize: () => true }).add()
  },
  async observer(given) {
    const [one, two] = [recorder(), recorder()]
    await adder(given, { observer: [one, two] }).add()
    assert.ok(one.signals.length > 0)
    assert.deepEqual(one.signals, two.signals)
  },
  async telemetry(given) {
    const work: string[] = []
    const around = ({ kind }: { readonly kind: string }, run: () => unknown) => {
      work.push(kind)
      run()
    }
    const receipt = await adder(given, { telemetry: { around, carrier: () => ({ thread: 'red' }), here: () => undefined } }).add()
    assert.deepEqual(work, ['command', 'load', 'append'])
    assert.equal(receipt.events[0].metadata.thread, 'red')
  },
  async defaults(given) {
    assert.throws(() => adder(given, { defaults: { command: { attempts: 0 } } }), {
      code: 'ES_DEFINITION',
      message: /defaults.command.attempts/,
    })
  },
  async clock(given) {
    const seen: Date[] = []
    const when = command(Sum, 'When', { input: z.object({}), id: () => '1', decide: ({ now }) => void seen.push(now) as undefined })
    await given.clock.advance({ days: 3 })
    await adder(given, { commands: [when] }).app.execute(when({}), { actor: ann })
    assert.equal(seen[0]!.toISOString(), '2030-01-04T00:00:00.000Z')
  },
  async ids(given) {
    let made = 0
    const ids = { next: () => `00000000-0000-7000-8000-${String(++made).padStart(12, '0')}` }
    const receipt = await adder(given, { ids }).add()
    assert.equal(receipt.events[0].id, '00000000-0000-7000-8000-000000000002')
    assert.equal(receipt.events[0].metadata.causationId, '00000000-0000-7000-8000-000000000001')
  },
  async nodeId(given) {
    const receipt = await adder(given, { nodeId: 0xabcdef12 }).add()
    assert.match(receipt.events[0].id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]ab-cdef12[0-9a-f]{6}$/)
    for (const nodeId of [-1, 1.5, 2 ** 32, Number.NaN]) assert.throws(() => adder(given, { nodeId }), { code: 'ES_DEFINITION' })
  },
  async random(given) {
    const { add } = adder({ ...given, store: alwaysRefused(given.store) }, { random: () => 0.25, defaults: { command: { attempts: 3 } } })
    assert.deepEqual(await pausesOf(() => assert.rejects(add())), [1.25, 2.5])
  },
  async heap(given) {
    assert.equal(await levelAt(given, 0.99, {}), 'critical')
  },
}

async function levelAt(given: Given, share: number, memoryDefaults: NonNullable<Defaults['memory']>): Promise<string> {
  const { add, app } = withDefaults(given, { memory: memoryDefaults }, { heap: () => ({ usedBytes: share * 100, limitBytes: 100 }) })
  await add()
  await given.clock.advance({ seconds: 10 })
  return (await app.stats()).memory.level
}

for (const [option, proof] of Object.entries(proofs)) {
  const everywhere =
    option.startsWith('defaults.memory.') || option.startsWith('defaults.aggregate.') ? onStore.bind(undefined, 'memory') : onEveryStore
  everywhere(`the option ${option} changes what an app does`, proof)
}

/** The members of an interface in a source file, nested ones as paths. */
function membersOf(file: string, name: string): readonly string[] {
  const source = readFileSync(new URL(`../../src/runtime/${file}`, import.meta.url), 'utf8')
  const start = source.indexOf(`export interface ${name}`)
  const body = source.slice(start, source.indexOf('\n}', start))
  const members: string[] = []
  let group = ''
  for (const line of body.split('\n').slice(1)) {
    const [, indent, member, type] = /^( +)readonly (\w+)\??: (.*)$/.exec(line) ?? []
    if (!member) continue
    if (indent === '    ') members.push(`${group}.${member}`)
    else if (type === '{') group = member
    else if (/^{ readonly \w/.test(type!))
      for (const [, nested] of type!.matchAll(/readonly (\w+)\??:/g)) members.push(`${member}.${nested}`)
    else members.push(member)
  }
  return members
}

test('every option has a test above, and every test has an option', () => {
  const options = [...membersOf('settings.ts', 'Defaults').map((path) => `defaults.${path}`), ...membersOf('app.ts', 'AppOptions')]
  assert.ok(options.length > 30)
  assert.deepEqual([...options].sort(), Object.keys(proofs).sort())
})

// ── what is refused ──

const durations: Readonly<Record<string, (value: never) => Defaults>> = {
  'defaults.aggregate.hibernateAfter': (hibernateAfter) => ({ aggregate: { hibernateAfter } }),
  'lifespan.afterEvent of defaults.aggregate': (afterEvent) => ({ aggregate: { lifespan: { afterEvent } } }),
  'lifespan.afterCommand of defaults.aggregate': (afterCommand) => ({ aggregate: { lifespan: { afterCommand } } }),
  'lifespan.afterError of defaults.aggregate': (afterError) => ({ aggregate: { lifespan: { afterError } } }),
  'defaults.command.backoff': (backoff) => ({ command: { backoff } }),
  'defaults.command.longestBackoff': (longestBackoff) => ({ command: { longestBackoff } }),
  'defaults.command.timeout': (timeout) => ({ command: { timeout } }),
  'defaults.command.keepOutcome': (keepOutcome) => ({ command: { keepOutcome } }),
  'defaults.command.groupPatience': (groupPatience) => ({ command: { groupPatience } }),
  'defaults.memory.checkEvery': (checkEvery) => ({ memory: { checkEvery } }),
  'retry.backoff of defaults.handlers': (backoff) => ({ handlers: { retry: { backoff } } }),
  'retry.maxBackoff of defaults.handlers': (maxBackoff) => ({ handlers: { retry: { maxBackoff } } }),
}
const subscriptionDurations: typeof durations = {
  'defaults.subscriptions.lease': (lease) => ({ subscriptions: { lease } }),
  'defaults.subscriptions.checkpointEvery': (checkpointEvery) => ({ subscriptions: { checkpointEvery } }),
  'defaults.subscriptions.restart.within': (within) => ({ subscriptions: { restart: { within } } }),
  'defaults.subscriptions.stopWithin': (stopWithin) => ({ subscriptions: { stopWithin } }),
  'defaults.subscriptions.waitTimeout': (waitTimeout) => ({ subscriptions: { waitTimeout } }),
}
const counts: Readonly<Record<string, (value: never) => Defaults>> = {
  'defaults.aggregate.snapshot.everyEvents': (everyEvents) => ({ aggregate: { snapshot: { everyEvents } } }),
  'defaults.aggregate.snapshot.keep': (keep) => ({ aggregate: { snapshot: { keep } } }),
  'defaults.aggregate.compareSnapshotOneIn': (compareSnapshotOneIn) => ({ aggregate: { compareSnapshotOneIn } }),
  'defaults.command.attempts': (attempts) => ({ command: { attempts } }),
  'defaults.command.groupSize': (groupSize) => ({ command: { groupSize } }),
  'defaults.subscriptions.restart.maxRestarts': (maxRestarts) => ({ subscriptions: { restart: { maxRestarts } } }),
  'defaults.memory.warmStreams': (warmStreams) => ({ memory: { warmStreams } }),
  'defaults.memory.warmRows': (warmRows) => ({ memory: { warmRows } }),
  'retry.attempts of defaults.handlers': (attempts) => ({ handlers: { retry: { attempts } } }),
}

test('a duration of zero or less, or of an unknown unit, is refused with the name of its option', () => {
  for (const [name, of] of Object.entries({ ...durations, ...subscriptionDurations })) {
    for (const value of [{ seconds: 0 }, { seconds: -1 }, {}, { seconds: Number.NaN }, { fortnights: 1 }, 0, 5]) {
      assert.throws(
        () => toSettings(of(value as never)),
        (error: any) => error.code === 'ES_DEFINITION' && error.message.includes(name),
        `${name}: ${JSON.stringify(value)}`,
      )
    }
    toSettings(of({ milliseconds: 1 } as never))
  }
})

test('a count of zero or less, or no whole one, is refused with the name of its option', () => {
  for (const [name, of] of Object.entries(counts)) {
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '3']) {
      assert.throws(
        () => toSettings(of(value as never)),
        (error: any) => error.code === 'ES_DEFINITION' && error.message.includes(name),
        `${name}: ${value}`,
      )
    }
    toSettings(of(1 as never))
  }
})

test('a share of the heap outside of 0 to 1, and a critical one below the elevated one, is refused', () => {
  for (const share of [0, -0.1, 1.1, Number.NaN]) {
    assert.throws(() => toSettings({ memory: { elevatedAt: share } }), { code: 'ES_DEFINITION', message: /elevatedAt/ })
    assert.throws(() => toSettings({ memory: { criticalAt: share } }), { code: 'ES_DEFINITION', message: /criticalAt/ })
  }
  assert.throws(() => toSettings({ memory: { elevatedAt: 0.9 } }), { code: 'ES_DEFINITION', message: /must not be below/ })
})

test('the defaults are the documented ones', () => {
  assert.deepEqual(toSettings({}), {
    snapshot: { everyEvents: 100, keep: 1 },
    lifespan: { afterEvent: { minutes: 30 }, afterCommand: { minutes: 30 }, afterError: { minutes: 5 }, onTimeout: 'stop' },
    hibernateAfterMs: 60_000,
    compareSnapshotOneIn: 1000,
    attempts: 10,
    backoffMs: 5,
    longestBackoffMs: 200,
    timeoutMs: undefined,
    keepOutcomeMs: 7 * 24 * 3_600_000,
    consistency: 'eventual',
    groupSize: 256,
    groupPatienceMs: 5,
    warmStreams: 10_000,
    warmRows: 10_000,
    checkMemoryEveryMs: 10_000,
    elevatedAt: 0.7,
    criticalAt: 0.85,
    hysteresis: 0.05,
    retry: {
      attempts: 5,
      backoff: { milliseconds: 100 },
      maxBackoff: { seconds: 30 },
      strategy: 'exponential',
      jitter: true,
      whenExhausted: 'dead-letter',
    },
    leaseMs: 10_000,
    checkpointEveryMs: 1000,
    restart: { maxRestarts: 10, withinMs: 60_000 },
    retryAtOnce: false,
    stopWithinMs: 10_000,
    waitTimeoutMs: 5000,
    auditEveryMs: 60_000,
    rebuild: 'manual',
  })
})
