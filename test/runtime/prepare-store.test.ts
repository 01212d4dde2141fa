/** What an app does before its first use of a store: it looks at what is stored, and builds the views that are new or changed. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import type { EventStore } from '../../src/core/event-store.ts'
import { aggregate, createApp, event, newId, projection } from '../../src/index.ts'
import {
  Account,
  AccountClosed,
  AccountOpened,
  balances,
  closeAccount,
  deposit,
  MoneyDeposited,
  MoneyWithdrawn,
  openAccount,
  withdraw,
} from '../domain/bank.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { ann, counted, openBank, openWith, payIn, recorder, teller } from './open-bank.ts'

const commands = [openAccount, deposit, withdraw, closeAccount]
const raw = (type: string, data: object = {}, schemaVersion = 1) => ({
  id: newId(),
  type,
  schemaVersion,
  data: JSON.stringify(data),
  metadata: '{}',
  tags: [],
})
const withProjections = ({ store, clock, tend }: Given, projections: readonly unknown[], observer?: any) =>
  tend(createApp({ store, clock, commands, projections: projections as never, ...(observer ? { observer } : {}) }))

/** The same balances, kept by another fold. */
const closing = projection('balances', {
  events: [AccountOpened, MoneyDeposited, MoneyWithdrawn, AccountClosed],
  consistency: 'transactional',
  key: (event) => event.subject,
  initial: () => ({ owner: '', balance: 0, closedBy: '' }),
  evolve: {
    AccountOpened: (row, { data }) => ({ ...row, owner: data.owner }),
    MoneyDeposited: (row, { data }) => (data.amount === 777 ? null : { ...row, balance: row.balance + data.amount }),
    MoneyWithdrawn: (row, { data }) => ({ ...row, balance: row.balance - data.amount }),
    AccountClosed: (row, { data }) => ({ ...row, closedBy: data.closedBy }),
  },
  indexes: { balance: 'number' },
})

onEveryStore('a view that is new on an existing store has the rows that it would have had from the beginning', async (given) => {
  const live = withProjections(given, [closing])
  for (const tenant of ['', 'acme']) {
    const app = live.forTenant(tenant)
    await openWith(app as never, 'a', 5, 6, 777)
    await openWith(app as never, 'b', 9)
    await openWith(app as never, 'c', 777, 1)
    await app.execute(closeAccount({ accountId: 'b', reason: 'moved' }), { actor: teller })
  }
  const twin = projection('twin', { ...closing, name: 'twin' } as never)
  const signals = recorder()
  const late = withProjections(given, [closing, twin], signals)
  for (const tenant of ['', 'acme']) {
    const rows = (
      await late
        .forTenant(tenant)
        .view(twin as never)
        .list()
    ).rows
    assert.deepEqual(
      rows,
      (
        await live
          .forTenant(tenant)
          .view(closing as never)
          .list()
      ).rows,
    )
    assert.deepEqual(
      rows.map(({ key }) => key),
      ['b', 'c'],
    )
  }
  const [rebuilt, ...others] = signals.of('projection.rebuilt')
  assert.deepEqual([rebuilt!.projection, rebuilt!.rows, rebuilt!.events, others.length], ['twin', 4, 20, 0])
})

onEveryStore('a changed fold is built anew, an unchanged one is not, and old events come through their upcasters', async (given) => {
  const first = openBank(given)
  await openWith(first, 'a', 5)
  await given.store.append([{ stream: 'account-a', expectedVersion: 2, events: [raw('AccountClosed', { reason: 'moved' })] }])
  const again = recorder()
  await withProjections(given, [balances], again).prepare()
  assert.deepEqual(again.of('projection.rebuilt'), [])
  const changed = recorder()
  const second = withProjections(given, [closing], changed)
  assert.deepEqual(await second.view(closing as never).get('a'), { owner: 'ann', balance: 5, closedBy: 'unknown' })
  assert.equal(changed.of('projection.rebuilt').length, 1)
})

onEveryStore('raising the version of a projection builds it anew, and so do other indexes and another key', async (given) => {
  await openWith(openBank(given), 'a', 5)
  let built = 0
  for (const change of [
    { version: 2 },
    { version: 2 },
    { version: 2, indexes: { balance: 'number' as const } },
    { version: 2, key: () => 'all' },
  ]) {
    const signals = recorder()
    await withProjections(given, [projection('balances', { ...balances, ...change } as never)], signals).prepare()
    built += signals.of('projection.rebuilt').length
  }
  assert.equal(built, 3)
})

onEveryStore('views of an empty store are built at once, and of a log without a matching event too', async (given) => {
  const app = withProjections(given, [balances])
  assert.deepEqual(await app.view(balances as never).list(), { rows: [], next: undefined })
  await given.store.append([{ stream: 'other-1', expectedVersion: 'none', events: [raw('Strange')] }])
  const signals = recorder()
  await withProjections(given, [closing], signals).prepare()
  assert.deepEqual(
    signals.of('projection.rebuilt').map(({ rows, events }) => [rows, events]),
    [[0, 0]],
  )
})

