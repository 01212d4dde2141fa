/** Snapshots: when they are taken, how many are kept, who may read them, and that they are never the truth. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { EventStore } from '../../src/core/event-store.ts'
import { type Aggregate, aggregate, command, createApp, event, type SnapshotPolicy } from '../../src/index.ts'
import { Account, deposit } from '../domain/bank.ts'
import { moment } from './in-front-of.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { all, ann, foldOf, openBank, openWith, payIn, recorder } from './open-bank.ts'

const Counted = event('Counted', z.object({ by: z.number() }))
type Count = { readonly sum: number; readonly events: number }
const counter = (
  snapshot?: SnapshotPolicy<Count> | false,
  evolve = (state: Count, { data }: { data: { by: number } }) => ({ sum: state.sum + data.by, events: state.events + 1 }),
) =>
  aggregate('counter', {
    events: [Counted],
    initial: (): Count => ({ sum: 0, events: 0 }),
    evolve: { Counted: evolve },
    ...(snapshot === undefined ? {} : { snapshot }),
  })
const countIn = (Counter: Aggregate<'counter', any, any>) =>
  command(Counter, 'Count', {
    input: z.object({ id: z.string(), events: z.int() }),
    id: ({ id }) => id,
    decide: ({ input }) => Array.from({ length: input.events }, () => Counted({ by: 1 })) as never,
  })

function counterApp({ store, clock, tend }: Given, Counter: Aggregate<'counter', any, any>, more: object = {}) {
  const signals = recorder()
  const count = countIn(Counter)
  const app = tend(createApp({ store, clock, commands: [count], observer: signals, random: () => 0.5, ...more }))
  return {
    app,
    signals,
    snapshots: app.snapshots(Counter, '1'),
    load: (options = {}) => app.load(Counter, '1', options),
    /** One command of so many events, and the background work behind it. */
    async count(...events: readonly number[]) {
      for (const n of events) {
        await app.execute(count({ id: '1', events: n }), { actor: ann })
        await app.idle()
      }
    },
  }
}
const versions = async (snapshots: { list(): Promise<readonly { version: number }[]> }) =>
  (await snapshots.list()).map(({ version }) => version)

onEveryStore('one is taken whenever a multiple of everyEvents is crossed, also by a batch that jumps over it', async (given) => {
  const { count, snapshots } = counterApp(given, counter({ everyEvents: 5, keep: 99 }))
  await count(4)
  assert.deepEqual(await versions(snapshots), [])
  await count(3, 1, 2, 1, 23)
  assert.deepEqual(await versions(snapshots), [7, 10, 34])
})

onEveryStore('a group of commands that crosses several multiples takes one, at its end', async (given) => {
  const { app, count, snapshots } = counterApp(given, counter({ everyEvents: 2, keep: 99 }))
  await count(1)
  const deposits = app.execute({ command: 'Count', input: { id: '1', events: 3 } }, { actor: ann })
  await Promise.all([deposits, app.execute({ command: 'Count', input: { id: '1', events: 3 } }, { actor: ann })])
  await app.idle()
  assert.deepEqual(await versions(snapshots), [7])
})

onEveryStore('the newest keep of a fingerprint are kept; by default one, every 100 events', async (given) => {
  const three = counterApp(given, counter({ everyEvents: 2, keep: 3 }))
  await three.count(2, 2, 2, 2, 2)
  assert.deepEqual(await versions(three.snapshots), [6, 8, 10])
  const usual = counterApp(given, counter())
  await usual.count(89)
  assert.deepEqual(await versions(usual.snapshots), [6, 8, 10])
  await usual.count(1, 100)
  assert.deepEqual(await versions(usual.snapshots), [200])
})

onEveryStore('by hand: take, latest, list and delete, of one version or all', async (given) => {
  const { count, snapshots, signals } = counterApp(given, counter({ keep: 9 }))
  assert.deepEqual(
    [await snapshots.latest(), await snapshots.list(), await snapshots.take(), await snapshots.delete()],
    [undefined, [], undefined, 0],
  )
  for (const _ of [1, 2, 3]) {
    await count(1)
    await given.clock.advance({ seconds: 1 })
    const { version, takenAt, current } = (await snapshots.take())!
    assert.deepEqual({ version, takenAt: takenAt.getTime(), current }, { version: _, takenAt: given.clock.now(), current: true })
  }
  assert.equal((await snapshots.latest())?.version, 3)
  assert.equal((await snapshots.take())?.version, 3)
  assert.deepEqual(await versions(snapshots), [1, 2, 3])
  assert.deepEqual([await snapshots.delete(2), await snapshots.delete(2)], [1, 0])
  assert.deepEqual(await versions(snapshots), [1, 3])
  assert.equal(await snapshots.delete(), 2)
  assert.deepEqual(
    signals.of('snapshot.save').map(({ version, stream }) => [stream, version]),
    [1, 2, 3, 3].map((version) => ['counter-1', version]),
  )
})

