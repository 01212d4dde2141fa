/**
 * Warm aggregates: how many stay, how long, in which form, and that they are never the authority.
 * One subject, every lifespan of it, so the file is long.
 */
import assert from 'node:assert/strict'
import { z } from 'zod'
import type { EventStore } from '../../src/core/event-store.ts'
import { type Aggregate, aggregate, command, createApp, event, type LifespanPolicy, reject, type SnapshotPolicy } from '../../src/index.ts'
import { Account, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { moment } from './in-front-of.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { ann, counted, openBank, openWith, payIn, recorder } from './open-bank.ts'

const Turned = event('Turned', z.object({ by: z.number() }))
const wheel = (lifespan?: LifespanPolicy, snapshot?: SnapshotPolicy<any> | false) =>
  aggregate('wheel', {
    events: [Turned],
    initial: () => ({ turns: 0 }),
    evolve: { Turned: (state, { data }) => ({ turns: state.turns + data.by }) },
    ...(lifespan ? { lifespan } : {}),
    ...(snapshot === undefined ? {} : { snapshot }),
  })

function wheelApp({ store, clock, tend }: Given, Wheel: Aggregate<'wheel', any, any>, more: object = {}) {
  const signals = recorder()
  const turn = command(Wheel, 'Turn', {
    input: z.object({ id: z.string(), by: z.number() }),
    id: ({ id }) => id,
    decide: ({ input, state }) => {
      if (input.by === 0) return undefined
      if (input.by < 0) throw new Error('wheels turn forwards')
      if (state.turns > 1e6) return reject('Dizzy')
      return Turned({ by: input.by }) as never
    },
  })
  const app = tend(createApp({ store, clock, commands: [turn], observer: signals, random: () => 0.5, ...more }))
  return {
    app,
    signals,
    turn: (id: string, by = 1) => app.execute(turn({ id, by }), { actor: ann }),
    state: async (id: string) => (await app.stats(Wheel, id)).state,
    load: (id: string, options = {}) => app.load(Wheel, id, options),
    passivated: () => signals.of('aggregate.passivate').map(({ stream, reason }) => `${stream} ${reason}`),
  }
}

// ── how many ──

onEveryStore('the least recently used streams go when there are more than warmStreams', async (given) => {
  const { app, turn, state, passivated } = wheelApp(given, wheel(), { defaults: { memory: { warmStreams: 2 } } })
  await turn('1')
  await turn('2')
  await turn('1')
  await turn('3')
  assert.deepEqual(await Promise.all(['1', '2', '3'].map(state)), ['warm', 'cold', 'warm'])
  assert.deepEqual(passivated(), ['wheel-2 memory'])
  assert.equal((await app.stats()).aggregates.warm, 2)
})

onEveryStore('who makes room leaves a snapshot when a quarter of the events between two lies behind the last, else none', async (given) => {
  const { app, turn } = wheelApp(given, wheel(undefined, { everyEvents: 12 }), { defaults: { memory: { warmStreams: 1 } } })
  for (const id of ['2 turns', '2 turns', '3 turns', '3 turns', '3 turns', 'the last one']) await turn(id)
  await app.idle()
  assert.deepEqual(await given.store.snapshots.list('', 'wheel-2 turns'), [])
  const [snapshot, ...others] = await given.store.snapshots.list('', 'wheel-3 turns')
  assert.equal(snapshot?.version, 3)
  assert.deepEqual(others, [])
})

onEveryStore('more streams at work than may stay warm: each has one worker, and its snapshots when it is done', async (given) => {
  const { turn, load, signals } = wheelApp(given, wheel(undefined, { everyEvents: 3 }), { defaults: { memory: { warmStreams: 2 } } })
  const ids = Array.from({ length: 10 }, (_, i) => `${i}`)
  await Promise.all([...ids, ...ids, ...ids, ...ids].map((id) => turn(id)))
  for (const id of ids) assert.deepEqual(await load(id), { state: { turns: 4 }, version: 4, exists: true })
  assert.deepEqual(signals.of('aggregate.conflict'), [])
})

// ── how long ──

onEveryStore('after one minute a state hibernates, and wakes up at the next command without a look into the store', async (given) => {
  const { clock } = given
  const { store, calls } = counted(given.store)
  const { turn, state, signals, load, app } = wheelApp({ ...given, store }, wheel())
  await turn('1')
  await clock.advance({ seconds: 59 })
  assert.equal(await state('1'), 'warm')
  await clock.advance({ seconds: 1 })
  assert.equal(await state('1'), 'hibernated')
  const [slept] = signals.of('aggregate.hibernate')
  assert.deepEqual([slept!.stream, slept!.version, slept!.characters], ['wheel-1', 1, '[{"turns":1}]'.length])
  assert.deepEqual((await app.stats()).aggregates, { warm: 0, hibernated: 1, loads: 1 })
  assert.deepEqual((await load('1')).state, { turns: 1 })
  for (const call of Object.keys(calls)) delete calls[call]
  await turn('1')
  assert.deepEqual(calls, { append: 1 })
  assert.equal(await state('1'), 'warm')
  assert.deepEqual(
    signals.of('aggregate.activate').map(({ version, from }) => [version, from]),
    [[1, 'hibernation']],
  )
  assert.deepEqual((await load('1')).state, { turns: 2 })
})

onEveryStore('after 30 minutes it stops, with a snapshot of what was not kept yet', async (given) => {
  const { clock, store } = given
  const { turn, state, passivated, signals } = wheelApp(given, wheel())
  await turn('1', 7)
  await clock.advance({ minutes: 29 })
  assert.equal(await state('1'), 'hibernated')
  await clock.advance({ minutes: 1 })
  assert.equal(await state('1'), 'cold')
  assert.deepEqual(passivated(), ['wheel-1 idle'])
  assert.deepEqual(
    (await store.snapshots.list('', 'wheel-1')).map(({ body }) => body),
    ['[{"turns":7}]'],
  )
  await turn('1')
  assert.equal(signals.of('aggregate.init').at(-1)!.snapshotVersion, 1)
  await clock.advance({ minutes: 30 })
  assert.equal(passivated().length, 2)
  await turn('1', 0)
  await clock.advance({ minutes: 30 })
  assert.deepEqual(
    (await store.snapshots.list('', 'wheel-1')).map(({ version }) => version),
    [2],
  )
  assert.equal(signals.of('snapshot.save').length, 2)
})

onEveryStore('with snapshot: false it goes without one', async (given) => {
  const { turn, passivated } = wheelApp(given, wheel(undefined, false))
  await turn('1')
  await given.clock.advance({ minutes: 30 })
  assert.deepEqual(passivated(), ['wheel-1 idle'])
  assert.deepEqual(await given.store.snapshots.list('', 'wheel-1'), [])
})

onEveryStore(
  'each command starts the time anew: one that appends, one that does not, one that fails, one that conflicts',
  async (given) => {
    const { clock } = given
    const { turn, state, app } = wheelApp(given, wheel({ afterError: { minutes: 30 } }))
    const other = wheelApp(given, wheel())
    await turn('1')
    for (const by of [1, 0, -1, 1_000_001, 1]) {
      await clock.advance({ minutes: 29 })
      await turn('1', by).catch(() => {})
    }
    await clock.advance({ minutes: 29 })
    await other.turn('1', 0)
    assert.notEqual(await state('1'), 'cold')
    const third = wheelApp(given, wheel())
    await third.turn('2')
    await turn('2')
    await third.turn('2')
    await clock.advance({ minutes: 29 })
    await turn('2')
    assert.equal((await app.stats()).commands.conflicts, 1)
    await clock.advance({ minutes: 29 })
    assert.equal(await state('2'), 'hibernated')
    await clock.advance({ minutes: 1 })
    assert.equal(await state('2'), 'cold')
  },
)

onEveryStore('after an error it stays 5 minutes', async (given) => {
  const { clock } = given
  const { turn, state, load } = wheelApp(given, wheel())
  await turn('1')
  await assert.rejects(turn('1', -1), /wheels turn forwards/)
  await clock.advance({ minutes: 4, seconds: 59 })
  assert.equal(await state('1'), 'hibernated')
  await clock.advance({ seconds: 1 })
  assert.equal(await state('1'), 'cold')
  assert.deepEqual(await load('1'), { state: { turns: 1 }, version: 1, exists: true })
})

onEveryStore("'forever' stays, 'hibernate' sleeps at once, 'stop' goes at once, with a snapshot", async (given) => {
  const { clock, store } = given
  const forever = wheelApp(given, wheel({ afterEvent: 'forever', afterCommand: 'hibernate', afterError: 'stop' }))
  await forever.turn('1')
  await clock.advance({ hours: 3 })
  assert.equal(await forever.state('1'), 'hibernated')
  await forever.turn('1')
  assert.equal(await forever.state('1'), 'warm')
  await forever.turn('1', 0)
  await clock.advance({ milliseconds: 1 })
  assert.equal(await forever.state('1'), 'hibernated')
  await assert.rejects(forever.turn('1', -1))
  await clock.advance({ milliseconds: 1 })
  assert.equal(await forever.state('1'), 'cold')
  assert.deepEqual(forever.passivated(), ['wheel-1 idle'])
  assert.deepEqual(
    (await store.snapshots.list('', 'wheel-1')).map(({ version }) => version),
    [2],
  )
})

onEveryStore("onTimeout 'hibernate' keeps the state as text instead of letting it go", async (given) => {
  const { turn, state, load, passivated } = wheelApp(given, wheel({ afterEvent: { seconds: 10 }, onTimeout: 'hibernate' }))
  await turn('1')
  await given.clock.advance({ seconds: 9 })
  assert.equal(await state('1'), 'warm')
  await given.clock.advance({ seconds: 1 })
  assert.equal(await state('1'), 'hibernated')
  await given.clock.advance({ hours: 3 })
  assert.equal(await state('1'), 'hibernated')
  assert.deepEqual([(await load('1', { cached: true })).state, passivated()], [{ turns: 1 }, []])
})

onEveryStore('lifespans may be functions, of the event, the command or the error', async (given) => {
  const asked: unknown[] = []
  const { clock } = given
  const { turn, state } = wheelApp(
    given,
    wheel({
      afterEvent: (event) => {
        asked.push(event.type)
        return (event.data as { by: number }).by > 1 ? { seconds: 5 } : { seconds: 20 }
      },
      afterCommand: (name) => {
        asked.push(name)
        return { seconds: 10 }
      },
      afterError: (error) => {
        asked.push((error as Error).message)
        return { seconds: 15 }
      },
    }),
  )
  for (const [by, seconds] of [
    [2, 5],
    [1, 20],
    [0, 10],
    [-1, 15],
  ] as const) {
    await turn('1', by).catch(() => {})
    await clock.advance({ seconds: seconds - 1 })
    assert.equal(await state('1'), 'warm', `${by}`)
    await clock.advance({ seconds: 1 })
    assert.equal(await state('1'), 'cold', `${by}`)
  }
  assert.deepEqual(asked, ['Turned', 'Turned', 'Turn', 'wheels turn forwards'])
})

onEveryStore('a lifespan function that fails, or answers nonsense, keeps nothing warm and harms nobody', async (given) => {
  const told: unknown[] = []
  const error = console.error
  console.error = (...words) => void told.push(words[0])
  try {
    for (const afterEvent of [() => ({ seconds: 0 }), () => assert.fail('out of order')]) {
      const { turn, state } = wheelApp(given, wheel({ afterEvent }))
      await turn('1')
      await given.clock.advance({ milliseconds: 1 })
      assert.equal(await state('1'), 'cold')
    }
  } finally {
    console.error = error
  }
  assert.equal(told.length, 2)
  assert.match(String(told[0]), /lifespan of aggregate wheel failed/)
})

onEveryStore('a state that has no text goes instead of hibernating, and snapshot.failed tells why', async (given) => {
  const Odd = aggregate('wheel', {
    events: [Turned],
    initial: () => new Set<number>(),
    evolve: { Turned: (state, { version }) => new Set([...state, version]) as never },
  })
  const { turn, state, signals, load } = wheelApp(given, Odd)
  await turn('1')
  await given.clock.advance({ minutes: 1 })
  assert.equal(await state('1'), 'cold')
  assert.deepEqual(
    signals.of('snapshot.failed').map(({ version }) => version),
    [1],
  )
  await turn('1')
  assert.deepEqual((await load('1')).state, new Set([1, 2]))
})

// ── never the authority ──

onEveryStore('a "no" on warm state that another app has overtaken is decided again on what is there', async (given) => {
  const [one, two] = [openBank(given), openBank(given)]
  await openWith(one, 'a', 10)
  await payIn(two, 'a', 90)
  const { version } = await one.execute(withdraw({ accountId: 'a', amount: 100 }), { actor: ann })
  assert.equal(version, 4)
  await given.clock.advance({ minutes: 2 })
  await payIn(two, 'a', 50)
  assert.equal((await one.execute(withdraw({ accountId: 'a', amount: 50 }), { actor: ann })).version, 6)
})

onEveryStore('50 commands for a cold stream share one load', async (given) => {
  const signals = recorder()
  const bank = openBank(given, { observer: signals })
  await openWith(openBank(given), 'a')
  await Promise.all(Array.from({ length: 50 }, () => bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })))
  assert.equal(signals.of('aggregate.init').length, 1)
  assert.equal((await bank.load(Account, 'a')).version, 51)
})

