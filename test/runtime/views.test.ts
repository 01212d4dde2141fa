/**
 * Views: rows folded in the append's own commit, and how they are read.
 * One subject, every comparison of it, so the file is long.
 */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { aggregate, command, createApp, event, type Projection, projection } from '../../src/index.ts'
import {
  Account,
  AccountClosed,
  AccountOpened,
  balances,
  closeAccount,
  deposit,
  MoneyDeposited,
  openAccount,
  withdraw,
} from '../domain/bank.ts'
import { inFrontOf } from './in-front-of.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { all, ann, openBank, openWith, payIn, teller } from './open-bank.ts'

const commands = [openAccount, deposit, withdraw, closeAccount]

// ── which rows, and how they come and go ──

const Rated = event(
  'Rated',
  z.object({ name: z.string(), stars: z.number().nullable(), teams: z.array(z.string()), gone: z.boolean().optional() }),
)
const Rating = aggregate('rating', { events: [Rated], initial: () => 0, evolve: { Rated: (n) => n + 1 } })
const rate = command(Rating, 'Rate', {
  input: z.object({
    id: z.string(),
    events: z.array(z.object({ name: z.string(), stars: z.number().nullable(), teams: z.array(z.string()), gone: z.boolean().optional() })),
  }),
  id: ({ id }) => id,
  decide: ({ input }) => input.events.map((data) => Rated(data)),
})
const ratings = projection('ratings', {
  events: [Rated],
  consistency: 'transactional',
  key: (event) => event.subject,
  initial: (): { name: string; stars: number | null } => ({ name: '', stars: null }),
  evolve: {
    Rated: (row, { data }) => (data.gone ? null : data.name === 'skip' ? undefined : { ...row, name: data.name, stars: data.stars }),
  },
  indexes: { name: 'text', stars: 'number' },
})
const teamSizes = projection('team-sizes', {
  events: [Rated],
  consistency: 'transactional',
  key: ({ data }) => (data.teams.length > 0 ? data.teams : undefined),
  initial: () => ({ ratings: 0, keys: '' }),
  evolve: { Rated: (row, _, key) => ({ ratings: row.ratings + 1, keys: row.keys + key }) },
})
const ratingApp = ({ store, tend }: Given) => tend(createApp({ store, commands: [rate], projections: [ratings, teamSizes] }))
type RatingApp = ReturnType<typeof ratingApp>
const rated = (app: RatingApp, id: string, ...events: Partial<ReturnType<typeof Rated>['data']>[]) =>
  app.execute(rate({ id, events: events.map((data) => ({ name: '', stars: null, teams: [], ...data })) }), { actor: ann })

onEveryStore('a key may name several rows, each once, or none', async (given) => {
  const app = ratingApp(given)
  await rated(app, '1', { teams: ['red', 'blue', 'red'] }, { teams: [] }, { teams: ['blue'] })
  const { rows } = await app.view(teamSizes).list()
  assert.deepEqual(rows, [
    { key: 'blue', row: { ratings: 2, keys: 'blueblue' } },
    { key: 'red', row: { ratings: 1, keys: 'red' } },
  ])
})

onEveryStore('evolve deletes with null, leaves alone with undefined, and a row made again starts from the beginning', async (given) => {
  const app = ratingApp(given)
  const view = app.view(ratings)
  await rated(app, '1', { name: 'a', stars: 5 })
  await rated(app, '1', { name: 'skip', stars: 1 })
  assert.deepEqual(await view.get('1'), { name: 'a', stars: 5 })
  await rated(app, '1', { gone: true })
  assert.deepEqual([await view.get('1'), await view.get('never')], [undefined, undefined])
  await rated(app, '1', { name: 'skip' }, { gone: true })
  assert.equal(await view.get('1'), undefined)
  await rated(app, '1', { name: 'b' }, { name: 'c', stars: 2 })
  assert.deepEqual(await view.get('1'), { name: 'c', stars: 2 })
  await rated(app, '3', { name: 'kept' }, { name: 'skip' })
  assert.deepEqual(await view.get('3'), { name: 'kept', stars: null })
  await rated(app, '3', { gone: true })
  await rated(app, '2', { name: 'made' }, { gone: true })
  assert.equal(await view.get('2'), undefined)
  assert.deepEqual((await view.list()).rows, [{ key: '1', row: { name: 'c', stars: 2 } }])
})

