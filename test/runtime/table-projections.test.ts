/** Table projections: events into one's own SQL tables, in the append's commit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApp, memory, type Observer, type TableProjection, tableProjection } from '../../src/index.ts'
import { AccountOpened, balances, deposit, MoneyDeposited, openAccount } from '../domain/bank.ts'
import { type Given, onStore } from './on-every-store.ts'
import { ann, recorder } from './open-bank.ts'

const commands = [openAccount, deposit]
const owners = tableProjection('owners', {
  events: [AccountOpened, MoneyDeposited],
  consistency: 'transactional',
  tables: {
    owners: 'create table if not exists owners (account text primary key, owner text not null unique) strict',
    payments: 'create table if not exists payments (account text not null, version integer not null, amount integer not null) strict',
  },
  apply: (event, sql) => {
    if (event.type === 'AccountOpened') return sql`insert into owners values (${event.subject}, ${event.data.owner})`
    if (event.data.amount === 13) throw new Error('unlucky')
    if (event.data.amount === 14) return undefined
    return [
      sql`insert into payments values (${event.subject}, ${event.version}, ${event.data.amount})`,
      sql`insert into payments select ${event.subject}, ${event.version}, ${0} where ${event.data.amount} > 100`,
    ]
  },
})
const ownersApp = (
  { store, clock, tend }: Given,
  projections: readonly (typeof balances | TableProjection)[] = [balances, owners],
  observer?: Observer,
) => tend(createApp({ store, clock, commands, projections, ...(observer ? { observer } : {}) }))
type OwnersApp = ReturnType<typeof ownersApp>
const open = (app: OwnersApp, accountId: string, owner: string) => app.execute(openAccount({ accountId, owner }), { actor: ann })
const pay = (app: OwnersApp, accountId: string, amount: number) => app.execute(deposit({ accountId, amount }), { actor: ann })
const rows = async (app: OwnersApp, table: 'owners' | 'payments') =>
  app.transaction(async (tx) =>
    (table === 'owners'
      ? await tx.sql`select account, owner from owners order by account`
      : await tx.sql`select account, version, amount from payments order by account, version, amount`
    ).map((row) => Object.values(row)),
  )

onStore('sqlite', 'a table projection writes its rows with the events, in order, or nothing', async (given) => {
  const app = ownersApp(given)
  await open(app, 'a', 'ann')
  await pay(app, 'a', 5)
  await pay(app, 'a', 14)
  await pay(app, 'a', 200)
  assert.deepEqual(await rows(app, 'owners'), [['a', 'ann']])
  assert.deepEqual(await rows(app, 'payments'), [
    ['a', 2, 5],
    ['a', 4, 0],
    ['a', 4, 200],
  ])
})

onStore('sqlite', 'a unique index fails the one command that violates it; the others in its batch succeed', async (given) => {
  const app = ownersApp(given)
  const settled = await Promise.allSettled([open(app, 'a', 'neo'), open(app, 'b', 'neo'), open(app, 'c', 'trinity'), open(app, 'd', 'neo')])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
  for (const i of [1, 3]) {
    const { reason } = settled[i] as PromiseRejectedResult
    assert.deepEqual([reason.code, reason.projection], ['ES_PROJECTION_FAILED', 'owners'])
    assert.match(reason.message, /owners failed on AccountOpened: .*UNIQUE/)
  }
  assert.deepEqual(await rows(app, 'owners'), [
    ['a', 'neo'],
    ['c', 'trinity'],
  ])
  for (const stream of ['account-b', 'account-d']) assert.equal(await given.store.streamInfo(stream), undefined)
  assert.equal(await app.view(balances).get('b'), undefined)
  await open(app, 'b', 'morpheus')
  assert.equal((await app.view(balances).get('b'))?.owner, 'morpheus')
})

onStore('sqlite', 'a failing statement undoes its command and spares those before and behind it on the same stream', async (given) => {
  const app = ownersApp(given)
  await open(app, 'a', 'ann')
  const settled = await Promise.allSettled([pay(app, 'a', 1), pay(app, 'a', 13), pay(app, 'a', Number.MAX_SAFE_INTEGER), pay(app, 'a', 4)])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  assert.deepEqual(
    (await rows(app, 'payments')).filter(([, , amount]) => amount !== 0).map(([, version]) => version),
    [2, 3, 4],
  )
})

onStore('sqlite', 'what a transaction undoes is undone in the tables too', async (given) => {
  const app = ownersApp(given)
  await open(app, 'a', 'ann')
  const failing = app.transaction(async (tx) => {
    await tx.execute(deposit({ accountId: 'a', amount: 5 }), { actor: ann })
    await tx.execute(openAccount({ accountId: 'b', owner: 'bob' }), { actor: ann })
    assert.equal((await tx.sql`select * from owners`).length, 2)
    throw new Error('changed my mind')
  })
  await assert.rejects(failing, /changed my mind/)
  assert.deepEqual([await rows(app, 'owners'), await rows(app, 'payments')], [[['a', 'ann']], []])
  await pay(app, 'a', 5)
  assert.deepEqual(await rows(app, 'payments'), [['a', 2, 5]])
})

onStore('sqlite', 'tables of a new or changed projection are built from the whole log, others are left alone', async (given) => {
  const before = ownersApp(given, [balances])
  await open(before, 'a', 'ann')
  await open(before, 'b', 'bob')
  await pay(before, 'a', 5)
  const first = recorder()
  const added = ownersApp(given, [balances, owners], first)
  assert.deepEqual(await rows(added, 'owners'), [
    ['a', 'ann'],
    ['b', 'bob'],
  ])
  assert.deepEqual(await rows(added, 'payments'), [['a', 2, 5]])
  assert.deepEqual(
    first.of('projection.rebuilt').map(({ projection, events }) => [projection, events]),
    [['owners', 3]],
  )
  await pay(added, 'a', 6)
  const second = recorder()
  const same = ownersApp(given, [balances, owners], second)
  assert.equal((await rows(same, 'payments')).length, 2)
  assert.deepEqual(second.of('projection.rebuilt'), [])
  const doubled = tableProjection('owners', {
    ...owners,
    apply: (event, sql) =>
      event.type === 'MoneyDeposited'
        ? sql`insert into payments values (${event.subject}, ${event.version}, ${event.data.amount * 2})`
        : undefined,
  } as typeof owners & { events: [typeof MoneyDeposited, typeof AccountOpened] })
  const changed = ownersApp(given, [balances, doubled])
  assert.deepEqual(await rows(changed, 'payments'), [
    ['a', 2, 10],
    ['a', 3, 12],
  ])
  assert.deepEqual(await rows(changed, 'owners'), [])
})

test('a table projection on a store without SQL is refused by createApp, with what to do instead', () => {
  assert.throws(() => createApp({ store: memory(), commands, projections: [owners] as never }), {
    code: 'ES_UNSUPPORTED',
    message: 'The memory store runs no SQL, which table projection owners needs: keep a view, or choose another store.',
  })
})
