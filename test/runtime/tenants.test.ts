import assert from 'node:assert/strict'
import { createApp } from '../../src/index.ts'
import { Account, balances, closeAccount, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { defineCourse, subscribeStudent } from '../domain/courses.ts'
import { onEveryStore } from './on-every-store.ts'
import { all, ann, openBank, openWith, teller } from './open-bank.ts'
import { onTwoProcesses } from './two-processes.ts'

const by = { actor: ann }

onEveryStore('the same id in two tenants is two accounts: streams, rows, lists and numbers', async (given) => {
  const bank = openBank(given)
  const [acme, globex] = [bank.forTenant('acme'), bank.forTenant('globex')]
  await openWith(bank, 'a', 1)
  await openWith(acme as typeof bank, 'a', 10, 20)
  assert.equal((await acme.load(Account, 'a')).version, 3)
  assert.deepEqual((await bank.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 1 })
  assert.deepEqual((await acme.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 30 })
  assert.deepEqual(await globex.load(Account, 'a'), { state: { status: 'none' }, version: 0, exists: false })
  assert.deepEqual(
    [await bank.view(balances).get('a'), await acme.view(balances).get('a'), await globex.view(balances).get('a')],
    [{ owner: 'ann', balance: 1 }, { owner: 'ann', balance: 30 }, undefined],
  )
  assert.deepEqual(
    (await acme.streams.list()).map(({ stream, version }) => [stream, version]),
    [['account-a', 3]],
  )
  assert.deepEqual(await globex.streams.list(), [])
  assert.deepEqual(
    (await all(acme.events())).map(({ tenant }) => tenant),
    ['acme', 'acme', 'acme'],
  )
  assert.deepEqual([(await acme.stats(Account, 'a')).version, (await globex.stats(Account, 'a')).exists], [3, false])
  assert.deepEqual([acme.tenant, bank.tenant], ['acme', ''])
})

onEveryStore('commands at once in many tenants do not meet, not even on one warm stream', async (given) => {
  const bank = openBank(given)
  const tenants = ['', 'acme', 'globex', 'Acme', 'acme ', "o'neil; --", 'münchen']
  await Promise.all(tenants.map((tenant) => openWith(bank.forTenant(tenant) as typeof bank, 'a', 1)))
  await Promise.all(
    tenants.flatMap((tenant, i) =>
      Array.from({ length: i + 1 }, () => bank.forTenant(tenant).execute(deposit({ accountId: 'a', amount: 10 }), by)),
    ),
  )
  for (const [i, tenant] of tenants.entries()) {
    const world = bank.forTenant(tenant)
    assert.deepEqual((await world.load(Account, 'a')).state, { status: 'open', owner: 'ann', balance: 1 + 10 * (i + 1) })
    assert.deepEqual(await world.view(balances).get('a'), { owner: 'ann', balance: 1 + 10 * (i + 1) })
  }
  assert.equal((await bank.stats()).commands.conflicts, 0)
})

onTwoProcesses('a key belongs to its tenant', async ({ here, there }) => {
  const [bank, other] = [openBank(here), openBank(there)]
  for (const tenant of ['', 'acme']) await openWith(bank.forTenant(tenant) as typeof bank, 'a')
  const pay = (tenant: string, amount: number) =>
    other.forTenant(tenant).execute(deposit({ accountId: 'a', amount }), { ...by, idempotencyKey: 'k' })
  assert.equal((await pay('', 5)).duplicate, false)
  assert.equal((await pay('acme', 6)).duplicate, false)
  assert.equal((await pay('acme', 6)).duplicate, true)
  await assert.rejects(pay('', 6), { code: 'ES_IDEMPOTENCY_MISMATCH' })
})

onEveryStore('a decision sees its own tenant only, and is overtaken by nobody else', async (given) => {
  const app = given.tend(createApp({ store: given.store, clock: given.clock, commands: [defineCourse, subscribeStudent] }))
  const tenants = ['', 'acme', 'globex']
  for (const tenant of tenants) await app.forTenant(tenant).execute(defineCourse({ courseId: 'art', capacity: 1 }), by)
  const seats = tenants.map((tenant) => app.forTenant(tenant).attempt(subscribeStudent({ courseId: 'art', studentId: 'sam' }), by))
  for (const outcome of await Promise.all(seats)) assert.ok(outcome.ok && outcome.receipt.version === 2)
  assert.equal((await app.stats()).commands.conflicts, 0)
  const late = await app.forTenant('acme').attempt(subscribeStudent({ courseId: 'art', studentId: 'eva' }), by)
  assert.equal(!late.ok && late.rejection.code, 'CourseFull')
})

onEveryStore('a transaction writes in its own tenant, and stages are told which one it is', async (given) => {
  const seen: string[] = []
  const app = given.tend(
    createApp({
      store: given.store,
      clock: given.clock,
      commands: [openAccount, withdraw, closeAccount],
      projections: [balances],
      validate: ({ tenant }) => void seen.push(tenant),
    }),
  )
  await app.forTenant('acme').transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'a', owner: 'ann' }), by)
    assert.equal((await tx.load(Account, 'a')).version, 1)
  })
  await app.execute(closeAccount({ accountId: 'a', reason: 'nobody here' }), { actor: teller })
  assert.deepEqual(seen, ['acme', ''])
  assert.equal((await app.load(Account, 'a')).version, 0)
  assert.deepEqual(await app.forTenant('acme').view(balances).get('a'), { owner: 'ann', balance: 0 })
})

onEveryStore('what is not a tenant is refused', async (given) => {
  const bank = openBank(given)
  for (const tenant of [undefined, 7, 'x'.repeat(256), 'a\u0000b', 'a\nb'] as never[])
    assert.throws(() => bank.forTenant(tenant), { code: 'ES_VALIDATION' })
})
