/** Work that the server itself refuses: nobody who shares its round trip has anything to do with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Work } from '../../src/core/work-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { freshSchema } from './fresh.ts'
import { postgresServers } from './servers.ts'

const [server] = await postgresServers()

const note = (key: string): Work => ({
  records: [{ kind: 'note', owner: 'test', tenant: '', key, slot: 0, status: 'new', dueAt: null, body: '{}' }],
})

test('a key that PostgreSQL cannot keep fails by itself, and the work that shares its round trip is done', async () => {
  const { url, name: schema, drop } = await freshSchema(server!)
  const store = postgres(url, { schema })
  try {
    // The first goes alone; the others wait for it, and then go together.
    const works = ['first', 'a', 'b\u0000', 'c', 'd'].map((key) => store.work.commit([note(key)]))
    const ends = await Promise.allSettled(works)
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
    const [, , refused] = ends as readonly { readonly reason?: { readonly code: string; readonly message: string } }[]
    assert.equal(refused?.reason?.code, 'ES_STORE_UNAVAILABLE')
    assert.match(refused?.reason?.message ?? '', /invalid byte sequence/)
    const kept = await store.work.records({ kind: 'note' })
    assert.deepEqual(
      kept.map(({ key }) => key),
      ['a', 'c', 'd', 'first'],
    )
  } finally {
    await store.close()
    await drop()
  }
})
