/** Rebuilding the view of an async projection: beside the one that is read, and switched in one commit. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'
import { type Observer, projection, type Signal, tableProjection } from '../../../src/index.ts'
import type { RebuildProgress } from '../../../src/runtime/rebuild/pace.ts'
import { AccountOpened, balances, MoneyDeposited } from '../../domain/bank.ts'
import { moment } from '../in-front-of.ts'
import { onEveryStore, onStore } from '../on-every-store.ts'
import { quietTests } from '../quietly.ts'
import { appendDeposits, openFollowed, openWithDeposits, range, workInFrontOf } from './follow.ts'
import { foldedLedger, generationsOf, ledger, ledgerRows, until, watchLedger } from './ledger.ts'

const accounts = range(1, 12).map((n) => `n${n}`)

// A fold that has changed is told on the console, as it should be; here it would bury everything else.
quietTests()

for (const partitions of [1, 5]) {
  onEveryStore(`an old build keeps a view in ${partitions} part(s), a new one rebuilds it, and no reader sees two folds`, async (given) => {
    const old = openFollowed(given, { projections: [ledger(1, { partitions })] })
    await appendDeposits(given.store, 900, accounts)
    await old.settle()
    const young = openFollowed(given, { projections: [ledger(2, { partitions })] })
    await young.start()
    const watching = watchLedger(given.store, partitions)
    const rebuilding = young.subscriptions.rebuild('ledger')
    for (const n of range(0, 9)) await appendDeposits(given.store, 50, accounts, 901 + n * 50)
    const { position, events } = await rebuilding
    assert.ok(position >= 900 && events >= 900, `${events} events up to ${position}`)
    await appendDeposits(given.store, 100, accounts, 1401)
    for (const app of [old, young, old, young]) await app.settle()
    await watching.end()
    assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 2))
    assert.deepEqual(await generationsOf(given.store), [1], 'the rows of before are deleted')
    const parts = await given.store.work.parts()
    assert.deepEqual([...new Set(parts.map(({ subscription }) => subscription))], ['projection:ledger'])
    assert.deepEqual([watching.factors.has(1), watching.factors.has(2)], [true, true], 'somebody has read before and after')
  })
}

/** A store on which rebuilds commit nothing before they are let through. */
function heldRebuilds(
  store: EventStore,
  { reached, opened }: { readonly reached: () => void; readonly opened: Promise<void> },
): EventStore {
  return workInFrontOf(store, {
    async commit(works) {
      if (works.some(({ steps = [] }) => steps.some(({ subscription }) => subscription.startsWith('rebuild:')))) {
        reached()
        await opened
      }
      return store.work.commit(works)
    },
  })
}

onEveryStore('the old view is kept up to date until the moment of the switch', async (given) => {
  const [reached, opened] = [moment(), moment()]
  const store = heldRebuilds(given.store, { reached: reached.resolve, opened: opened.promise })
  const view = ledger(1)
  const app = openFollowed(given, { store, projections: [view] })
  await appendDeposits(given.store, 30, accounts)
  await app.settle()
  const rebuilding = app.subscriptions.rebuild('ledger')
  await reached.promise
  await appendDeposits(given.store, 30, accounts, 31)
  const row = await app.view(view as never).get('credit-n1', { atLeast: 60, timeout: { minutes: 1 } })
  opened.resolve()
  await rebuilding
  assert.deepEqual(row, (await foldedLedger(given.store, 1))['credit-n1'])
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
})

onEveryStore('rows that the fold does not make any more are gone, in every tenant, and those of others stay', async (given) => {
  const seen = (kept: 'all' | 'some') =>
    projection('seen', {
      events: [MoneyDeposited],
      consistency: 'async',
      key: kept === 'all' ? ({ subject }) => subject : ({ subject, data }) => (data.amount > 5 ? subject : undefined),
      initial: () => ({ count: 0 }),
      evolve: { MoneyDeposited: ({ count }) => ({ count: count + 1 }) },
    })
  const before = openFollowed(given, { projections: [seen('all'), ledger(1)] })
  await openWithDeposits(before, 'a', 1, 10)
  await openWithDeposits(before, 'b', 2)
  await openWithDeposits(before.forTenant('acme') as never, 'b', 3, 20)
  await before.settle()
  await before.stop({ keepStore: true })
  const app = openFollowed(given, { projections: [seen('some'), ledger(1)] })
  await app.start()
  await app.subscriptions.rebuild(seen('some'))
  const list = async (tenant: string) => {
    const question = { where: [], orderBy: undefined, descending: false, limit: 10, after: undefined }
    const rows = await given.store.views.list(tenant, { view: 'seen', indexes: {}, fingerprint: '' }, question)
    return rows.map(({ key, row: text }) => `${key} ${JSON.parse(text).count}`)
  }
  assert.deepEqual([await list(''), await list('acme')], [['a 1'], ['b 1']])
  assert.equal(Object.keys(await ledgerRows(given.store)).length, 4)
})

