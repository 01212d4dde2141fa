/** Listening for other processes leaves nothing behind on the connection that was borrowed for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { postgres } from '../../src/stores/postgres/index.ts'
import { freshSchema } from './fresh.ts'
import { postgresServers } from './servers.ts'

const listened = ['notification', 'end', 'error'] as const

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: however often somebody listens, a connection of the pool has as many listeners as after the first time`, async () => {
    const { url, name: schema, drop } = await freshSchema(server)
    const pool = new pg.Pool({ connectionString: url, max: 4 })
    const clients = new Set<pg.PoolClient>()
    pool.on('acquire', (client) => clients.add(client))
    const store = postgres(pool, { schema })
    const isListening = async () =>
      (await pool.query(`select from pg_stat_activity where query like 'LISTEN "dacapo_${schema}"'`)).rowCount === 1

    /** Listens until the server knows about it, then no more, until the connection is back in the pool. */
    async function listenOnce(): Promise<readonly number[]> {
      const over = new AbortController()
      const changes = store.changes(over.signal)[Symbol.asyncIterator]()
      await changes.next()
      while (!(await isListening())) await pause(5)
      over.abort()
      while (pool.idleCount < pool.totalCount) await pause(5)
      return listened.map((event) => [...clients].reduce((most, client) => Math.max(most, client.listenerCount(event)), 0))
    }

    const first = await listenOnce()
    for (let round = 0; round < 12; round++) assert.deepEqual(await listenOnce(), first)
    await store.close()
    await pool.end()
    await drop()
  })
}
