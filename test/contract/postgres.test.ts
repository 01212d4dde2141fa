/**
 * The contract on PostgreSQL: on every server that there is, each case in a schema of its own, through a network that can lose a commit
 * on its way, or the answer to it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import type { EventStore, StoreTransaction } from '../../src/core/event-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { runStoreContract } from '../../src/testing/store-contract.ts'
import { freshSchema } from '../postgres/fresh.ts'
import { type PostgresProxy, startProxy } from '../postgres/proxy.ts'
import { postgresServers } from '../postgres/servers.ts'

/** PostgreSQL can do all of it. */
const runner = { test, skip: (sentence: string) => assert.fail(sentence) }

const servers = await postgresServers()
const subjects = [
  ...servers.map((server) => ({ server, name: `postgres ${server.name}`, layout: {} })),
  ...servers.slice(-1).map((server) => ({ server, name: `postgres ${server.name} in 3 partitions`, layout: { partitions: 3 } })),
]

for (const { server, name, layout } of subjects) {
  await runStoreContract(
    {
      name,
      async open({ clock }) {
        const fresh = await freshSchema(server)
        const { name: schema, url } = fresh
        const proxy = await startProxy(fresh)
        const store = postgres(proxy.url, { clock, schema, maxConnections: 4, ...layout })
        return {
          store,
          breakNextCommit: (when) => breakNextCommit(proxy, when),
          commits: () => commits(url),
          reopen: async () => postgres(url, { clock, schema, maxConnections: 2, ...layout }),
          ownTransaction: (work) => inOwnTransaction(url, store, work),
          tamper: () => tamper(url),
          async cleanUp() {
            await proxy.close()
            await fresh.drop()
          },
        }
      },
    },
    runner,
  )
}

/** A batch is one statement, which is its commit as well. */
function breakNextCommit(proxy: PostgresProxy, when: 'before' | 'after'): void {
  void proxy.spoilNext(when === 'before' ? 'lose the request' : 'lose the answer', /append_batch/)
  // A store that is not answered looks what became of its commit, and would write it then: the network is gone for longer than that.
  if (when === 'before') void proxy.spoilNext('lose the request', /take_order_lock/)
}

/** Each event carries the number of the transaction that has written it. */
function commits(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query('SELECT count(DISTINCT xmin::text)::int AS commits FROM events')
    return rows[0].commits
  })
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** A transaction on a client of the caller's own. */
function inOwnTransaction<T>(url: string, store: EventStore, work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
  return withClient(url, async (client) => {
    await client.query('BEGIN')
    try {
      const result = await work(store.within!(client))
      await client.query('COMMIT')
      return result
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    }
  })
}

function tamper(url: string): Promise<number> {
  return withClient(url, async (client) => {
    let effects = 0
    for (const text of ["UPDATE events SET type = 'X'", 'DELETE FROM events', 'TRUNCATE events']) {
      await client.query(text).then(
        () => effects++,
        () => {},
      )
    }
    return effects
  })
}