onEveryStore('a rebuild that is cancelled leaves the view as it was, and nothing else', async (given) => {
  const cancelling = new AbortController()
  const store = workInFrontOf(given.store, {
    async commit(works) {
      const results = await given.store.work.commit(works)
      // Some rows are written by then, and no more are before it is cancelled.
      if (works.some(({ rows = [] }) => rows.some(({ generation }) => generation === 1))) {
        cancelling.abort(new Error('enough'))
        await until(async () => !(await given.store.work.parts()).some(({ subscription }) => subscription.startsWith('rebuild:')))
      }
      return results
    },
  })
  const signals: Signal[] = []
  const observer: Observer = (signal) => void signals.push(signal)
  const before = openFollowed(given, { projections: [ledger(1)] })
  await appendDeposits(given.store, 8000, accounts)
  await before.settle()
  const app = openFollowed(given, { store, projections: [ledger(2)], observer })
  await app.start()
  await assert.rejects(app.subscriptions.rebuild('ledger', { signal: cancelling.signal }), /enough/)
  await app.settle()
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
  assert.deepEqual(await generationsOf(given.store), [0])
  assert.deepEqual(
    (await given.store.work.parts()).filter(({ subscription }) => subscription !== 'projection:ledger'),
    [],
  )
  assert.deepEqual(await given.store.work.records({ kind: 'rebuild-events' }), [])
  assert.deepEqual(
    signals.flatMap((one) => (one.signal === 'projection.rebuild.stop' ? [one.outcome] : [])),
    ['cancelled'],
  )
  assert.deepEqual((await app.subscriptions.rebuild('ledger')).events, 8000)
  await app.settle()
  assert.deepEqual(await app.subscriptions.audit(), [])
  assert.deepEqual(
    signals.flatMap((one) => (one.signal === 'subscription.audit' && one.kind === 'projection' ? [one.events] : [])),
    [8000],
    'what the new rows were made of is audited like what is followed',
  )
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 2))
  assert.deepEqual(await generationsOf(given.store), [2])
})

onEveryStore('whoever wants what is under way joins it, and whoever has nothing to follow with waits for those who have', async (given) => {
  const allThere = moment()
  const store = heldRebuilds(given.store, { reached: () => {}, opened: allThere.promise })
  const app = openFollowed(given, { store, projections: [ledger(1, { partitions: 2 })] })
  const web = openFollowed(given, { projections: [ledger(1, { partitions: 2 })] })
  await appendDeposits(given.store, 2500, accounts)
  await app.settle()
  const progress: number[] = []
  const waiting = new Set(['one', 'other', 'web'])
  /** Whoever came when it was over would begin another one. */
  const there = (who: string) => ({
    onProgress({ position, head }: RebuildProgress) {
      if (waiting.delete(who) && waiting.size === 0) allThere.resolve()
      if (who === 'other') progress.push(position / head)
    },
  })
  const all = await Promise.all([
    app.subscriptions.rebuild('ledger', there('one')),
    app.subscriptions.rebuild(ledger(1), there('other')),
    web.subscriptions.rebuild('ledger', there('web')),
  ])
  assert.deepEqual(
    all.map(({ events }) => events),
    [2500, 2500, 2500],
  )
  assert.equal(progress.at(-1), 1)
  await app.settle()
  assert.equal((await given.store.views.defined())[0]?.generation, (await generationsOf(given.store))[0])
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
})

onEveryStore(
  'what the new fold cannot do is a dead letter of the projection, and old letters are gone with the old rows',
  async (given) => {
    const bad = { amount: 3 }
    const counting = projection('counting', {
      events: [MoneyDeposited],
      consistency: 'async',
      partitions: 2,
      key: ({ subject }) => subject,
      initial: () => ({ count: 0 }),
      evolve: {
        MoneyDeposited: ({ count }, { data }) => {
          if (data.amount === bad.amount) throw new Error('not this one')
          return { count: count + 1 }
        },
      },
    })
    const app = openFollowed(given, { projections: [counting] })
    await openWithDeposits(app, 'a', 1, 2, 3, 4)
    await openWithDeposits(app, 'b', 5, 6, 7)
    await app.settle()
    assert.deepEqual(
      app.deadLetters.map(({ key, waiting }) => [key, waiting]),
      [['a', 1]],
    )
    bad.amount = 6
    await app.subscriptions.rebuild('counting')
    await app.settle()
    assert.deepEqual(
      app.deadLetters.map(({ key, kind, handler, waiting }) => [key, kind, handler, waiting]),
      [['b', 'projection', 'counting', 1]],
    )
    const counts = async () =>
      Promise.all(['a', 'b'].map(async (key) => ((await app.view(counting as never).get(key)) as unknown as { count: number }).count))
    assert.deepEqual(await counts(), [4, 1])
    bad.amount = 0
    await app.deadLetters.retry(app.deadLetters[0]!.id)
    await app.settle()
    assert.deepEqual([await counts(), app.deadLetters.length], [[4, 3], 0])
  },
)

