/** Schedules that are made inside a transaction: they are there with its events, or not at all. */
import assert from 'node:assert/strict'
import { onEveryStore } from '../on-every-store.ts'
import { belfry, openBelfry, pass, robot, rungAt } from './bells.ts'

const seconds = (count: number) => ({ seconds: count })

onEveryStore('what a transaction schedules is executed at its time, once, and was committed with its events', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const app = openBelfry(given, parts)
  await app.start()
  const { id, dueAt, status } = await app.transaction(async (tx) => {
    await tx.execute(parts.ring({ bell: 'a' }), {
      actor: robot,
      metadata: { schedule: { id: 'none', dueAt: new Date(start).toISOString() } },
    })
    return tx.schedule(parts.ring({ bell: 'b' }), { after: seconds(2), actor: robot })
  })
  assert.deepEqual([dueAt, status], [new Date(start + 2000), 'waiting'])
  await pass(given.clock, [app], 5)
  assert.deepEqual(await rungAt(given.store, start), { none: [0], [id]: [2] })
  assert.equal((await app.schedules.get(id))?.status, 'done')
})

onEveryStore('a transaction that is undone has scheduled nothing', async (given) => {
  const parts = belfry()
  const start = given.clock.now()
  const app = openBelfry(given, parts)
  await app.start()
  const undone = app.transaction(async (tx) => {
    await tx.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot })
    throw new Error('on second thoughts')
  })
  await assert.rejects(undone, /on second thoughts/)
  await pass(given.clock, [app], 5)
  assert.deepEqual([await app.schedules.list(), await rungAt(given.store, start)], [[], {}])
})

onEveryStore('a transaction under a key schedules once, however often it is asked for, and nothing when it is rejected', async (given) => {
  const parts = belfry()
  const app = openBelfry(given, parts)
  const once = () =>
    app.transaction(async (tx) => (await tx.schedule(parts.ring({ bell: 'a' }), { every: seconds(5), actor: robot })).id, {
      idempotencyKey: 'k',
    })
  const [first, second] = [await once(), await once()]
  assert.deepEqual([first.duplicate, second.duplicate, second.value], [false, true, first.value])
  parts.state.isMute = true
  const rejected = app.transaction(
    async (tx) => {
      await tx.schedule(parts.ring({ bell: 'b' }), { after: seconds(1), actor: robot })
      await tx.execute(parts.ring({ bell: 'b' }), { actor: robot })
    },
    { idempotencyKey: 'l' },
  )
  await assert.rejects(rejected, { code: 'ES_REJECTED' })
  assert.deepEqual(
    (await app.schedules.list()).map(({ id }) => id),
    [first.value],
  )
})

onEveryStore('what is scheduled in a transaction is checked at once, and has an id of its own', async (given) => {
  const parts = belfry()
  const app = openBelfry(given, parts)
  const at = new Date(given.clock.now())
  await app.transaction(async (tx) => {
    const named = tx.schedule(parts.ring({ bell: 'a' }), { at, actor: robot, id: 'x' } as never)
    await assert.rejects(named, { code: 'ES_VALIDATION', message: /id.*transaction/ })
    await assert.rejects(tx.schedule(parts.ring({ bell: 7 as never }), { at, actor: robot }), { code: 'ES_VALIDATION' })
    await assert.rejects(tx.schedule({ command: 'Rang', input: {} }, { at, actor: robot }), { code: 'ES_UNKNOWN_COMMAND' })
  })
  assert.deepEqual(await app.schedules.list(), [])
})

onEveryStore("what a transaction of a tenant schedules is that tenant's", async (given) => {
  const parts = belfry()
  const app = openBelfry(given, parts)
  const acme = app.forTenant('acme')
  const { id, tenant } = await acme.transaction((tx) => tx.schedule(parts.ring({ bell: 'a' }), { after: seconds(1), actor: robot }))
  assert.equal(tenant, 'acme')
  await app.start()
  await pass(given.clock, [app], 2)
  assert.deepEqual([(await acme.schedules.get(id))?.status, await app.schedules.get(id)], ['done', undefined])
  assert.equal((await acme.streams.info('bell-a'))?.version, 1)
})
