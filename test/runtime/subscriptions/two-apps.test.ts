/** Several apps over one store: they share the work, one takes over from another, and who was frozen can write nothing. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'
import { projection } from '../../../src/index.ts'
import { MoneyDeposited } from '../../domain/bank.ts'
import { moment, turns } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { appendDeposits, leasesPass, noting, onDeposits, openFollowed, openWithDeposits, range, sums, workInFrontOf } from './follow.ts'

const accounts = range(1, 12).map((n) => `n${n}`)

const note = (seen: Record<string, number[]>, subject: string, amount: number) => {
  seen[subject] = [...(seen[subject] ?? []), amount]
}

const ownersOf = async (store: EventStore) => (await store.work.parts()).map(({ owner }) => owner)

/** A store of which an app does not come back: its work stands still from the moment on that it is frozen. */
function freezing(store: EventStore) {
  const thawed = moment()
  const state = { isFrozen: false, refusals: 0 }
  const still = async () => void (state.isFrozen && (await thawed.promise))
  const work = workInFrontOf(store, {
    async beat(...given) {
      await still()
      return store.work.beat(...given)
    },
    async commit(works) {
      await still()
      const results = await store.work.commit(works)
      state.refusals += results.filter((result) => result.kind === 'refused' && result.error.code === 'ES_LEASE_LOST').length
      return results
    },
  })
  return {
    store: work,
    state,
    thaw() {
      state.isFrozen = false
      thawed.resolve()
    },
  }
}

onEveryStore('two apps share the parts of a subscription, and each event is handled once, in the order of its stream', async (given) => {
  const seen: Record<string, number[]> = {}
  const by = [0, 0]
  const handlerOf = (n: number) =>
    onDeposits(
      'shared',
      (amount, { subject }) => {
        by[n] = (by[n] ?? 0) + 1
        note(seen, subject, amount)
      },
      { partitions: 4 },
    )
  const apps = [0, 1].map((n) => openFollowed(given, { handlers: [handlerOf(n)] }))
  for (const app of apps) await app.start()
  await leasesPass(given, apps, 1)
  const owners = await ownersOf(given.store)
  assert.deepEqual([owners.length, new Set(owners).size], [4, 2])
  for (const owner of owners) assert.equal(owners.filter((one) => one === owner).length, 2)
  await appendDeposits(given.store, 1200, accounts)
  for (const app of apps) await app.settle()
  assert.ok(by[0]! > 0 && by[1]! > 0, `each has something to do: ${by}`)
  for (const [i, account] of accounts.entries()) {
    assert.deepEqual(
      seen[account],
      range(1, 1200).filter((amount) => (amount - 1) % 12 === i),
    )
  }
})

onEveryStore('an app that can do less leaves the others to the one that can, and no part stands still', async (given) => {
  const [one, other, third] = [noting('one'), noting('other'), noting('third')]
  const all = openFollowed(given, { handlers: [one.handler, other.handler, third.handler] })
  const some = openFollowed(given, { handlers: [one.handler] })
  await some.start()
  await all.start()
  await leasesPass(given, [all, some])
  await openWithDeposits(all, 'a', 5)
  for (const app of [all, some]) await app.settle()
  assert.deepEqual([one.amounts, other.amounts, third.amounts], [[5], [5], [5]])
})

onEveryStore('when one app stops, another takes up its parts where it has left them', async (given) => {
  const { amounts, handler } = noting()
  const first = openFollowed(given, { handlers: [handler] })
  const second = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(first, 'a', 1)
  await first.settle()
  await second.settle()
  await first.stop({ keepStore: true })
  await appendDeposits(given.store, 2, ['a'], 2)
  await leasesPass(given, [second], 1)
  assert.deepEqual(amounts, [1, 2, 3])
})

onEveryStore('an app that shows no sign of life is replaced within its lease, and is refused when it goes on', async (given) => {
  const { store, state, thaw } = freezing(given.store)
  const seen: string[] = []
  const handlerOf = (name: string) => onDeposits('shared', (amount) => seen.push(`${name}${amount}`))
  const frozen = openFollowed(given, { store, handlers: [handlerOf('f')], projections: [sums] })
  const heir = openFollowed(given, { handlers: [handlerOf('h')], projections: [sums] })
  await frozen.settle()
  await openWithDeposits(frozen, 'a', 1)
  await frozen.settle()
  state.isFrozen = true
  await appendDeposits(given.store, 2, ['a'], 2)
  await heir.start()
  await leasesPass(given, [heir])
  assert.deepEqual(await heir.view(sums as never).get('a'), { sum: 6, count: 3 })
  assert.deepEqual(
    seen.filter((one) => one.startsWith('h')),
    ['h2', 'h3'],
  )
  thaw()
  await leasesPass(given, [frozen, heir], 1)
  await appendDeposits(given.store, 1, ['a'], 4)
  for (const app of [frozen, heir]) await app.settle()
  assert.ok(state.refusals > 0, 'what it still wanted to write was refused')
  assert.deepEqual(await heir.view(sums as never).get('a'), { sum: 10, count: 4 })
  assert.equal(seen.filter((one) => one.endsWith('4')).length, 1)
})