onEveryStore('the same id in two categories and two tenants is four streams, each with its own worker', async (given) => {
  const Wheel = wheel()
  const { app, turn } = wheelApp(given, Wheel)
  const bank = openBank(given)
  await openWith(bank, '1')
  await openWith(bank.forTenant('acme'), '1', 5)
  await turn('1', 3)
  await app.forTenant('acme').execute({ command: 'Turn', input: { id: '1', by: 4 } }, { actor: ann })
  const versions = [
    (await bank.load(Account, '1')).version,
    (await bank.forTenant('acme').load(Account, '1')).version,
    (await app.load(Wheel, '1')).version,
  ]
  assert.deepEqual([versions, (await app.forTenant('acme').load(Wheel, '1')).state], [[1, 2, 1], { turns: 4 }])
})

onEveryStore('what a transaction writes is not hidden by warm state, and what it undoes never enters it', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await bank.transaction((tx) => tx.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann }))
  assert.equal(((await bank.load(Account, 'a', { cached: true })).state as { balance: number }).balance, 15)
  const undone = bank.transaction(async (tx) => {
    await tx.execute(deposit({ accountId: 'a', amount: 1000 }), { actor: ann })
    throw new Error('undone')
  })
  await assert.rejects(undone, /undone/)
  assert.equal(((await bank.load(Account, 'a')).state as { balance: number }).balance, 15)
  const outcome = await bank.attempt(withdraw({ accountId: 'a', amount: 16 }), { actor: ann })
  assert.equal(outcome.ok, false)
})