onEveryStore('what cannot be rebuilt is refused with the reason', async (given) => {
  const app = openFollowed(given, { projections: [balances] })
  await assert.rejects(app.subscriptions.rebuild('balances'), { code: 'ES_UNSUPPORTED', message: /transactional/ })
  await assert.rejects(app.subscriptions.compare('nothing'), { code: 'ES_DEFINITION' })
  const signal = AbortSignal.abort(new Error('before it has begun'))
  await assert.rejects(openFollowed(given, { projections: [ledger(1)] }).subscriptions.rebuild('ledger', { signal }), /before it has begun/)
})

for (const storeName of ['sqlite', 'postgres']) {
  onStore(storeName, 'a table projection is not rebuilt beside itself, which is said', async (given) => {
    const paid = tableProjection('paid', {
      events: [AccountOpened],
      consistency: 'async',
      tables: { paid: 'create table if not exists paid (account text not null)' },
      apply: ({ subject }, sql) => sql`insert into paid values (${subject})`,
    })
    const app = openFollowed(given, { projections: [paid] })
    await assert.rejects(app.subscriptions.rebuild('paid'), { code: 'ES_UNSUPPORTED', message: /another name/ })
  })
}

onEveryStore('an app that stops in the middle leaves the rebuild to the next one, which goes on where it was', async (given) => {
  const reached = moment()
  const store = workInFrontOf(given.store, {
    async commit(works) {
      const results = await given.store.work.commit(works)
      if (works.some(({ rows = [] }) => rows.some(({ generation }) => generation === 1))) reached.resolve()
      return results
    },
  })
  const first = openFollowed(given, { store, projections: [ledger(1)] })
  await appendDeposits(given.store, 12_000, accounts)
  await first.settle()
  const rebuilding = assert.rejects(first.subscriptions.rebuild('ledger'), { code: 'ES_STOPPED' })
  await reached.promise
  await first.stop({ keepStore: true })
  await rebuilding
  const part = (await given.store.work.parts()).find(({ subscription }) => subscription.startsWith('rebuild:'))
  assert.ok(part && part.position > 0 && part.position < 12_000, `at position ${part?.position}`)
  const starts: number[] = []
  const second = openFollowed(given, {
    projections: [ledger(1)],
    observer: (signal) => void (signal.signal === 'projection.rebuild.start' && starts.push(signal.position)),
  })
  await second.start()
  assert.equal((await second.subscriptions.rebuild('ledger')).events, 12_000)
  assert.deepEqual(starts, [part.position])
  await second.settle()
  assert.deepEqual(await ledgerRows(given.store), await foldedLedger(given.store, 1))
  assert.deepEqual(await generationsOf(given.store), [1])
})

onEveryStore('what was transactional does not go on as async: its rows would be counted twice', async (given) => {
  const kept = (consistency: 'transactional' | 'async') =>
    projection('kept', {
      events: [MoneyDeposited],
      consistency,
      key: ({ subject }) => subject,
      initial: () => ({ count: 0 }),
      evolve: { MoneyDeposited: ({ count }) => ({ count: count + 1 }) },
    })
  const first = openFollowed(given, { projections: [kept('transactional')] })
  await openWithDeposits(first, 'a', 1)
  await assert.rejects(openFollowed(given, { projections: [kept('async')] }).start(), { code: 'ES_DEFINITION', message: /another name/ })
})

onEveryStore('a rebuild that gives up is told with the reason, leaves nothing behind, and can be begun again', async (given) => {
  const bad = { isBad: false }
  const strict = projection('strict', {
    events: [MoneyDeposited],
    consistency: 'async',
    key: ({ subject }) => subject,
    initial: () => ({ count: 0 }),
    evolve: {
      MoneyDeposited: ({ count }) => {
        if (bad.isBad) throw new Error('not today')
        return { count: count + 1 }
      },
    },
  })
  const retry = { attempts: 2, whenExhausted: 'stop' as const }
  const app = openFollowed(given, { projections: [strict], defaults: { handlers: { retry } } })
  await openWithDeposits(app, 'a', 1, 2)
  await app.settle()
  bad.isBad = true
  await assert.rejects(app.subscriptions.rebuild('strict'), { code: 'ES_REBUILD_ENDED', message: /not today/ })
  bad.isBad = false
  assert.deepEqual(await app.view(strict as never).get('a'), { count: 2 })
  assert.equal((await app.subscriptions.rebuild('strict')).events, 2)
  assert.deepEqual(
    (await given.store.work.records({ kind: 'control' })).filter(({ owner }) => owner.startsWith('rebuild:')),
    [],
  )
})

onEveryStore('a view that has begun in the middle of the log is rebuilt from there', async (given) => {
  const late = projection('late', {
    events: [MoneyDeposited],
    consistency: 'async',
    startFrom: 'now',
    key: ({ subject }) => subject,
    initial: () => ({ count: 0 }),
    evolve: { MoneyDeposited: ({ count }) => ({ count: count + 1 }) },
  })
  await appendDeposits(given.store, 10)
  const app = openFollowed(given, { projections: [late] })
  await app.start()
  await appendDeposits(given.store, 5)
  await app.settle()
  assert.deepEqual((await app.subscriptions.compare('late')).differences, [])
  assert.equal((await app.subscriptions.rebuild(late)).events, 5)
  assert.deepEqual(await app.view(late as never).get('a'), { count: 5 })
})
