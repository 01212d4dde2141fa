/** Whoever holds the order lock keeps everybody else from appending, so the server ends whoever vanishes with it in hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshSchema } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import { deposit } from './requests.ts'

/** How long the server waits for a lock, and for the client, in the transaction that a client is in; 0: for ever. */
async function patienceIn(client: pg.ClientBase): Promise<{ readonly lock: string; readonly client: string }> {
  const text = `select current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as client`
  return (await client.query(text)).rows[0]
}

for (const server of await postgresServers()) {
  const onPool = (sentence: string, run: (pool: pg.Pool, schema: string) => Promise<void>) =>
    test(`PostgreSQL ${server.name}: ${sentence}`, async () => {
      const { url, name: schema, drop } = await freshSchema(server)
      const pool = new pg.Pool({ connectionString: url, max: 4 })
      try {
        await run(pool, schema)
      } finally {
        await pool.end()
        await drop()
      }
    })

  for (const [what, take] of [
    ['appends with a condition', (within) => within.append(deposit('account-a', 1, { condition: { query: [], after: 0 } }))],
    ['reads the log to its very end', async (within) => void (await Array.fromAsync(within.readAll()))],
  ] as readonly (readonly [string, (within: ReturnType<NonNullable<ReturnType<typeof postgres>['within']>>) => Promise<unknown>])[]) {
    onPool(`the caller's own transaction that ${what} may be idle for a minute, and waits for locks as before`, async (pool, schema) => {
      const store = postgres(pool, { schema })
      await store.migrate()
      const client = await pool.connect()
      await client.query('begin')
      assert.deepEqual(await patienceIn(client), { lock: '0', client: '0' })
      await take(store.within!(client))
      assert.deepEqual(await patienceIn(client), { lock: '0', client: '1min' })
      await client.query('rollback')
      assert.deepEqual(await patienceIn(client), { lock: '0', client: '0' })
      client.release()
      await store.close()
    })
  }

  onPool('a view is built under the order lock by somebody who may be idle for a minute', async (pool, schema) => {
    const store = postgres(pool, { schema })
    await store.append([deposit('account-a')])
    const lent = new Set<pg.PoolClient>()
    pool.on('acquire', (client) => lent.add(client))
    pool.on('release', (_, client) => lent.delete(client))
    await store.views.rebuild({ view: 'balance', indexes: {}, fingerprint: '1' }, async (log) => {
      for await (const _ of log);
      const found = await Promise.all([...lent].map(patienceIn)) // another one may just be telling other processes of the append
      assert.ok(found.some(({ lock, client }) => lock === '0' && client === '1min'))
      return []
    })
    await store.close()
  })
}
