/** Transactions of the user's own, on any isolation level, that meet what others commit meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import type { AppendRequest, EventStore } from '../../../src/core/event-store.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshSchema } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import { holdWithin } from './held.ts'
import { deposit, deposited, entry } from './requests.ts'
import { assertSound, storedLog } from './stored-log.ts'

for (const server of await postgresServers()) {
  const onStore = (sentence: string, run: (store: EventStore, url: string, schema: string) => Promise<void>) =>
    test(`PostgreSQL ${server.name}: ${sentence}`, async () => {
      const { url, name: schema, drop } = await freshSchema(server)
      const store = postgres(url, { schema })
      try {
        await store.append([deposit('account-a', 1, { views: [{ view: 'balance', key: 'a', expectedRowVersion: 0, row: '{}' }] })])
        await run(store, url, schema)
        await store.head()
        assertSound(await storedLog(url, schema))
      } finally {
        await store.close()
        await drop()
      }
    })

  for (const level of ['repeatable read', 'serializable']) {
    const row = { view: 'balance', key: 'a', expectedRowVersion: 1, row: '{}' }
    for (const [what, request, code] of [
      ['a stream', deposit('account-a', 1, { expectedVersion: 1 }), 'ES_CONCURRENCY'],
      ['a row', deposit('account-b', 1, { views: [row] }), 'ES_CONCURRENCY'],
      ['an idempotency key', deposit('account-b', 1, { idempotency: entry('k') }), 'ES_CONCURRENCY'],
      ['a stream that it only checks', deposit('account-b', 1, { checks: [{ stream: 'account-a', expectedVersion: 1 }] }), 'ES_DEFINITION'],
      ['events that a condition excludes', deposit('account-b', 1, { condition: { query: [], after: 1 } }), 'ES_DEFINITION'],
    ] as const) {
      onStore(`a ${level} transaction that has an old picture of ${what} writes nothing`, async (store, url) => {
        const client = new Client(url)
        await client.connect()
        try {
          await client.query(`begin isolation level ${level}`)
          await client.query('select 1') // from here on it sees nothing new
          await store.append([deposit('account-a', 1, { views: [row], idempotency: entry('k') })])
          const result = await store.within!(client).append(request as AppendRequest)
          assert.equal(result.kind === 'refused' ? result.error.code : result.kind, code)
          await client.query('commit')
        } finally {
          await client.end()
        }
        assert.equal(await store.streamInfo('account-b'), undefined)
      })
    }
  }

  onStore('of two transactions that use the same event id, the second is told when the first has committed', async (store, url) => {
    const twice = deposited()
    const first = await holdWithin(store, url, (transaction) => transaction.append(deposit('account-b', 0, { events: [twice] })))
    const second = store.transaction!((transaction) => transaction.append(deposit('account-c', 0, { events: [twice] })))
    await store.append([deposit('account-a')]) // nobody else waits
    await first.end('commit')
    const result = await second
    assert.equal(result.kind === 'refused' && result.error.code, 'ES_DUPLICATE_EVENT')
  })

  onStore('an event type that was undone with its group is known once it is stored', async (store) => {
    const opened = () => ({ ...deposited(), type: 'AccountOpened' })
    const together = { atomicGroup: 'both' }
    const group = [
      deposit('savings-a', 0, { ...together, events: [opened()] }),
      deposit('account-a', 1, { ...together, expectedVersion: 'none' }),
    ]
    assert.deepEqual(
      (await store.append(group)).map(({ kind }) => kind),
      ['refused', 'refused'],
    )
    await store.append([deposit('savings-a', 0, { events: [opened()] })])
    assert.deepEqual((await store.eventTypes()).map(({ category, type }) => `${category} ${type}`).sort(), [
      'account MoneyDeposited',
      'savings AccountOpened',
    ])
  })
}