onEveryStore('an app whose handler hangs keeps its other parts, and shows that it lives', async (given) => {
  const [begun, opened] = [moment(), moment()]
  const hanging = onDeposits('hanging', async () => {
    begun.resolve()
    await opened.promise
  })
  const { amounts, handler } = noting()
  let [beats, underWay] = [0, 0]
  const { work } = given.store
  const watched =
    (call: keyof EventStore['work']) =>
    async (...asked: never[]) => {
      underWay++
      try {
        return await (work[call] as (...asked: never[]) => Promise<unknown>)(...asked)
      } finally {
        underWay--
        if (call === 'beat') beats++
      }
    }
  const looks = ['beat', 'leave', 'parts', 'acquire', 'release', 'records', 'record'] as const
  const counting = workInFrontOf(given.store, Object.fromEntries(looks.map((call) => [call, watched(call)])))
  const busy = openFollowed(given, { store: counting, handlers: [hanging, handler] })
  await busy.start()
  const [holder] = await ownersOf(given.store)
  await openWithDeposits(busy, 'a', 1)
  await begun.promise
  const other = openFollowed(given, { handlers: [hanging, handler] })
  await other.start()
  for (let third = 0; third < 12; third++) {
    // Little by little, and not while he looks: how long that takes is not on the clock.
    for (const before = beats; beats === before; await turns(20)) if (underWay === 0) await given.clock.advance({ milliseconds: 100 })
  }
  assert.equal((await given.store.work.parts('handler:hanging'))[0]?.owner, holder)
  opened.resolve()
  for (const app of [busy, other]) await app.settle()
  assert.deepEqual(amounts, [1])
})

onEveryStore('the order in a stream is kept, and nothing is lost or doubled, when the number of parts changes', async (given) => {
  const seen: Record<string, number[]> = {}
  const shared = (partitions: number) => [onDeposits('shared', (amount, { subject }) => note(seen, subject, amount), { partitions })]
  const sumsIn = (partitions: number) =>
    projection('sums', {
      events: [MoneyDeposited],
      consistency: 'async',
      partitions,
      key: (event) => event.subject,
      initial: () => ({ sum: 0, count: 0 }),
      evolve: { MoneyDeposited: (row, { data }) => ({ sum: row.sum + data.amount, count: row.count + 1 }) },
    })
  let first = 1
  for (const partitions of [1, 4, 2, 64, 3]) {
    const app = openFollowed(given, { handlers: shared(partitions), projections: [sumsIn(partitions)] })
    await appendDeposits(given.store, 60, accounts, first)
    first += 60
    await app.settle()
    assert.equal((await given.store.work.parts('handler:shared')).length, partitions)
    await app.stop({ keepStore: true })
  }
  for (const [i, account] of accounts.entries()) {
    const expected = range(1, 300).filter((amount) => (amount - 1) % 12 === i)
    assert.deepEqual(seen[account], expected)
    const row = JSON.parse((await given.store.views.get('', 'sums', account))!.row!)
    assert.deepEqual(row, { sum: expected.reduce((a, b) => a + b, 0), count: 25 })
  }
})

onEveryStore('parts that stop at different positions are divided anew without losing or doubling anything', async (given) => {
  const opened = moment()
  const seen: Record<string, number[]> = {}
  let isSlow = true
  const shared = (partitions: number) => [
    onDeposits(
      'shared',
      async (amount, { subject }) => {
        if (isSlow && subject === 'n1' && amount > 12) await opened.promise
        note(seen, subject, amount)
      },
      { partitions },
    ),
  ]
  const first = openFollowed(given, { handlers: shared(4) })
  await appendDeposits(given.store, 12, accounts)
  await first.settle()
  await appendDeposits(given.store, 120, accounts, 13)
  const others = async () => (await given.store.work.parts()).filter(({ position }) => position >= 132).length
  while ((await others()) < 3) await new Promise((resolve) => setImmediate(resolve))
  const stopped = first.stop({ keepStore: true })
  opened.resolve()
  await stopped
  isSlow = false
  const positions = new Set((await given.store.work.parts()).map(({ position }) => position))
  assert.ok(positions.size > 1, `the parts are at different positions: ${[...positions]}`)
  const second = openFollowed(given, { handlers: shared(2) })
  await second.settle()
  for (const [i, account] of accounts.entries()) {
    assert.deepEqual(
      seen[account],
      range(1, 132).filter((amount) => (amount - 1) % 12 === i),
    )
  }
})

onEveryStore('three apps that start at once leave no row behind and fold no event twice', async (given) => {
  await appendDeposits(given.store, 500, accounts)
  const apps = range(1, 3).map(() => openFollowed(given, { projections: [sums] }))
  await Promise.all(apps.map((app) => app.start()))
  await Promise.all(apps.map((app) => app.settle()))
  const { rows } = await apps[0]!.view(sums as never).list({ limit: 100 })
  const total = (rows as readonly { row: { sum: number; count: number } }[]).reduce((sum, { row }) => sum + row.sum, 0)
  assert.deepEqual([rows.length, total], [12, (500 * 501) / 2])
})
