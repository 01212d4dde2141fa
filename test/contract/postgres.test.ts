/** The contract on PostgreSQL: on every server that there is, each case in a schema of its own. */
import { test } from 'node:test'
import pg from 'pg'
import type { EventStore, StoreTransaction } from '../../src/core/event-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { runStoreContract } from '../../src/testing/store-contract.ts'
import { freshSchema } from '../postgres/fresh.ts'
import { postgresServers } from '../postgres/servers.ts'

const runner = { test, skip: (sentence: string) => console.log(sentence) }

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
        const { name: schema, url, drop } = await freshSchema(server)
        const store = postgres(url, { clock, schema, maxConnections: 4, ...layout })
        return {
          store,
          reopen: async () => postgres(url, { clock, schema, maxConnections: 2, ...layout }),
          ownTransaction: (work) => inOwnTransaction(url, store, work),
          tamper: () => tamper(url),
          cleanUp: drop,
        }
      },
    },
    runner,
  )
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