onEveryStore('a row that another app has warm is not overwritten behind a rebuild', async (given) => {
  const one = openBank(given)
  await openWith(one, 'a', 5)
  await given.store.views.retire('balances')
  const other = openBank(given)
  await payIn(other, 'a', 6)
  await payIn(one, 'a', 7)
  assert.deepEqual(await other.view(balances).get('a'), { owner: 'ann', balance: 18 })
})

/** What a view has, and what folding the whole log into it comes to. */
async function asStoredAndFolded({ store, clock, tend }: Given, view: any): Promise<readonly [unknown, unknown]> {
  const again = projection('folded-again', { ...view, name: 'folded-again' } as never)
  const reader = tend(createApp({ store, clock, commands: [], projections: [again] as never, events: again.events as never }))
  const rows = async (name: string) =>
    (await store.views.list('', { view: name, indexes: {}, fingerprint: '' }, everything)).map(({ key, row }) => [key, row])
  await reader.prepare()
  const both = [await rows(view.name), await rows('folded-again')] as const
  await store.views.retire('folded-again')
  return both
}

async function assertWhole(given: Given, view: any): Promise<void> {
  const [stored, folded] = await asStoredAndFolded(given, view)
  assert.deepEqual(stored, folded)
}

const everything = { where: [], orderBy: undefined, descending: false, limit: 100, after: undefined }
const refused = { code: 'ES_PROJECTION_SET_CHANGED', projection: 'balances', retryable: false }

onEveryStore('a process without a projection that a newer build has prepared is refused, and leaves no hole', async (given) => {
  const old = withProjections(given, [])
  await openWith(old as never, 'a', 1)
  const current = withProjections(given, [balances])
  await current.prepare()
  await assert.rejects(payIn(old as never, 'a', 10), { ...refused, message: /deploy the current build/ })
  assert.equal((await given.store.streamInfo('account-a'))?.version, 2)
  await payIn(current as never, 'a', 100)
  await assert.rejects(payIn(old as never, 'a', 10), refused)
  assert.deepEqual(await current.view(balances as never).get('a'), { owner: 'ann', balance: 101 })
  await assertWhole(given, balances)
})

onEveryStore(
  'a process with another fold of a projection is refused once a newer build has switched, also with rows that are warm',
  async (given) => {
    const old = openBank(given)
    await openWith(old, 'a', 5)
    const current = withProjections(given, [closing])
    await current.prepare()
    await assert.rejects(payIn(old, 'a', 6), refused)
    await assert.rejects(openWith(old, 'b'), refused)
    await payIn(current as never, 'a', 7)
    assert.deepEqual(await current.view(closing as never).get('a'), { owner: 'ann', balance: 12, closedBy: '' })
    await assertWhole(given, closing)
  },
)

onEveryStore('a process that starts without a projection is refused from its first command on', async (given) => {
  await openBank(given).prepare()
  await assert.rejects(openWith(withProjections(given, []) as never, 'a'), refused)
  assert.equal(await given.store.head(), 0)
})

onEveryStore('an event that only the older fold has is refused, too: it would write rows of that fold', async (given) => {
  const old = withProjections(given, [closing])
  await openWith(old as never, 'a', 5)
  const { AccountClosed: _, ...evolve } = closing.evolve
  const fewer = projection('balances', { ...closing, events: [AccountOpened, MoneyDeposited, MoneyWithdrawn], evolve } as never)
  await withProjections(given, [fewer]).prepare()
  await assert.rejects(old.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller }), refused)
})

onEveryStore('a change of projections that do not fold its events disturbs nobody', async (given) => {
  const signals = recorder()
  const old = withProjections(given, [balances], signals)
  await openWith(old as never, 'a', 5)
  const closings = projection('closings', {
    events: [AccountClosed],
    consistency: 'transactional',
    key: (event) => event.subject,
    initial: () => ({ closed: true }),
    evolve: { AccountClosed: (row) => row },
  })
  const current = withProjections(given, [balances, closings])
  await current.prepare()
  await Promise.all([payIn(old as never, 'a', 6), payIn(old as never, 'a', 7), openWith(old as never, 'b', 1)])
  assert.deepEqual(signals.of('aggregate.conflict'), [])
  await assert.rejects(old.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller }), {
    ...refused,
    projection: 'closings',
  })
  await payIn(old as never, 'a', 1)
  for (const view of [balances, closings]) await assertWhole(given, view)
})

onEveryStore('in a transaction, too, a process that would leave holes is refused, and one that would not goes on', async (given) => {
  const old = withProjections(given, [])
  const same = withProjections(given, [balances])
  await Promise.all([old.prepare(), same.prepare()])
  await withProjections(given, [balances, projection('twin', { ...balances, name: 'twin' } as never)]).prepare()
  await given.store.views.retire('twin')
  const open = openAccount({ accountId: 'a', owner: 'ann' })
  await assert.rejects(
    old.transaction((tx) => tx.execute(open, { actor: ann })),
    refused,
  )
  await same.transaction(async (tx) => {
    await tx.execute(open, { actor: ann })
    await tx.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
  })
  assert.equal((await given.store.streamInfo('account-a'))?.version, 2)
  await assertWhole(given, balances)
})