onEveryStore('a stream that was written past its worker is let go, and costs no more looks than any other', async (given) => {
  let fired = 0
  const after = (ms: number, callback: () => void) =>
    given.clock.after(ms, () => {
      fired++
      callback()
    })
  const bank = openBank({ ...given, clock: { ...given.clock, after } }, { heap: () => undefined })
  await openWith(bank, 'a', 10)
  await openWith(bank, 'b')
  await bank.transaction((tx) => tx.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann }))
  await given.clock.advance({ minutes: 5 })
  assert.deepEqual((await bank.stats()).aggregates, { warm: 0, hibernated: 1, loads: 3 })
  assert.ok(fired < 40, `${fired} timers in 5 minutes, 30 of them for the heap`)
})

// ── stopping ──

function holdingAppends(store: EventStore): { readonly store: EventStore; release(): void } {
  const released = moment<void>()
  return {
    store: new Proxy(store, {
      get: (target, name) =>
        name === 'append'
          ? async (requests: Parameters<EventStore['append']>[0]) => {
              await released.promise
              return target.append(requests)
            }
          : Reflect.get(target, name, target),
    }),
    release: released.resolve,
  }
}

onEveryStore('stop() waits for the commands that run, refuses those that come, and lets every warm state go', async (given) => {
  const { store, release } = holdingAppends(given.store)
  const signals = recorder()
  const bank = openBank({ ...given, store }, { observer: signals })
  const running = ['a', 'b'].map((accountId) => bank.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann }))
  await bank.prepare()
  let stopped = false
  const stopping = bank.stop({ keepStore: true }).then(() => {
    stopped = true
  })
  await assert.rejects(openWith(bank, 'late'), { code: 'ES_STOPPED' })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(stopped, false)
  release()
  assert.deepEqual(
    (await Promise.all(running)).map(({ version }) => version),
    [1, 1],
  )
  await stopping
  assert.deepEqual(
    signals.of('aggregate.passivate').map(({ stream, reason }) => `${stream} ${reason}`),
    ['account-a stop', 'account-b stop'],
  )
  await assert.rejects(bank.load(Account, 'a'), { code: 'ES_STOPPED' })
  await bank.stop()
})

onEveryStore('a command that was called before stop() is carried out, even if the store was not yet prepared', async (given) => {
  const bank = openBank(given)
  const running = bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  await bank.stop({ keepStore: true })
  assert.equal((await running).version, 1)
})

onEveryStore('a stopped app leaves no timer behind', async (given) => {
  let timers = 0
  const clock = {
    ...given.clock,
    after: (ms: number, callback: () => void) => {
      timers++
      const cancel = given.clock.after(ms, () => {
        timers--
        callback()
      })
      let cancelled = false
      return () => {
        if (!cancelled) timers--
        cancelled = true
        cancel()
      }
    },
  }
  const bank = openBank({ ...given, clock })
  await openWith(bank, 'a', 1, 2)
  await openWith(bank, 'b')
  assert.ok(timers > 0)
  await bank.stop({ keepStore: true })
  assert.equal(timers, 0)
})
