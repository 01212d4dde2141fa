/** Loading an aggregate: now, from the cache, at a version, at a time; and whose the loaded state is. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { aggregate, command, createApp, event, newId } from '../../src/index.ts'
import { Account, deposit, MoneyDeposited, openAccount, withdraw } from '../domain/bank.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { all, ann, counted, foldOf, openBank, openWith, payIn, teller } from './open-bank.ts'

const balanceOf = (loaded: { readonly state: unknown }) => (loaded.state as { balance?: number }).balance

onEveryStore('a load sees what another app has appended, though this one is warm', async (given) => {
  const [one, two] = [openBank(given), openBank(given)]
  await openWith(one, 'a', 10)
  await payIn(two, 'a', 5)
  const { version, exists, state } = await one.load(Account, 'a')
  assert.deepEqual({ version, exists, state }, { version: 3, exists: true, state: { status: 'open', owner: 'ann', balance: 15 } })
})

onEveryStore('a cached load may be stale, and asks the store for nothing', async (given) => {
  const { store, calls } = counted(given.store)
  const [one, two] = [openBank(given, { store }), openBank(given)]
  await openWith(one, 'a', 10)
  await payIn(two, 'a', 5)
  for (const call of Object.keys(calls)) delete calls[call]
  const stale = await one.load(Account, 'a', { cached: true })
  assert.deepEqual([stale.version, balanceOf(stale)], [2, 10])
  assert.deepEqual(calls, {})
  assert.equal((await one.load(Account, 'a')).version, 3)
})

onEveryStore('a cached load of a stream that nobody has used here comes from the store', async (given) => {
  const [one, two] = [openBank(given), openBank(given)]
  await openWith(one, 'a', 10)
  assert.equal((await two.load(Account, 'a', { cached: true })).version, 2)
  assert.deepEqual(await two.load(Account, 'nobody', { cached: true }), { state: { status: 'none' }, version: 0, exists: false })
})

onEveryStore('a confirmed load of a warm stream costs one look at its version, and no events', async (given) => {
  const { store, calls } = counted(given.store)
  const bank = openBank(given, { store })
  await openWith(bank, 'a', 10)
  for (const call of Object.keys(calls)) delete calls[call]
  await bank.load(Account, 'a')
  assert.deepEqual(calls, { streamInfo: 1 })
})

onEveryStore('at each version of its history an aggregate is the fold of the events up to there', async (given) => {
  const bank = openBank(given, { defaults: { aggregate: { compareSnapshotOneIn: 1 } } })
  await openWith(bank, 'a', ...Array.from({ length: 130 }, (_, i) => i + 1))
  await bank.idle()
  const events = await all(bank.history(Account, 'a'))
  assert.equal(events.length, 131)
  for (let version = 0; version <= events.length; version++) {
    const loaded = await bank.load(Account, 'a', { version })
    assert.deepEqual(loaded, { state: foldOf(Account, events.slice(0, version)), version, exists: version > 0 })
  }
  assert.deepEqual(await bank.load(Account, 'a', { version: 999 }), await bank.load(Account, 'a'))
})

onEveryStore('at a time an aggregate has the events recorded up to and including it', async (given) => {
  const { clock } = given
  const bank = openBank(given)
  const start = clock.now()
  await openWith(bank, 'a')
  for (const amount of [1, 2, 3]) {
    await clock.advance({ seconds: 10 })
    await payIn(bank, 'a', amount)
  }
  const versionAt = async (ms: number) => (await bank.load(Account, 'a', { at: new Date(start + ms) })).version
  assert.deepEqual(await Promise.all([-1, 0, 9_999, 10_000, 10_001, 20_000, 30_000, 99_999].map(versionAt)), [0, 1, 1, 2, 2, 3, 4, 4])
  const before = await bank.load(Account, 'a', { at: new Date(start - 1) })
  assert.deepEqual(before, { state: { status: 'none' }, version: 0, exists: false })
})

onEveryStore('an aggregate that is back in its first state exists, and one without events does not', async ({ store, tend }) => {
  const Switched = event('Switched', z.object({}))
  const Switch = aggregate('switch', { events: [Switched], initial: () => false, evolve: { Switched: (on) => !on } })
  const flip = command(Switch, 'Flip', {
    input: z.object({ id: z.string() }),
    id: ({ id }) => id,
    decide: () => [Switched({}), Switched({})],
  })
  const app = tend(createApp({ store, commands: [flip] }))
  await app.execute(flip({ id: '1' }), { actor: ann })
  assert.deepEqual(await app.load(Switch, '1'), { state: false, version: 2, exists: true })
  assert.deepEqual(await app.load(Switch, '2'), { state: false, version: 0, exists: false })
})

onEveryStore('as of a version and as of a time at once is refused, and so are versions and times that are none', async (given) => {
  const bank = openBank(given)
  const invalid = [{ version: 1, at: new Date(0) }, { version: -1 }, { version: 1.5 }, { at: new Date(Number.NaN) }]
  for (const options of invalid) await assert.rejects(bank.load(Account, 'a', options), { code: 'ES_VALIDATION' })
  await assert.rejects(bank.load(Account, ''), { code: 'ES_STREAM_NAME' })
})

// ── whose state it is ──

const Tagged = event('Tagged', z.object({ tag: z.string(), tags: z.array(z.string()) }))
const tagWith = (Tags: any) =>
  command(Tags, 'Tag', {
    input: z.object({ id: z.string(), tag: z.string() }),
    id: (input) => input.id,
    decide: ({ input }) => Tagged({ tag: input.tag, tags: [input.tag] }) as never,
  })

const jsonTags = aggregate('tags', {
  events: [Tagged],
  initial: (): { readonly seen: readonly string[]; readonly last: readonly string[] } => ({ seen: [], last: [] }),
  evolve: { Tagged: (state, { data }) => ({ seen: [...state.seen, data.tag], last: data.tags }) },
})
const mapTags = aggregate('tags', {
  events: [Tagged],
  initial: () => new Map<string, number>(),
  evolve: { Tagged: (state, { data }) => new Map(state).set(data.tag, state.size) },
  snapshot: { save: (state) => [...state], restore: (body: [string, number][]) => new Map(body) },
})
class TagList {
  readonly tags: string[]
  constructor(tags: string[]) {
    this.tags = tags
  }
}
const classTags = aggregate('tags', {
  events: [Tagged],
  initial: () => new TagList([]),
  evolve: { Tagged: (state, { data }) => new TagList([...state.tags, data.tag]) as never },
  snapshot: false,
})

const spoil: Readonly<Record<string, (state: any) => void>> = {
  'a JSON state': (state) => {
    state.seen.push('spoilt')
    state.last.push('spoilt')
  },
  'a Map with save and restore': (state) => state.set('spoilt', -1),
  'a state that has no text': (state) => state.tags.push('spoilt'),
}
const kinds = Object.entries({ 'a JSON state': jsonTags, 'a Map with save and restore': mapTags, 'a state that has no text': classTags })

for (const [kind, Tags] of kinds) {
  onEveryStore(`changing a loaded state changes nothing for others: ${kind}`, async ({ store, tend }: Given) => {
    const tag = tagWith(Tags)
    const app = tend(createApp({ store, commands: [tag] }))
    await app.execute(tag({ id: '1', tag: 'alpha' }), { actor: ann })
    const truth = await app.load(Tags, '1', { version: 1 })
    for (const options of [{}, { cached: true }, { version: 1 }, {}]) {
      const loaded = await app.load(Tags, '1', options)
      assert.deepEqual(loaded, truth)
      spoil[kind]!(loaded.state)
    }
    assert.deepEqual(await app.load(Tags, '1'), truth)
    const receipt = await app.execute(tag({ id: '1', tag: 'bravo' }), { actor: ann })
    ;(receipt.events[0] as any).data.tags.push('spoilt')
    assert.deepEqual(await app.load(Tags, '1'), await app.load(Tags, '1', { version: 2 }))
  })

  onEveryStore(`the state in a receipt is the caller's own: ${kind}`, async ({ store, tend }: Given) => {
    const tag = tagWith(Tags)
    const app = tend(createApp({ store, commands: [tag] }))
    const [first, second] = await Promise.all(
      ['alpha', 'bravo'].map((name) => app.execute(tag({ id: '1', tag: name }), { actor: ann, returnState: true })),
    )
    assert.deepEqual(first!.state, (await app.load(Tags, '1', { version: 1 })).state)
    assert.deepEqual(second!.state, (await app.load(Tags, '1', { version: 2 })).state)
    spoil[kind]!(second!.state)
    assert.deepEqual(await app.load(Tags, '1'), await app.load(Tags, '1', { version: 2 }))
  })
}

// ── waiting for it ──

onEveryStore('a load that takes too long ends in TimedOutError, one that is aborted in the reason', async (given) => {
  const { clock, store } = given
  let arrived = () => {}
  const slow = new Proxy(store, {
    get: (target, name) =>
      name === 'streamInfo'
        ? () => {
            arrived()
            return new Promise(() => {})
          }
        : Reflect.get(target, name, target),
  })
  const bank = openBank(given, { store: slow })
  await openWith(bank, 'a', 10)
  const asking = () =>
    new Promise<void>((resolve) => {
      arrived = resolve
    })
  let asked = asking()
  const late = assert.rejects(bank.load(Account, 'a', { timeout: { seconds: 2 } }), {
    code: 'ES_TIMED_OUT',
    what: 'load account-a',
    afterMs: 2000,
    retryable: true,
  })
  await asked
  await clock.advance({ seconds: 2 })
  await late
  asked = asking()
  const abort = new AbortController()
  const aborted = assert.rejects(bank.load(Account, 'a', { signal: abort.signal }), /nobody waits/)
  await asked
  abort.abort(new Error('nobody waits'))
  await aborted
  await assert.rejects(bank.load(Account, 'a', { signal: AbortSignal.abort(new Error('too early')) }), /too early/)
  await assert.rejects(bank.load(Account, 'a', { timeout: { seconds: 0 } }), { code: 'ES_DEFINITION' })
})

// ── history ──

onEveryStore('history has the events of one stream, typed, in both directions and within bounds', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1, 2, 3)
  await openWith(bank, 'b', 9)
  const versions = async (options = {}) => (await all(bank.history(Account, 'a', options))).map(({ version }) => version)
  assert.deepEqual(await versions(), [1, 2, 3, 4])
  assert.deepEqual(await versions({ after: 1 }), [2, 3, 4])
  assert.deepEqual(await versions({ to: 2 }), [1, 2])
  assert.deepEqual(await versions({ after: 1, to: 3 }), [2, 3])
  assert.deepEqual(await versions({ limit: 2 }), [1, 2])
  assert.deepEqual(await versions({ backwards: true }), [4, 3, 2, 1])
  assert.deepEqual(await versions({ backwards: true, limit: 2, to: 3 }), [3, 2])
  assert.deepEqual(await versions({ after: 4 }), [])
  assert.deepEqual(await all(bank.history(Account, 'nobody')), [])
  await assert.rejects(versions({ limit: 0 }), { code: 'ES_DEFINITION' })
  const [opened] = await all(bank.history(Account, 'a'))
  const { type, data, stream, subject, position, schemaVersion, tenant, recordedAt, metadata } = opened!
  assert.deepEqual(
    { type, data, stream, subject, position, schemaVersion, tenant },
    { type: 'AccountOpened', data: { owner: 'ann' }, stream: 'account-a', subject: 'a', position: 1, schemaVersion: 1, tenant: '' },
  )
  assert.equal(recordedAt.getTime(), given.clock.now())
  assert.deepEqual([metadata.actor, metadata.command], [ann, 'OpenAccount'])
})

onEveryStore('a stream of more than a page is folded and read to its end', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'long')
  const events = Array.from({ length: 2500 }, () => ({
    id: newId(),
    type: 'MoneyDeposited',
    schemaVersion: 1,
    data: '{"amount":1}',
    metadata: '{}',
    tags: [],
  }))
  await given.store.append([{ stream: 'account-long', expectedVersion: 1, events }])
  const { state, version } = await bank.load(Account, 'long')
  assert.deepEqual([version, balanceOf({ state })], [2501, 2500])
  assert.equal((await all(bank.history(Account, 'long'))).length, 2501)
  await payIn(bank, 'long', 1)
  assert.equal((await bank.load(Account, 'long')).version, 2502)
})

onEveryStore('old events are read in their current form by every path: load, history, events, commands and receipts', async (given) => {
  const closed = { id: newId(), type: 'AccountClosed', schemaVersion: 1, data: '{"reason":"moved"}', metadata: '{}', tags: [] }
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  await given.store.append([{ stream: 'account-a', expectedVersion: 2, events: [closed] }])
  const inNewForm = { reason: 'moved', closedBy: 'unknown' }
  assert.deepEqual((await all(bank.history(Account, 'a'))).at(-1)?.data, inNewForm)
  assert.deepEqual((await all(bank.events({ stream: 'account-a' }))).at(-1)?.data, inNewForm)
  assert.deepEqual((await all(bank.events({ types: ['AccountClosed'] })))[0]?.data, inNewForm)
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'closed' })
  const outcome = await bank.attempt(deposit({ accountId: 'a', amount: 1 }), { actor: ann })
  assert.ok(!outcome.ok && outcome.rejection.code === 'AccountNotOpen')
  const [page] = await all(given.store.readStream('account-a', { after: 2 }))
  assert.equal(page![0]!.data, '{"reason":"moved"}')
})

onEveryStore('a type that nobody knows is raw in events(), and an error for the aggregate that owns the category', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 10)
  const strange = () => ({ id: newId(), type: 'Strange', schemaVersion: 7, data: '{"a":[1]}', metadata: '{}', tags: [] })
  await given.store.append([{ stream: 'other-1', expectedVersion: 'none', events: [strange()] }])
  const [raw] = await all(bank.events({ category: 'other' }))
  assert.deepEqual([raw!.type, raw!.data, raw!.schemaVersion], ['Strange', { a: [1] }, 7])
  await given.store.append([{ stream: 'account-a', expectedVersion: 2, events: [strange()] }])
  await assert.rejects(bank.load(Account, 'a'), { code: 'ES_UNKNOWN_EVENT', type: 'Strange' })
  await assert.rejects(bank.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: teller }), { code: 'ES_UNKNOWN_EVENT' })
  assert.equal((await all(bank.history(Account, 'a'))).length, 3)
  assert.equal((await bank.load(Account, 'a', { version: 2 })).version, 2)
})

onEveryStore('streams are listed with their versions, by category, by part of the name, page by page', async (given) => {
  const bank = openBank(given)
  for (const id of ['b', 'a', 'a_%']) await openWith(bank, id, 1)
  await bank.forTenant('acme').execute(openAccount({ accountId: 'hidden', owner: 'ann' }), { actor: ann })
  const names = async (options = {}) => (await bank.streams.list(options)).map(({ stream }) => stream)
  assert.deepEqual(await names(), ['account-a', 'account-a_%', 'account-b'])
  assert.deepEqual(await names({ search: '_%' }), ['account-a_%'])
  assert.deepEqual(await names({ category: 'accoun' }), [])
  assert.deepEqual(await names({ after: 'account-a', limit: 1 }), ['account-a_%'])
  assert.deepEqual(
    (await bank.forTenant('acme').streams.list()).map(({ stream }) => stream),
    ['account-hidden'],
  )
  const info = await bank.streams.info('account-b')
  assert.deepEqual(info, { stream: 'account-b', version: 2, firstPosition: 1, lastPosition: 2, recordedAt: new Date(given.clock.now()) })
  assert.equal(await bank.streams.info('account-nobody'), undefined)
  await assert.rejects(bank.streams.info('nonsense'), { code: 'ES_STREAM_NAME' })
  await assert.rejects(bank.streams.list({ limit: 0 }), { code: 'ES_DEFINITION' })
})

onEveryStore('a tenant loads and reads its own streams alone', async (given) => {
  const bank = openBank(given)
  const acme = bank.forTenant('acme')
  await openWith(bank, 'a', 1)
  await openWith(acme, 'a', 2, 3)
  assert.deepEqual([(await bank.load(Account, 'a')).version, (await acme.load(Account, 'a')).version], [2, 3])
  assert.deepEqual(
    (await all(acme.events({ types: [MoneyDeposited] }))).map(({ data, tenant }) => [tenant, data.amount]),
    [
      ['acme', 2],
      ['acme', 3],
    ],
  )
  assert.equal((await all(bank.events())).length, 2)
})
