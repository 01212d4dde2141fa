/** Emmett, as it comes. */
import { type EventStore, getInMemoryEventStore } from '@event-driven-io/emmett'
import { append, type Entered, readPages, systemOf } from './emmett-calls.ts'
import { emmettFollowers } from './emmett-followers.ts'
import type { Open, Opening, System } from './system.ts'

export const open: Open = async (opening) => {
  if (opening.store === 'memory') return openMemory()
  if (opening.store === 'sqlite') return openSqlite(opening)
  const { openPostgres } = await import('./emmett-postgres.ts')
  return openPostgres(opening)
}

function openMemory(): System {
  const store = getInMemoryEventStore()
  return {
    ...systemOf(store),
    durability: 'none',
    fill: (streams, events) => append(store, streams, events),
    close() {},
  }
}

async function openSqlite({ at: fileName, oneConnection }: Opening): Promise<System> {
  // Only here: without its native driver the other stores can still be measured.
  const { getSQLiteEventStore, readMessagesBatch, sqliteConnection } = await import('@event-driven-io/emmett-sqlite')
  const { countStatements, sqliteConsumers } = await import('./emmett-sqlite-consumers.ts')
  await patiently(() => getSQLiteEventStore({ fileName }).schema.migrate())
  const options = { fileName, schema: { autoMigration: 'None' as const } }
  const connection = sqliteConnection({ fileName })
  const connected = getSQLiteEventStore({ ...options, connectionOptions: { singleton: true, connection } }) as unknown as EventStore
  const store = getSQLiteEventStore(options) as unknown as EventStore
  const level = await connection.querySingle<{ synchronous: number }>('PRAGMA synchronous')
  const followers = emmettFollowers(sqliteConsumers(fileName), countStatements())
  return {
    ...systemOf(oneConnection ? connected : store),
    followers,
    durability: `synchronous=${level?.synchronous}`,
    fill: (streams, events) => patiently(() => connection.withTransaction(() => append(connected, streams, events))),
    readAll: (onEvent) => readPages((after, batchSize) => readMessagesBatch<Entered>(connection, { after, batchSize }), onEvent),
    async close() {
      await followers.stop()
      connection.close()
    },
  }
}

/** Now and then the driver is still busy with a statement when COMMIT comes; nothing is written then. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}