onEveryStore('a load from a snapshot is the snapshot plus the events after it, the one at its version not again', async (given) => {
  const first = counterApp(given, counter({ everyEvents: 3 }))
  await first.count(1, 1, 1, 1, 1)
  const second = counterApp(given, counter({ everyEvents: 3 }))
  assert.deepEqual(await second.load(), { state: { sum: 5, events: 5 }, version: 5, exists: true })
  const [init] = second.signals.of('aggregate.init')
  assert.deepEqual([init!.snapshotVersion, init!.events, init!.version], [3, 2, 5])
  await second.count(1)
  assert.deepEqual((await second.load()).state, { sum: 6, events: 6 })
  assert.deepEqual((await counterApp(given, counter({ everyEvents: 3 })).load()).state, { sum: 6, events: 6 })
})

onEveryStore('a load as of a version takes the newest snapshot at or below it', async (given) => {
  const first = counterApp(given, counter({ everyEvents: 2, keep: 9 }))
  await first.count(1, 1, 1, 1, 1)
  const second = counterApp(given, counter({ everyEvents: 2, keep: 9 }))
  for (const [version, snapshotVersion] of [
    [1, undefined],
    [2, 2],
    [3, 2],
    [4, 4],
    [5, 4],
  ] as const) {
    assert.deepEqual((await second.load({ version })).state, { sum: version, events: version })
    assert.equal(second.signals.of('aggregate.init').at(-1)!.snapshotVersion, snapshotVersion)
  }
  await second.load({ at: new Date(given.clock.now()) })
  assert.equal(second.signals.of('aggregate.init').at(-1)!.snapshotVersion, undefined)
})

onEveryStore('a state that is no JSON is kept through save and restore', async (given) => {
  const Seen = aggregate('counter', {
    events: [Counted],
    initial: () => new Map<number, number>(),
    evolve: { Counted: (state, { data, version }) => new Map(state).set(version, data.by) },
    snapshot: { everyEvents: 2, save: (state) => [...state], restore: (body: [number, number][]) => new Map(body) },
  })
  await counterApp(given, Seen).count(2, 1)
  const again = counterApp(given, Seen, { defaults: { aggregate: { compareSnapshotOneIn: 1 } } })
  assert.deepEqual(
    (await again.load()).state,
    new Map([
      [1, 1],
      [2, 1],
      [3, 1],
    ]),
  )
  assert.deepEqual([again.signals.of('snapshot.load').length, again.signals.of('snapshot.mismatch').length], [1, 0])
})

onEveryStore('a changed fold ignores the snapshots of another build and leaves them to it', async (given) => {
  const old = counterApp(given, counter({ everyEvents: 2 }))
  await old.count(2)
  const doubled = counter({ everyEvents: 2 }, (state, { data }) => ({ sum: state.sum + data.by * 2, events: state.events + 1 }))
  const next = counterApp(given, doubled)
  assert.deepEqual((await next.load()).state, { sum: 4, events: 2 })
  assert.equal(next.signals.of('snapshot.load').length, 0)
  assert.deepEqual(
    (await next.snapshots.list()).map(({ version, current }) => [version, current]),
    [[2, false]],
  )
  await next.count(2)
  const seen = async (app: typeof next) => (await app.snapshots.list()).map(({ version, current }) => [version, current])
  assert.deepEqual(await seen(next), [
    [2, false],
    [4, true],
  ])
  assert.deepEqual(await seen(old), [
    [2, true],
    [4, false],
  ])
  const third = counterApp(given, counter({ everyEvents: 2 }))
  assert.deepEqual((await third.load()).state, { sum: 4, events: 4 })
  assert.equal(third.signals.of('snapshot.load')[0]?.version, 2)
  const raised = counterApp(given, counter({ everyEvents: 2, version: 2 }))
  await raised.load()
  assert.equal(raised.signals.of('snapshot.load').length, 0)
})

onEveryStore('a snapshot beyond the end of its stream is discarded', async (given) => {
  const { count, load, snapshots, app, signals } = counterApp(given, counter({ everyEvents: 2 }))
  await count(1)
  await snapshots.take()
  const [stored] = await given.store.snapshots.list('', 'counter-1')
  await given.store.snapshots.save('', 'counter-1', { ...stored!, version: 9, body: '[{"sum":99,"events":9}]' }, 9)
  const fresh = counterApp(given, counter({ everyEvents: 2 }))
  assert.deepEqual((await fresh.load()).state, { sum: 1, events: 1 })
  await fresh.app.idle()
  assert.deepEqual(await versions(snapshots), [1])
  assert.deepEqual((await load()).version, 1)
  assert.equal(fresh.signals.of('snapshot.load').filter(({ version }) => version === 9).length, 0)
  await app.idle()
  assert.equal(signals.of('snapshot.failed').length, 0)
})