onEveryStore('a changed row changes nothing for the next reader', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const row = await bank.view(balances).get('a')
  ;(row as { balance: number }).balance = 1e9
  assert.deepEqual(await bank.view(balances).get('a'), { owner: 'ann', balance: 10 })
  await payIn(bank, 'a', 1)
  assert.equal((await bank.view(balances).get('a'))?.balance, 11)
})

onEveryStore('a transactional projection sees the version of an event, and neither position nor time', async ({ store, tend }) => {
  const seen: object[] = []
  const spy = projection('spy', {
    events: [AccountOpened, MoneyDeposited],
    consistency: 'transactional',
    key: (event) => {
      seen.push(event)
      return event.subject
    },
    initial: () => ({ version: 0 }),
    evolve: { AccountOpened: (_, { version }) => ({ version }), MoneyDeposited: (_, { version }) => ({ version }) },
  })
  const app = tend(createApp({ store, commands, projections: [spy] }))
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  await app.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  assert.deepEqual(await app.view(spy).get('a'), { version: 2 })
  const members = Object.keys(seen[0]!).sort()
  assert.deepEqual(members, ['data', 'id', 'metadata', 'schemaVersion', 'stream', 'subject', 'tags', 'tenant', 'type', 'version'])
})

// ── reading ──

const people = [
  { id: '1', name: 'ann', stars: 5 },
  { id: '2', name: 'Bob', stars: null },
  { id: '3', name: 'cleo', stars: 10 },
  { id: '4', name: 'ann', stars: -1 },
  { id: '5', name: 'émile', stars: 10 },
  { id: '6', name: 'zoë', stars: null },
]
const withPeople = async (given: Given) => {
  const app = ratingApp(given)
  for (const { id, name, stars } of people) await rated(app, id, { name, stars })
  const list = async (options: Parameters<ReturnType<typeof app.view<typeof ratings>>['list']>[0]) =>
    (await app.view(ratings).list(options)).rows.map(({ key }) => key).join('')
  return { app, list }
}

onEveryStore('where compares with =, in, lt, lte, gt, gte and null, and all of it must hold', async (given) => {
  const { list } = await withPeople(given)
  assert.equal(await list({ where: { name: 'ann' } }), '14')
  assert.equal(await list({ where: { name: { in: ['ann', 'zoë'] } } }), '146')
  assert.equal(await list({ where: { stars: { in: [null, 5] } } }), '126')
  assert.equal(await list({ where: { name: { in: [] } } }), '')
  assert.equal(await list({ where: { stars: { lt: 5 } } }), '4')
  assert.equal(await list({ where: { stars: { lte: 5 } } }), '14')
  assert.equal(await list({ where: { stars: { gt: 5 } } }), '35')
  assert.equal(await list({ where: { stars: { gte: 5, lt: 10 } } }), '1')
  assert.equal(await list({ where: { stars: null } }), '26')
  assert.equal(await list({ where: { name: { gte: 'a', lt: 'd' } } }), '134')
  assert.equal(await list({ where: { name: 'ann', stars: 5 } }), '1')
  assert.equal(await list({}), '123456')
})

onEveryStore(
  'orderBy sorts null first, numbers as numbers, text by code point, ties by key, and descending is the exact reverse',
  async (given) => {
    const { list } = await withPeople(given)
    assert.equal(await list({ orderBy: 'stars' }), '264135')
    assert.equal(await list({ orderBy: 'stars', descending: true }), '531462')
    assert.equal(await list({ orderBy: 'name' }), '214365')
    assert.equal(await list({ orderBy: 'name', descending: true }), '563412')
    assert.equal(await list({ descending: true }), '654321')
    assert.equal(await list({ orderBy: 'stars', limit: 2 }), '26')
  },
)

onEveryStore('pages cover every row exactly once, whatever their size, with ties and nulls, in both directions', async (given) => {
  const { app, list } = await withPeople(given)
  for (const orderBy of [undefined, 'stars', 'name'] as const) {
    for (const descending of [false, true]) {
      for (const limit of [1, 2, 4, 6, 7]) {
        const keys: string[] = []
        let after: string | undefined
        let pages = 0
        do {
          const page = await app.view(ratings).list({ ...(orderBy ? { orderBy } : {}), descending, limit, after })
          keys.push(...page.rows.map(({ key }) => key))
          after = page.next
          pages++
        } while (after !== undefined)
        assert.equal(keys.join(''), await list({ ...(orderBy ? { orderBy } : {}), descending }))
        assert.equal(pages, Math.ceil(people.length / limit))
      }
    }
  }
})

