/** The fault store: it does what it is told to do wrong, once, and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApp, memory, newId, StoreUnavailableError } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { faultStore } from '../../src/testing/index.ts'
import { Account, deposit, openAccount } from '../domain/bank.ts'

const ann = { id: 'ann', roles: [] }
const commands = [openAccount, deposit]
const request = (stream: string) => ({
  stream,
  expectedVersion: 'any' as const,
  events: [{ id: newId(), type: 'T', schemaVersion: 1, data: '{}', metadata: '{}', tags: [] }],
})
const stores = { memory: () => memory(), sqlite: () => sqlite(':memory:') }

for (const [name, open] of Object.entries(stores)) {
  test(`${name}: without a fault everything goes through, optional members included`, async () => {
    const { store } = faultStore(open())
    assert.equal((await store.append([request('a-1')]))[0]!.kind, 'appended')
    assert.equal(await store.head(), 1)
    assert.equal(typeof store.transaction, 'function')
    assert.equal(typeof store.within, name === 'sqlite' ? 'function' : 'undefined')
    assert.equal(store.name, name)
    await store.close()
  })

  test(`${name}: an append fails before, after, or in the middle; calls queue up, and each fault is used once`, async () => {
    const { store, faults } = faultStore(open())
    faults.failAppend('before')
    faults.failAppend('after', new Error('the answer was lost'))
    faults.failAppend('middle')
    const requests = () => [request('a-1'), request('a-2'), request('a-3')]
    await assert.rejects(
      store.append(requests()),
      (error: StoreUnavailableError) => error instanceof StoreUnavailableError && error.retryable,
    )
    assert.equal(await store.head(), 0)
    await assert.rejects(store.append(requests()), /the answer was lost/)
    assert.equal(await store.head(), 3)
    await assert.rejects(store.append(requests()), { code: 'ES_STORE_UNAVAILABLE' })
    assert.equal(await store.head(), 5)
    await store.append(requests())
    assert.equal(await store.head(), 8)
    await store.close()
  })

  test(`${name}: a read of a stream or of the log fails before its first page`, async () => {
    const { store, faults } = faultStore(open())
    await store.append([request('a-1')])
    faults.failRead()
    faults.failRead(new Error('gone'))
    const read = async (pages: AsyncIterable<unknown>) => {
      let count = 0
      for await (const _ of pages) count++
      return count
    }
    await assert.rejects(read(store.readStream('a-1')), { code: 'ES_STORE_UNAVAILABLE' })
    await assert.rejects(read(store.readAll()), /gone/)
    assert.deepEqual([await read(store.readStream('a-1')), await read(store.readAll())], [1, 1])
    await store.close()
  })

  test(`${name}: held appends wait until they are released, later ones do not`, async () => {
    const { store, faults } = faultStore(open())
    const hold = faults.holdAppends()
    let done = false
    const waiting = store.append([request('a-1')]).then(() => {
      done = true
    })
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([done, await store.head()], [false, 0])
    hold.release()
    await waiting
    await store.append([request('a-1')])
    assert.equal(await store.head(), 2)
    await store.close()
  })

  test(`${name}: clear forgets what is queued and lets go of what is held`, async () => {
    const { store, faults } = faultStore(open())
    faults.failAppend('before')
    faults.failRead()
    faults.holdAppends()
    const held = store.append([request('a-1')])
    faults.clear()
    await held
    await store.append([request('a-1')])
    for await (const page of store.readStream('a-1')) assert.equal(page.length, 2)
    await store.close()
  })

  test(`${name}: an app whose answer was lost finds its outcome again by the idempotency key`, async () => {
    const { store, faults } = faultStore(open())
    const app = createApp({ store, commands })
    await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
    for (const moment of ['before', 'after'] as const) {
      const key = { actor: ann, idempotencyKey: moment }
      faults.failAppend(moment)
      await assert.rejects(app.execute(deposit({ accountId: 'a', amount: 5 }), key), { code: 'ES_STORE_UNAVAILABLE', retryable: true })
      assert.equal((await app.execute(deposit({ accountId: 'a', amount: 5 }), key)).duplicate, moment === 'after')
    }
    const { state, version } = await app.load(Account, 'a')
    assert.deepEqual([version, state], [3, { status: 'open', owner: 'ann', balance: 10 }])
    faults.failRead(new Error('cold and away'))
    await assert.rejects(app.load(Account, 'b'), /cold and away/)
    assert.equal((await app.load(Account, 'b')).version, 0)
    await app.stop()
  })
}