onEveryStore('a snapshot that differs from the full fold is found by comparison, told, discarded and not used', async (given) => {
  const first = counterApp(given, counter({ everyEvents: 2 }))
  await first.count(2, 1)
  const [stored] = await given.store.snapshots.list('', 'counter-1')
  await given.store.snapshots.save('', 'counter-1', { ...stored!, body: '[{"sum":999,"events":2}]' }, 1)
  const trusting = counterApp(given, counter({ everyEvents: 2 }))
  assert.equal(((await trusting.load()).state as Count).sum, 1000)
  const careful = counterApp(given, counter({ everyEvents: 2 }), { defaults: { aggregate: { compareSnapshotOneIn: 1 } } })
  assert.deepEqual((await careful.load()).state, { sum: 3, events: 3 })
  assert.deepEqual(
    careful.signals.of('snapshot.mismatch').map(({ stream, version, tenant }) => [stream, version, tenant]),
    [['counter-1', 2, '']],
  )
  await careful.app.idle()
  assert.deepEqual(await versions(careful.snapshots), [])
})

onEveryStore('one load in compareSnapshotOneIn is compared, by the random number that the app is given', async (given) => {
  const drawn = [0.24, 0.26, 0.9, 0]
  const { app, count, load, signals } = counterApp(given, counter({ everyEvents: 2 }), {
    defaults: { aggregate: { compareSnapshotOneIn: 4 } },
    random: () => drawn.shift() ?? 0.5,
  })
  await count(2)
  const [stored] = await given.store.snapshots.list('', 'counter-1')
  const found: number[] = []
  for (const _ of [1, 2, 3, 4]) {
    await given.store.snapshots.save('', 'counter-1', { ...stored!, body: '[{"sum":7,"events":2}]' }, 1)
    await load({ version: 2 })
    found.push(signals.of('snapshot.mismatch').length)
    await app.idle() // one that differs is discarded behind the load; the next one must not go with it
  }
  assert.deepEqual(found, [1, 1, 1, 2])
})

onEveryStore('what a snapshot cannot be restored from is no reason to fail: the events are the truth', async (given) => {
  const first = counterApp(given, counter({ everyEvents: 2 }))
  await first.count(3)
  const [stored] = await given.store.snapshots.list('', 'counter-1')
  await given.store.snapshots.save('', 'counter-1', { ...stored!, body: 'not JSON' }, 1)
  const { load, count, app, signals, snapshots } = counterApp(given, counter({ everyEvents: 2 }))
  assert.deepEqual((await load()).state, { sum: 3, events: 3 })
  await app.idle()
  await count(1)
  assert.deepEqual((await load()).state, { sum: 4, events: 4 })
  assert.deepEqual(await versions(snapshots), [4])
  assert.equal(signals.of('snapshot.failed').length, 1)
})

class Box {
  readonly n: number
  constructor(n: number) {
    this.n = n
  }
}
const boxed = aggregate('counter', {
  events: [Counted],
  initial: () => new Box(0),
  evolve: { Counted: (state) => new Box(state.n + 1) as never },
})

onEveryStore('a state without a text signals snapshot.failed, and its commands go on', async (given) => {
  const { count, load, signals, snapshots } = counterApp(given, boxed, { defaults: { aggregate: { snapshot: { everyEvents: 2 } } } })
  await count(2, 2, 1)
  assert.deepEqual((await load()).state, new Box(5))
  const failed = signals.of('snapshot.failed')
  assert.deepEqual(
    failed.map(({ version, error }) => [version, (error as { code: string }).code]),
    [
      [2, 'ES_SERIALIZATION'],
      [4, 'ES_SERIALIZATION'],
    ],
  )
  assert.deepEqual(await versions(snapshots), [])
  await assert.rejects(snapshots.take(), { code: 'ES_SERIALIZATION' })
})

onEveryStore('snapshot: false takes none, reads none, and refuses to take one by hand', async (given) => {
  await counterApp(given, counter({ everyEvents: 2 })).count(2)
  const { count, load, signals, snapshots } = counterApp(given, counter(false), {
    defaults: { aggregate: { snapshot: { everyEvents: 1 } } },
  })
  await count(2, 2)
  assert.equal((await load({ version: 4 })).version, 4)
  assert.deepEqual([signals.of('snapshot.save').length, signals.of('snapshot.load').length], [0, 0])
  assert.deepEqual(await versions(snapshots), [2])
  await assert.rejects(snapshots.take(), { code: 'ES_DEFINITION', message: /snapshot: false/ })
})

