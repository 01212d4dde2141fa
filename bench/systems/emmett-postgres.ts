/** Emmett on PostgreSQL, with a pool. */
import { dumbo, rawSql } from '@event-driven-io/dumbo'
import type { EventStore } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore, readMessagesBatch } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import { settingsQuery, told } from './durability.ts'
import { append, type Entered, readPages, systemOf } from './emmett-calls.ts'
import { emmettFollowers } from './emmett-followers.ts'
import { postgresConsumers } from './emmett-postgres-consumers.ts'
import type { Opening, System } from './system.ts'

/** Three times as many as a pool has by itself: with 64 callers it appends fastest then, faster also than with as many as there are callers. */
const connections = 30
/** What a pool has by itself; filling is not measured. */
const fillers = 10

export async function openPostgres({ at: connectionString }: Opening): Promise<System> {
  const pool = new pg.Pool({ connectionString, max: connections })
  const { execute } = dumbo({ connectionString, pool })
  const store = getPostgreSQLEventStore(connectionString, { connectionOptions: { pool } })
  await store.schema.migrate()
  const { rows } = await execute.query(rawSql(settingsQuery))
  const calls = store as unknown as EventStore
  const followers = emmettFollowers(postgresConsumers(connectionString))
  return {
    ...systemOf(calls),
    followers,
    durability: told(rows[0]),
    async fill(streams, events) {
      for (let from = 0; from < streams.length; from += fillers) {
        await Promise.all(streams.slice(from, from + fillers).map((stream) => append(calls, [stream], events)))
      }
    },
    readAll: (onEvent) => readPages((after, batchSize) => readMessagesBatch<Entered>(execute, { after, batchSize }), onEvent),
    async close() {
      await followers.stop()
      await store.close()
      await pool.end()
    },
  }
}