onEveryStore('a page goes on behind its last row although that row has changed or is gone', async (given) => {
  const { app } = await withPeople(given)
  const first = await app.view(ratings).list({ orderBy: 'name', limit: 3 })
  assert.equal(first.rows.map(({ key }) => key).join(''), '214')
  await rated(app, '4', { gone: true })
  const second = await app.view(ratings).list({ orderBy: 'name', limit: 3, after: first.next })
  assert.equal(second.rows.map(({ key }) => key).join(''), '365')
})

onEveryStore('fields without an index, values of another type, strange comparisons, limits and cursors are refused', async (given) => {
  const { app } = await withPeople(given)
  const list = (options: object) => app.view(ratings).list(options as never)
  for (const where of [{ nothing: 1 }, { constructor: 'x' }, { __proto__: null, toString: 'x' }]) {
    await assert.rejects(list({ where }), { code: 'ES_DEFINITION', message: /has no index on/ })
  }
  await assert.rejects(list({ orderBy: 'nothing' }), { code: 'ES_DEFINITION', message: /it has: name, stars/ })
  for (const where of [
    { stars: '5' },
    { name: 5 },
    { stars: { lt: '5' } },
    { name: { in: ['a', 1] } },
    { stars: { near: 5 } },
    { name: true },
  ]) {
    await assert.rejects(list({ where }), { code: 'ES_VALIDATION' })
  }
  for (const limit of [0, -1, 1.5]) await assert.rejects(list({ limit }), { code: 'ES_DEFINITION' })
  await assert.rejects(list({ limit: 1001 }), { code: 'ES_VALIDATION' })
  for (const after of ['', 'nonsense', '{}', '[]', '[1]', '[1,2]', 'null', '[{},"key"]', '["text","1"]']) {
    await assert.rejects(list({ after, orderBy: 'stars' }), { code: 'ES_VALIDATION' }, after)
  }
})

onEveryStore('a view of a projection that is not registered is refused', async ({ store, clock, tend }) => {
  const other: Projection = { ...balances }
  const app = tend(createApp({ store, clock, commands, projections: [balances] }))
  assert.throws(() => app.view(other as never), { code: 'ES_DEFINITION', message: /not registered/ })
})

onEveryStore('a tenant has rows of its own', async (given) => {
  const bank = openBank(given)
  const acme = bank.forTenant('acme')
  await openWith(bank, 'a', 1)
  await openWith(acme, 'a', 2)
  await openWith(acme, 'b', 3)
  assert.deepEqual(
    [await bank.view(balances).get('a'), await acme.view(balances).get('a')].map((row) => row?.balance),
    [1, 2],
  )
  assert.deepEqual([(await bank.view(balances).list()).rows.length, (await acme.view(balances).list()).rows.length], [1, 2])
})

onEveryStore('a receipt is enough to read your own write', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const { position } = await bank.execute(deposit({ accountId: 'a', amount: 7 }), { actor: ann })
  assert.equal((await bank.view(balances).get('a', { atLeast: position, timeout: { seconds: 1 } }))?.balance, 7)
})

// ── one row for many ──

const total = projection('total', {
  events: [AccountOpened, MoneyDeposited],
  consistency: 'transactional',
  key: () => 'all',
  initial: () => ({ sum: 0, accounts: 0 }),
  evolve: {
    AccountOpened: (row) => ({ ...row, accounts: row.accounts + 1 }),
    MoneyDeposited: (row, { data }) => ({ ...row, sum: row.sum + data.amount }),
  },
})
const totalApp = ({ store, clock, tend }: Given, defaults = {}) =>
  tend(
    createApp({
      store,
      clock,
      commands,
      projections: [balances, total],
      defaults: { command: { attempts: 50, backoff: { milliseconds: 1 } }, ...defaults },
    }),
  )

onEveryStore('64 commands at once on 64 streams that share a row leave the right sum in it', async (given) => {
  const app = totalApp(given)
  const ids = Array.from({ length: 64 }, (_, i) => `${i}`)
  await Promise.all(ids.map((accountId) => app.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })))
  await Promise.all(ids.map((accountId, i) => app.execute(deposit({ accountId, amount: i + 1 }), { actor: ann })))
  assert.deepEqual(await app.view(total).get('all'), { sum: (64 * 65) / 2, accounts: 64 })
})

