/** The network loses the answer to a commit: the caller is told that it was written, once, or may repeat it and gets the first result. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import type { AppendRequest, EventStore } from '../../../src/core/event-store.ts'
import { sql } from '../../../src/core/sql.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshSchema } from '../fresh.ts'
import { type PostgresProxy, startProxy } from '../proxy.ts'
import { postgresServers } from '../servers.ts'
import { deposit, entry, idsOf } from './requests.ts'
import { assertSound, storedLog } from './stored-log.ts'

const batch = /append_batch/
const commit = /^\s*commit/i

interface Given {
  readonly store: EventStore
  readonly proxy: PostgresProxy
  /** Exactly these events are stored, in this order. */
  assertStored(requests: readonly AppendRequest[]): Promise<void>
}

for (const server of await postgresServers()) {
  const onProxy = (sentence: string, run: (given: Given) => Promise<void>) =>
    test(`PostgreSQL ${server.name}: ${sentence}`, async () => {
      const fresh = await freshSchema(server)
      const proxy = await startProxy(fresh)
      const store = postgres(proxy.url, { schema: fresh.name })
      const assertStored = async (requests: readonly AppendRequest[]) => {
        const log = await storedLog(fresh.url, fresh.name)
        assertSound(log)
        assert.deepEqual(
          log.map(({ id }) => id),
          idsOf(requests),
        )
      }
      try {
        await store.migrate()
        await run({ store, proxy, assertStored })
      } finally {
        proxy.accept()
        await store.close()
        await proxy.close()
        await fresh.drop()
      }
    })

  for (const [kind, request, statement] of [
    ['an append', deposit('account-a', 2), batch],
    ['an append at a version', deposit('account-a', 2, { expectedVersion: 'none' }), batch],
    ['an append with an idempotency key', deposit('account-a', 1, { idempotency: entry('k') }), batch],
    [
      'an append with a row',
      deposit('account-a', 1, { views: [{ view: 'balance', key: 'a', expectedRowVersion: 0, row: '{"balance":1}' }] }),
      batch,
    ],
    ['an append with a statement', deposit('account-a', 1, { statements: [sql`select 1`] }), commit],
  ] as const) {
    onProxy(`${kind} whose answer is lost is answered as appended, and was once`, async ({ store, proxy, assertStored }) => {
      const lost = proxy.spoilNext('lose the answer', statement)
      const [result] = await store.append([request])
      await lost
      assert.ok(result?.kind === 'appended')
      assert.deepEqual(
        result.events.map(({ id, version, position }) => [id, version, position]),
        idsOf([request]).map((id, i) => [id, i + 1, i + 1]),
      )
      await assertStored([request])
    })

    onProxy(`${kind} that is lost on its way is written all the same`, async ({ store, proxy, assertStored }) => {
      const lost = proxy.spoilNext('lose the request', statement)
      const [result] = await store.append([request])
      await lost
      assert.equal(result?.kind, 'appended')
      await assertStored([request])
    })
  }

  onProxy('a group whose answer is lost is answered as appended, with those that only check', async ({ store, proxy, assertStored }) => {
    const together = { atomicGroup: 'transfer' }
    const requests = [
      deposit('account-a', 1, { ...together, expectedVersion: 'none', idempotency: entry('k') }),
      deposit('account-b', 2, { ...together, expectedVersion: 'none' }),
      deposit('account-c', 0, { ...together, expectedVersion: 'none' }),
    ]
    const lost = proxy.spoilNext('lose the answer', commit)
    const results = await store.append(requests)
    await lost
    assert.deepEqual(
      results.map((result) => [result.kind, result.kind === 'appended' && result.version]),
      [
        ['appended', 1],
        ['appended', 2],
        ['appended', 0],
      ],
    )
    await assertStored(requests)
  })

  onProxy('many appends that shared the lost answer are each answered with their own events', async ({ store, proxy, assertStored }) => {
    const requests = Array.from({ length: 50 }, (_, i) => deposit(`account-${i % 7}`))
    const lost = proxy.spoilNext('lose the answer', batch)
    const answers = await Promise.all(requests.map((request) => store.append([request])))
    await lost
    answers.forEach(([result], i) => {
      assert.ok(result?.kind === 'appended')
      assert.deepEqual(
        result.events.map(({ id }) => id),
        idsOf([requests[i]!]),
      )
    })
    await assertStored(requests)
  })

  for (const [kind, requests, statement] of [
    ['an append', [deposit('account-a', 2, { expectedVersion: 'none' })], batch],
    ['a group', ['a', 'b'].map((id) => deposit(`account-${id}`, 1, { expectedVersion: 'none', atomicGroup: 'both' })), commit],
  ] as const) {
    onProxy(`${kind} whose server stays away may be repeated with the same ids`, async ({ store, proxy, assertStored }) => {
      const lost = proxy.spoilNext('lose the answer', statement)
      const answer = store.append(requests)
      proxy.refuse()
      await assert.rejects(answer, (error) => error instanceof StoreUnavailableError && error.retryable)
      await lost
      await assert.rejects(store.head(), (error) => error instanceof StoreUnavailableError && error.retryable)
      proxy.accept()
      const results = await store.append(requests)
      results.forEach((result, i) => {
        assert.ok(result.kind === 'duplicate')
        assert.deepEqual(
          result.events.map(({ id }) => id),
          idsOf([requests[i]!]),
        )
      })
      await assertStored(requests)
    })
  }

  onProxy('a user transaction whose commit goes unanswered may be repeated with the same ids', async ({ store, proxy, assertStored }) => {
    const request = deposit('account-a', 1, { expectedVersion: 'none' })
    const once = () => store.transaction!((transaction) => transaction.append(request))
    const lost = proxy.spoilNext('lose the answer', commit)
    await assert.rejects(once(), (error) => error instanceof StoreUnavailableError && error.retryable)
    await lost
    assert.equal((await once()).kind, 'duplicate')
    await assertStored([request])
  })
}
