/** What PgBouncer does in transaction mode, as a pool: a client has a server connection for one transaction, and then another one. */
import pg from 'pg'
import type { PgPool, PgPoolClient, PgQuery } from '../../src/stores/postgres/index.ts'

export interface TransactionPooler extends PgPool {
  /** How many server connections have done something. */
  connectionsUsed(): number
}

/**
 * Stricter than PgBouncer: after each transaction everything is forgotten that belongs to a connection, e.g. prepared statements,
 * settings, session locks, LISTEN.
 *
 * @param size  how many server connections there are.
 */
export async function transactionPooler(url: string, size: number): Promise<TransactionPooler> {
  const all = Array.from({ length: size }, () => new pg.Client(url))
  await Promise.all(all.map((server) => server.connect()))
  const free = [...all]
  const waiting: ((server: pg.Client) => void)[] = []
  const used = new Set<pg.Client>()

  async function take(): Promise<pg.Client> {
    const server = free.shift() ?? (await new Promise<pg.Client>((resolve) => waiting.push(resolve)))
    used.add(server)
    return server
  }

  function giveBack(server: pg.Client): void {
    const next = waiting.shift()
    if (next) next(server)
    else free.push(server) // behind the others, so that the next transaction is on another one
  }

  function client(): PgPoolClient {
    let server: pg.Client | undefined
    return {
      async query(query: PgQuery | string) {
        server ??= await take()
        try {
          return await server.query(query as pg.QueryConfig)
        } finally {
          if (server.getTransactionStatus() === 'I') {
            const done = server
            server = undefined
            await done.query('DISCARD ALL')
            giveBack(done)
          }
        }
      },
      release() {},
      on: () => undefined,
      removeAllListeners: () => undefined,
    }
  }

  return {
    connect: async () => client(),
    on: () => undefined,
    connectionsUsed: () => used.size,
    async end() {
      await Promise.all(all.map((server) => server.end()))
    },
  }
}
