/** What goes wrong at the edges: contexts that mix, references that leak, texts that are not text, calls around the end. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import { z } from 'zod'
import { aggregate, command, createApp, event, projection, reject, tableProjection } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { Account, AccountOpened, deposit, openAccount } from '../domain/bank.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { ann, openBank, openWith } from './open-bank.ts'

const Added = event('Added', z.object({ by: z.number() }))
const Counter = aggregate('counter', {
  events: [Added],
  initial: () => ({ sum: 0, parts: { last: 0 } }),
  evolve: { Added: (state, { data }) => ({ sum: state.sum + data.by, parts: { last: data.by } }) },
})
const input = z.object({ id: z.string(), by: z.number() })
const by = { actor: ann }

onEveryStore('each command runs in the asynchronous context of its own caller', async ({ store, clock, tend }) => {
  const role = new AsyncLocalStorage<string>()
  const add = command(Counter, 'Add', {
    input,
    id: ({ id }) => id,
    authorize: () => role.getStore() === 'admin',
    decide: ({ input }) => (role.getStore() === 'admin' ? Added({ by: input.by }) : reject('Seen', { as: role.getStore() ?? 'nobody' })),
  })
  const app = tend(createApp({ store, clock, commands: [add] }))
  const roles = ['admin', 'guest', 'admin', 'guest']
  const settled = await Promise.allSettled(roles.map((name) => role.run(name, () => app.execute(add({ id: 'a', by: 1 }), by))))
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
})

onEveryStore("a rejection's details are the caller's own: changing them changes no state", async ({ store, clock, tend }) => {
  const take = command(Counter, 'Take', {
    input,
    id: ({ id }) => id,
    decide: ({ state, input }) => (state.sum < input.by ? reject('TooLittle', { state }) : Added({ by: -input.by })),
  })
  const app = tend(createApp({ store, clock, commands: [take] }))
  await app.execute(take({ id: 'a', by: -5 }), by)
  const first = await app.attempt(take({ id: 'a', by: 100 }), by)
  assert.ok(!first.ok)
  Object.assign(first.rejection.details.state, { sum: 1e6 })
  const second = await app.attempt(take({ id: 'a', by: 100 }), by)
  assert.ok(!second.ok)
  assert.deepEqual(second.rejection.details.state, { sum: 5, parts: { last: 5 } })
})

onEveryStore('a hibernated state that cannot be read again is loaded instead', async (given) => {
  const Torn = aggregate('torn', {
    events: [Added],
    initial: () => 0,
    evolve: { Added: (sum, { data }) => sum + data.by },
    snapshot: {
      save: (sum) => sum,
      restore: () => {
        throw new Error('unreadable')
      },
    },
  })
  const add = command(Torn, 'AddTorn', { input, id: ({ id }) => id, decide: ({ input }) => Added({ by: input.by }) })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [add] }))
  await app.execute(add({ id: 'a', by: 1 }), by)
  await given.clock.advance({ minutes: 2 })
  assert.equal((await app.stats()).aggregates.hibernated, 1)
  await app.execute(add({ id: 'a', by: 2 }), by)
  await given.clock.advance({ minutes: 2 })
  await given.clock.advance({ minutes: 40 })
  assert.equal((await app.load(Torn, 'a')).state, 3)
})

onEveryStore('half of a surrogate pair is refused wherever a text is a key', async (given) => {
  const bank = openBank(given)
  await assert.rejects(openWith(bank, 'x\ud800'), { code: 'ES_STREAM_NAME' })
  assert.throws(() => bank.forTenant('t\ud800'), { code: 'ES_VALIDATION' })
  const key = { actor: ann, idempotencyKey: 'k\ud800' }
  await assert.rejects(bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), key), { code: 'ES_VALIDATION' })
})

onEveryStore('what is called before stop is done before stop is over', async (given) => {
  const bank = openBank(given)
  const opened = bank.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  await bank.stop({ keepStore: true })
  assert.equal(await given.store.head(), 1)
  assert.equal((await opened).version, 1)
})

onEveryStore('a live reader ends with its app', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a')
  const reader = bank.events({ live: true })[Symbol.asyncIterator]()
  assert.equal((await reader.next()).done, false)
  const more = reader.next()
  await bank.stop({ keepStore: true })
  assert.equal((await more).done, true)
})

onEveryStore('outcomes that have expired are forgotten, not only hidden', async (given) => {
  const open = () => openBank(given, { defaults: { command: { keepOutcome: { hours: 2 } } } })
  const bank = open()
  await openWith(bank, 'a')
  await bank.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, idempotencyKey: 'k' })
  await given.clock.advance({ hours: 4 })
  await bank.idle()
  assert.equal(await given.store.forgetExpired(given.clock.now()), 0, 'the app has done it by itself')
  assert.equal((await bank.load(Account, 'a')).version, 2)
})

function manyAtOnce(given: Given, count: number) {
  const Noted = event('Noted', z.object({ n: z.number() }), { tags: () => ['notes'] })
  const notes = projection('notes', {
    events: [Noted],
    consistency: 'transactional',
    key: (seen) => String(seen.data.n),
    initial: () => ({ n: 0 }),
    evolve: { Noted: (_, { data }) => ({ n: data.n }) },
  })
  const note = command('Note', {
    input: z.object({ n: z.number() }),
    stream: () => 'note-all',
    events: [Noted],
    decide: ({ input }) => Noted(input),
  })
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [note], projections: [notes] }))
  return Promise.all(Array.from({ length: count }, (_, n) => app.execute(note({ n }), by)))
}

onEveryStore('many commands of one process on one stream do not use up their attempts against each other', async (given) => {
  const receipts = await manyAtOnce(given, 300)
  assert.equal(new Set(receipts.map(({ version }) => version)).size, 300)
})

test('a transaction that a statement has ended is ended: nothing that came before or after it is kept', async () => {
  const app = createApp({ store: sqlite(':memory:'), commands: [openAccount, deposit] })
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
  await app.transaction((tx) => tx.sql`create table unique_names (name text primary key on conflict rollback)`)
  const work = app.transaction(async (tx) => {
    await tx.execute(deposit({ accountId: 'a', amount: 1 }), by)
    await tx.sql`insert into unique_names values ('x')`
    await tx.sql`insert into unique_names values ('x')`.catch(() => {})
    await tx.execute(deposit({ accountId: 'a', amount: 2 }), by)
  })
  await assert.rejects(work, { code: 'ES_STORE_UNAVAILABLE', retryable: false, message: /ended the whole transaction/ })
  assert.equal((await app.load(Account, 'a')).version, 1)
  assert.deepEqual(await app.transaction((tx) => tx.sql`select name from unique_names`), [])
  await app.stop()
})

test('a constraint that is checked at the commit only fails the one command that broke it', async () => {
  const owners = tableProjection('owners', {
    events: [AccountOpened],
    consistency: 'transactional',
    tables: {
      owners: 'create table if not exists owners (name text primary key references people (name) deferrable initially deferred) strict',
    },
    apply: (opened, sql) => sql`insert into owners values (${opened.data.owner})`,
  })
  const app = createApp({ store: sqlite(':memory:'), commands: [openAccount], projections: [owners] })
  await app.transaction(async (tx) => {
    await tx.sql`create table people (name text primary key) strict`
    await tx.sql`insert into people values ('ann'), ('bob')`
  })
  const settled = await Promise.allSettled(
    ['ann', 'nobody', 'bob'].map((owner) => app.execute(openAccount({ accountId: owner, owner }), by)),
  )
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.equal((await app.load(Account, 'nobody')).exists, false)
  await app.stop()
})

test('a misspelt option is refused, with the one that was meant', async () => {
  const stages = { input, id: () => 'a', decide: () => undefined }
  assert.throws(() => command(Counter, 'Fc', { ...stages, authorise: () => false } as never), {
    code: 'ES_DEFINITION',
    message: 'Command Fc has no option "authorise"; did you mean authorize?',
  })
  const parts = { store: sqlite(':memory:'), commands: [openAccount] }
  assert.throws(() => createApp({ ...parts, projection: [] } as never), { code: 'ES_DEFINITION', message: /did you mean projections/ })
  const app = createApp(parts)
  const misspelt = { actor: ann, idempotencykey: 'k' }
  await assert.rejects(app.execute(openAccount({ accountId: 'a', owner: 'ann' }), misspelt), { message: /did you mean idempotencyKey/ })
  await app.stop()
})

test('an actor that is none is refused, whether or not a rule looks at it', async () => {
  const app = createApp({ store: sqlite(':memory:'), commands: [openAccount] })
  for (const actor of ['ann', {}, { id: 'ann' }, { id: 'ann', roles: 'teller' }]) {
    const asking = { actor } as never
    await assert.rejects(app.execute(openAccount({ accountId: 'a', owner: 'ann' }), asking), { code: 'ES_VALIDATION', message: /roles/ })
  }
  await app.stop()
})

test('an upcast that would lose the tags of its event is refused', () => {
  const Bought = event('Bought', z.object({ by: z.string() }), { tags: ({ by }) => [`by:${by}`] })
  const next = z.object({ by: z.string(), price: z.number() })
  const up = (old: { by: string }) => ({ ...old, price: 0 })
  assert.throws(() => Bought.upcast(next, up), { code: 'ES_DEFINITION', message: /had tags before this upcast/ })
  assert.equal(Bought.upcast(next, up, { tags: ({ by }) => [`by:${by}`] }).schemaVersion, 2)
})

test('a mistake in a statement of your own is told as one', async () => {
  const app = createApp({ store: sqlite(':memory:'), commands: [openAccount] })
  await assert.rejects(
    app.transaction((tx) => tx.sql`selec 1`),
    { code: 'ES_SQL', message: /syntax error/ },
  )
  await app.stop()
})

onEveryStore('an app that is stopped while it prepares its store leaves nothing behind that wakes up later', async ({ store, clock }) => {
  let waiting = 0
  const watched = {
    ...clock,
    after(ms: number, callback: () => void) {
      waiting++
      const cancel = clock.after(ms, callback)
      return () => {
        waiting--
        cancel()
      }
    },
  }
  const app = createApp({ store, clock: watched, commands: [openAccount] })
  const prepared = app.prepare()
  await app.stop({ keepStore: true })
  await prepared
  assert.equal(waiting, 0)
})
