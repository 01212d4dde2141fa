/** The test app: its own store and clock, every snapshot compared. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventHandler, memory } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { testApp, testClock } from '../../src/testing/index.ts'
import { Account, AccountOpened, balances, deposit, openAccount, transferReport } from '../domain/bank.ts'

const commands = [openAccount, deposit]
const ann = { id: 'ann', roles: [] }
const open = (accountId = 'a') => openAccount({ accountId, owner: 'ann' })

test('two test apps share nothing', async () => {
  const [one, two] = [testApp({ commands }), testApp({ commands })]
  await one.execute(open(), { actor: ann })
  assert.deepEqual([(await one.load(Account, 'a')).version, (await two.load(Account, 'a')).version], [1, 0])
  await one.clock.advance({ days: 1 })
  assert.notEqual(one.clock.now(), two.clock.now())
})

test('its clock is the time of events and of decisions', async () => {
  const app = testApp({ commands })
  await app.clock.advance({ hours: 5 })
  const { events } = await app.execute(open(), { actor: ann })
  assert.equal(events[0]!.recordedAt.toISOString(), '2030-01-01T05:00:00.000Z')
})

test('a store is made on the clock of the app, or brought along', async () => {
  const app = testApp({ commands, projections: [balances], store: ({ clock }) => sqlite(':memory:', { clock }) })
  await app.clock.advance({ hours: 5 })
  assert.equal((await app.execute(open(), { actor: ann })).events[0]!.recordedAt.getTime(), app.clock.now())
  assert.deepEqual(await app.view(balances).get('a'), { owner: 'ann', balance: 0 })
  await app.stop()
  const clock = testClock(new Date('2031-01-01T00:00:00Z'))
  const store = memory({ clock })
  const other = testApp({ commands, store, clock })
  await other.execute(open(), { actor: ann })
  assert.equal((await store.streamInfo('account-a'))?.recordedAt, clock.now())
})

test('every load from a snapshot is compared, unless the test wants it otherwise', async () => {
  for (const [defaults, mismatches] of [
    [{}, 1],
    [{ aggregate: { compareSnapshotOneIn: 1_000_000 } }, 0],
  ] as const) {
    let found = 0
    const clock = testClock()
    const store = memory({ clock })
    const observer = ({ signal }: { readonly signal: string }) => {
      if (signal === 'snapshot.mismatch') found++
    }
    const app = testApp({ commands, store, clock, defaults, observer })
    await app.execute(open(), { actor: ann })
    await app.snapshots(Account, 'a').take()
    const [snapshot] = await store.snapshots.list('', 'account-a')
    await store.snapshots.save('', 'account-a', { ...snapshot!, body: '[{"status":"closed"}]' }, 1)
    await testApp({ commands, store, clock, defaults, observer }).load(Account, 'a')
    assert.equal(found, mismatches)
  }
})

test('advancing the clock lets the background finish: an idle aggregate has its snapshot', async () => {
  const app = testApp({ commands, store: ({ clock }) => sqlite(':memory:', { clock }) })
  await app.execute(open(), { actor: ann })
  await app.clock.advance({ minutes: 30 })
  assert.equal((await app.snapshots(Account, 'a').latest())?.version, 1)
  await app.stop()
})

test('settle runs what follows the log, and keeps what has failed', async () => {
  const failing = eventHandler('failing', {
    events: [AccountOpened],
    handle: () => {
      throw new Error('no')
    },
  })
  const app = testApp({ commands, projections: [balances, transferReport], handlers: [failing] })
  await app.execute(open(), { actor: ann })
  assert.equal(app.deadLetters.length, 0)
  await app.settle()
  assert.deepEqual(
    app.deadLetters.map(({ handler, attempts, error }) => [handler, attempts, error.message]),
    [['failing', 5, 'no']],
  )
  await app.deadLetters.discard(app.deadLetters[0]?.id as string)
  await app.settle()
  assert.equal(app.deadLetters.length, 0)
  await app.stop()
})

test('it is an app: tenants, transactions, disposal', async () => {
  const app = testApp({ commands })
  await app.forTenant('acme').execute(open(), { actor: ann })
  await app.transaction((tx) => tx.execute(open('b'), { actor: ann }))
  assert.deepEqual([(await app.streams.list()).length, (await app.forTenant('acme').streams.list()).length], [1, 1])
  await app[Symbol.asyncDispose]()
  await assert.rejects(app.load(Account, 'a'), { code: 'ES_STOPPED' })
})