onEveryStore('a projection that no build has any more is retired; when it comes back, it has what came meanwhile', async (given) => {
  const with_ = openBank(given)
  await openWith(with_, 'a', 5)
  const without = withProjections(given, [])
  await assert.rejects(payIn(without as never, 'a', 6), refused)
  await assert.rejects(with_.views.retire('balances'), { code: 'ES_DEFINITION', message: /remove it first/ })
  await assert.rejects(without.views.retire('balance'), { code: 'ES_NOT_FOUND' })
  await without.views.retire('balances')
  await payIn(without as never, 'a', 6)
  // Its rows would be of a view that the store does not have.
  await assert.rejects(payIn(with_, 'a', 7), refused)
  const signals = recorder()
  const again = withProjections(given, [balances], signals)
  assert.deepEqual(await again.view(balances as never).get('a'), { owner: 'ann', balance: 11 })
  assert.equal(signals.of('projection.rebuilt').length, 1)
  await payIn(with_, 'a', 7)
  await assert.rejects(payIn(without as never, 'a', 6), refused)
  await assertWhole(given, balances)
})

onEveryStore('a failing rebuild leaves the old rows and tells why; the next use tries again', async (given) => {
  await openWith(openBank(given), 'a', 5)
  let broken = true
  const fragile = projection('balances', {
    ...closing,
    evolve: {
      ...closing.evolve,
      MoneyDeposited: (row: { balance: number }) => {
        if (broken) throw new Error('not today')
        return { ...row, balance: -1 }
      },
    },
  } as never)
  const app = withProjections(given, [fragile])
  await assert.rejects(app.prepare(), { code: 'ES_PROJECTION_FAILED', message: /not today/ })
  assert.equal(JSON.parse((await given.store.views.get('', 'balances', 'a'))!.row!).balance, 5)
  broken = false
  assert.deepEqual(await app.view(fragile as never).get('a'), { owner: 'ann', balance: -1, closedBy: '' })
})

onEveryStore('preparing happens once, however many ask at the same time', async (given) => {
  const { store, calls } = counted(given.store)
  const bank = openBank(given, { store })
  await Promise.all([bank.prepare(), bank.prepare(), bank.load(Account, 'a'), openWith(bank, 'b')])
  await bank.prepare()
  assert.deepEqual([calls.migrate, calls.eventTypes, calls['views.rebuild']], [1, 1, 1])
})

onEveryStore('a store that is away fails the first use and is asked again by the next one', async (given) => {
  let away = true
  const store: EventStore = new Proxy(given.store, {
    get: (target, name) => (name === 'migrate' && away ? () => Promise.reject(new Error('away')) : Reflect.get(target, name, target)),
  })
  const bank = openBank(given, { store })
  await assert.rejects(bank.prepare(), /away/)
  away = false
  await openWith(bank, 'a', 1)
})

onEveryStore('a store written by a newer build is refused with the type and its version', async (given) => {
  await given.store.append([{ stream: 'account-a', expectedVersion: 'none', events: [raw('AccountClosed', {}, 3)] }])
  await assert.rejects(openBank(given).prepare(), { code: 'ES_UNKNOWN_EVENT', type: 'AccountClosed', message: /schema version 3.*up to 2/ })
})

onEveryStore('an event that the owner of its category does not list is refused; one of somebody else is not', async (given) => {
  await given.store.append([{ stream: 'other-1', expectedVersion: 'none', events: [raw('Strange', {}, 9)] }])
  await openBank(given).prepare()
  await given.store.append([{ stream: 'account-a', expectedVersion: 'none', events: [raw('Strange')] }])
  await assert.rejects(openBank(given).prepare(), {
    code: 'ES_UNKNOWN_EVENT',
    type: 'Strange',
    message: /Streams of account.*does not list/,
  })
})

onEveryStore(
  'an aggregate that lost an event from its list is refused before the first command',
  async ({ store, clock, tend, ...rest }) => {
    await openWith(openBank({ store, clock, tend, ...rest }), 'a', 5)
    const Opened = event('AccountOpened', z.object({ owner: z.string() }))
    const Small = aggregate('account', { events: [Opened], initial: () => 0, evolve: { AccountOpened: () => 1 } })
    const { command } = await import('../../src/index.ts')
    const open = command(Small, 'Open', { input: z.object({ id: z.string() }), id: ({ id }) => id, decide: () => Opened({ owner: 'x' }) })
    const app = tend(createApp({ store, clock, commands: [open] }))
    await assert.rejects(app.execute(open({ id: '1' }), { actor: ann }), { code: 'ES_UNKNOWN_EVENT', type: 'MoneyDeposited' })
  },
)