onEveryStore('with room for a single warm row, commands that need several of them are still right', async (given) => {
  const app = totalApp(given, { memory: { warmRows: 1 } })
  const ids = Array.from({ length: 16 }, (_, i) => `${i}`)
  await Promise.all(ids.map((accountId) => app.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })))
  const twice = [...ids, ...ids]
  await Promise.all(twice.map((accountId) => app.execute(deposit({ accountId, amount: 1 }), { actor: ann })))
  assert.deepEqual(await app.view(total).get('all'), { sum: 32, accounts: 16 })
  for (const accountId of ids) assert.equal((await app.view(balances).get(accountId))?.balance, 2)
})

onEveryStore(
  'only what is still on its way has to be proved to the store: a request behind a committed one names no event',
  async (given) => {
    const follows: unknown[] = []
    const store = inFrontOf(given.store, {
      append: (requests) => {
        follows.push(...requests.map((request) => [request.follows, ...(request.views ?? []).map((row) => row.follows)]))
        return given.store.append(requests)
      },
    })
    const app = totalApp({ ...given, store })
    await openWith(app as never, 'a', 1)
    assert.deepEqual(follows, [
      [undefined, undefined, undefined],
      [undefined, undefined, undefined],
    ])
    const [first] = await Promise.all([1, 2].map((amount) => app.execute(deposit({ accountId: 'a', amount }), { actor: ann })))
    const { id } = first!.events[0]!
    assert.deepEqual(follows.slice(2), [
      [undefined, undefined, undefined],
      [id, id, id],
    ])
  },
)

onEveryStore('two apps over one store that update one row lose no update', async (given) => {
  const [one, two] = [totalApp(given), totalApp(given)]
  const ids = ['a', 'b', 'c', 'd']
  for (const accountId of ids) await one.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
  const paid = Array.from({ length: 60 }, (_, i) => {
    const app = i % 2 === 0 ? one : two
    return app.execute(deposit({ accountId: ids[i % 4]!, amount: i + 1 }), { actor: ann })
  })
  await Promise.all(paid)
  assert.deepEqual(await two.view(total).get('all'), { sum: (60 * 61) / 2, accounts: 4 })
})

onEveryStore(
  'a row folded behind a request that lost is not written, although the other app has brought it to that version',
  async (given) => {
    const [one, two] = [totalApp(given), totalApp(given)]
    for (const accountId of ['a', 'b']) await one.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
    await two.execute(deposit({ accountId: 'a', amount: 1000 }), { actor: ann })
    const behind = ['a', 'b'].map((accountId) => one.execute(deposit({ accountId, amount: 10 }), { actor: ann }))
    await Promise.all(behind)
    assert.deepEqual(await one.view(total).get('all'), { sum: 1020, accounts: 2 })
  },
)

for (const projections of [[], [balances]]) {
  const how = projections.length === 0 ? 'without any view' : 'with a view'
  onEveryStore(
    `a command decided behind one that lost is not written, although the other app has brought the stream to that version, ${how}`,
    async (given) => {
      const { store, clock, tend } = given
      const make = () => tend(createApp({ store, clock, commands, projections }))
      const [one, two] = [make(), make()]
      await openWith(one as never, 'a', 100)
      await two.execute(withdraw({ accountId: 'a', amount: 100 }), { actor: ann })
      const [paidIn, paidOut] = await Promise.all([
        one.attempt(deposit({ accountId: 'a', amount: 50 }), { actor: ann }),
        one.attempt(withdraw({ accountId: 'a', amount: 120 }), { actor: ann }),
      ])
      assert.ok(paidIn.ok && paidIn.receipt.version === 4)
      assert.ok(!paidOut.ok && paidOut.rejection.code === 'InsufficientFunds')
      const types = (await all(one.history(Account, 'a'))).map(({ type }) => type)
      assert.deepEqual(types, ['AccountOpened', 'MoneyDeposited', 'MoneyWithdrawn', 'MoneyDeposited'])
      assert.deepEqual((await one.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 50 })
    },
  )
}

// ── a projection that throws ──