/** A store whose snapshots wait until they are let go. */
function holdingSnapshots(store: EventStore): { readonly store: EventStore; release(): void; readonly waiting: () => number } {
  let waiting = 0
  const released = moment<void>()
  const snapshots = new Proxy(store.snapshots, {
    get: (target, name) =>
      name === 'save'
        ? async (...given: Parameters<EventStore['snapshots']['save']>) => {
            waiting++
            await released.promise
            waiting--
            return target.save(...given)
          }
        : Reflect.get(target, name, target),
  })
  return {
    store: new Proxy(store, { get: (target, name) => (name === 'snapshots' ? snapshots : Reflect.get(target, name, target)) }),
    release: released.resolve,
    waiting: () => waiting,
  }
}

onEveryStore('they are taken in the background: no receipt waits for one, stopping does', async (given) => {
  const { store, release, waiting } = holdingSnapshots(given.store)
  const bank = openBank({ ...given, store }, { defaults: { aggregate: { snapshot: { everyEvents: 1 } } } })
  await openWith(bank, 'a', ...Array.from({ length: 120 }, () => 1))
  assert.equal(waiting(), 1)
  assert.equal((await bank.load(Account, 'a')).version, 121)
  let stopped = false
  const stopping = bank.stop({ keepStore: true }).then(() => {
    stopped = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(stopped, false)
  release()
  await stopping
  assert.equal((await given.store.snapshots.list('', 'account-a'))[0]?.version, 100)
})

onEveryStore('a snapshot store that fails is told, and nobody waits or fails for it', async (given) => {
  const snapshots = new Proxy(given.store.snapshots, {
    get: (target, name) => (name === 'save' ? () => Promise.reject(new Error('disk full')) : Reflect.get(target, name, target)),
  })
  const store = new Proxy(given.store, { get: (target, name) => (name === 'snapshots' ? snapshots : Reflect.get(target, name, target)) })
  const { count, load, signals } = counterApp({ ...given, store }, counter({ everyEvents: 1 }))
  await count(1, 1)
  assert.equal((await load()).version, 2)
  assert.deepEqual(
    signals.of('snapshot.failed').map(({ version, error }) => [version, (error as Error).message]),
    [
      [1, 'disk full'],
      [2, 'disk full'],
    ],
  )
})

onEveryStore('each tenant has its own', async (given) => {
  const bank = openBank(given)
  await openWith(bank.forTenant('acme'), 'a', 1)
  await bank.forTenant('acme').snapshots(Account, 'a').take()
  assert.deepEqual(await bank.snapshots(Account, 'a').list(), [])
  assert.equal(await bank.snapshots(Account, 'a').delete(), 0)
  assert.equal((await bank.forTenant('acme').snapshots(Account, 'a').list()).length, 1)
})

onEveryStore('a transaction may load from one', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', ...Array.from({ length: 100 }, () => 1))
  await bank.idle()
  const other = openBank(given)
  const loaded = await other.transaction(async (tx) => {
    await tx.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
    return tx.load(Account, 'a')
  })
  assert.deepEqual([loaded.version, (loaded.state as { balance: number }).balance], [102, 105])
  assert.equal((await other.stats()).snapshots.loaded, 2)
})

onEveryStore('whichever snapshot a load starts from, its state is the fold of all events', async (given) => {
  const { count, load, app, snapshots } = counterApp(given, counter({ everyEvents: 3, keep: 99 }))
  await count(1, 2, 4, 1, 8, 2)
  const events = await all(app.history(counter(), '1'))
  for (const { version } of [...(await snapshots.list())].reverse()) {
    assert.deepEqual((await load({ version: 18 })).state, foldOf(counter(), events))
    await snapshots.delete(version)
  }
  assert.deepEqual((await load({ version: 18 })).state, foldOf(counter(), events))
})

test('counts of zero or less are refused, and so is save without restore', () => {
  for (const snapshot of [
    { everyEvents: 0 },
    { everyEvents: -1 },
    { keep: 0 },
    { keep: 1.5 },
    { save: () => 1 },
    { restore: () => ({ sum: 0, events: 0 }) },
  ]) {
    assert.throws(() => counter(snapshot), { code: 'ES_DEFINITION' })
  }
})

onEveryStore('payIn is not slowed down by the number of events: a cold start reads one snapshot and its tail', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', ...Array.from({ length: 250 }, () => 1))
  await bank.idle()
  const signals = recorder()
  const cold = openBank(given, { observer: signals })
  await payIn(cold, 'a', 1)
  assert.deepEqual(
    signals.of('aggregate.init').map(({ events, snapshotVersion }) => [events, snapshotVersion]),
    [[51, 200]],
  )
})
