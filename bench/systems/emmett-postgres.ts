/** Emmett on PostgreSQL: with its pool, as it comes. */
import { dumbo, rawSql } from '@event-driven-io/dumbo'
import type { EventStore } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore, readMessagesBatch } from '@event-driven-io/emmett-postgresql'
import { settingsQuery, told } from './durability.ts'
import { append, type Entered, readPages, systemOf } from './emmett-calls.ts'
import type { Opening, System } from './system.ts'

/** How many connections its pool has. */
const connections = 10

export async function openPostgres({ at: connectionString }: Opening): Promise<System> {
  const pool = dumbo({ connectionString })
  const store = getPostgreSQLEventStore(connectionString, { connectionOptions: { dumbo: pool } })
  await store.schema.migrate()
  const { rows } = await pool.execute.query(rawSql(settingsQuery))
  const calls = store as unknown as EventStore
  return {
    ...systemOf(calls),
    durability: told(rows[0]),
    async fill(streams, events) {
      for (let from = 0; from < streams.length; from += connections) {
        await Promise.all(streams.slice(from, from + connections).map((stream) => append(calls, [stream], events)))
      }
    },
    readAll: (onEvent) => readPages((after, batchSize) => readMessagesBatch<Entered>(pool.execute, { after, batchSize }), onEvent),
    close: () => store.close(),
  }
}