const picky = projection('picky', {
  events: [MoneyDeposited, AccountClosed],
  consistency: 'transactional',
  key: (event) => {
    if (event.type === 'MoneyDeposited' && event.data.amount === 666) throw new Error('no such key')
    return 'all'
  },
  initial: () => ({ sum: 0 }),
  evolve: {
    MoneyDeposited: (row, { data }) => {
      if (data.amount === 13) throw new Error('unlucky')
      if (data.amount === 14) return { sum: Number.NaN }
      return { sum: row.sum + data.amount }
    },
    AccountClosed: () => null,
  },
})
const pickyApp = ({ store, clock, tend }: Given) => tend(createApp({ store, clock, commands, projections: [balances, picky] }))

onEveryStore('a projection that throws fails its own command, which writes nothing', async (given) => {
  const app = pickyApp(given)
  await openWith(app as never, 'a', 5)
  for (const amount of [13, 14, 666]) {
    await assert.rejects(app.execute(deposit({ accountId: 'a', amount }), { actor: ann }), {
      code: 'ES_PROJECTION_FAILED',
      projection: 'picky',
      message: /picky failed on MoneyDeposited: .*Nothing was written/,
    })
  }
  assert.equal((await given.store.streamInfo('account-a'))?.version, 2)
  assert.deepEqual([(await app.view(balances).get('a'))?.balance, await app.view(picky).get('all')], [5, { sum: 5 }])
})

onEveryStore('neighbours of a failing projection are untouched: on other streams, and before and behind it on its own', async (given) => {
  const app = pickyApp(given)
  for (const id of ['a', 'b', 'c']) await openWith(app as never, id)
  const amounts = [1, 2, 13, 4, 666, 5]
  const calls = ['a', 'b', 'c'].flatMap((accountId) => amounts.map((amount) => ({ accountId, amount })))
  const settled = await Promise.allSettled(calls.map((input) => app.execute(deposit(input), { actor: ann })))
  const failed = settled.map(({ status }, i) => (status === 'rejected' ? calls[i]!.amount : 0)).filter((amount) => amount > 0)
  assert.deepEqual(failed, [13, 666, 13, 666, 13, 666])
  for (const accountId of ['a', 'b', 'c']) {
    assert.equal((await app.view(balances).get(accountId))?.balance, 12)
    const history = await all(app.events({ stream: `account-${accountId}`, types: [MoneyDeposited] }))
    assert.deepEqual(
      history.map(({ data }) => data.amount),
      [1, 2, 4, 5],
    )
  }
  assert.deepEqual(await app.view(picky).get('all'), { sum: 36 })
})

onEveryStore('whoever was decided behind a failing projection is decided again, on what is really there', async (given) => {
  const app = pickyApp(given)
  await openWith(app as never, 'a', 5)
  const [failing, behind] = await Promise.allSettled([
    app.execute(deposit({ accountId: 'a', amount: 13 }), { actor: ann }),
    app.attempt(withdraw({ accountId: 'a', amount: 15 }), { actor: teller }),
  ])
  assert.equal(failing.status, 'rejected')
  assert.ok(behind.status === 'fulfilled' && !behind.value.ok && behind.value.rejection.code === 'InsufficientFunds')
  assert.equal((await given.store.streamInfo('account-a'))?.version, 2)
})

onEveryStore('a projection never fails a command because of a row that another app has changed', async (given) => {
  const names = projection('names', {
    events: [AccountOpened, AccountClosed],
    consistency: 'transactional',
    key: (event) => (event.type === 'AccountOpened' ? event.data.owner : event.data.reason),
    initial: () => ({ by: '' }),
    evolve: {
      AccountOpened: (row, { subject }) => {
        if (row.by !== '') throw new Error(`taken by ${row.by}`)
        return { by: subject }
      },
      AccountClosed: () => null,
    },
  })
  const make = () => given.tend(createApp({ store: given.store, clock: given.clock, commands, projections: [names] }))
  const [one, two] = [make(), make()]
  await one.execute(openAccount({ accountId: 'a', owner: 'neo' }), { actor: ann })
  await assert.rejects(one.execute(openAccount({ accountId: 'b', owner: 'neo' }), { actor: ann }), { code: 'ES_PROJECTION_FAILED' })
  await two.execute(closeAccount({ accountId: 'a', reason: 'neo' }), { actor: teller })
  const { version } = await one.execute(openAccount({ accountId: 'b', owner: 'neo' }), { actor: ann })
  assert.equal(version, 1)
  assert.deepEqual(await two.view(names).get('neo'), { by: 'b' })
})
