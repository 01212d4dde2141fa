/** A pool that behaves like PgBouncer in transaction mode: each transaction, or lone statement, may be on another connection. */
import assert from 'node:assert/strict'
import pg from 'pg'
import type { PgClient, PgPool, PgPoolClient, PgQuery, PgResult } from '../../../src/stores/postgres/pg.ts'

/** Ends its connections with `end`. Nothing is left on a connection when its transaction has ended; what tries to is told. */
export function transactionPool(url: string, size: number): PgPool & { transactions: number } {
  const inner = new pg.Pool({ connectionString: url, max: size })

  async function takeBack(backend: pg.PoolClient): Promise<void> {
    const { rows } = await backend.query(
      `select count(*)::int as locks from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
    )
    await backend.query('discard all')
    backend.release()
    assert.equal(rows[0].locks, 0, 'no lock is held by a session')
  }

  function lend(): PgPoolClient {
    let backend: pg.PoolClient | undefined
    const client: PgClient = {
      async query(query: PgQuery | string): Promise<PgResult> {
        const text = typeof query === 'string' ? query : query.text
        assert.ok(typeof query === 'string' || !('name' in query), 'no statement is prepared for later')
        if (!backend) pool.transactions++
        const current = backend ?? (await inner.connect())
        if (/^\s*begin/i.test(text)) backend = current
        try {
          return (await current.query(query as pg.QueryConfig)) as unknown as PgResult
        } finally {
          const ends = backend === undefined || /^\s*(?:commit|rollback\s*$)/i.test(text)
          if (ends) {
            backend = undefined
            await takeBack(current)
          }
        }
      },
    }
    return { ...client, release: () => assert.equal(backend, undefined), on() {}, removeAllListeners() {} }
  }

  const pool = {
    transactions: 0,
    connect: async () => lend(),
    end: () => inner.end(),
    on() {},
  }
  return pool
}
