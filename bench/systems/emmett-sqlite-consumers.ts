/** Emmett's consumers on SQLite. */
import { getSQLiteEventStore, sqliteConnection, sqliteRawSQLProjection } from '@event-driven-io/emmett-sqlite'
import sqlite3 from 'sqlite3'
import type { Entered } from './emmett-calls.ts'
import type { ConsumerMaker } from './emmett-followers.ts'
import { countCalls } from './followers.ts'

export function sqliteConsumers(fileName: string): ConsumerMaker {
  const store = getSQLiteEventStore({ fileName, schema: { autoMigration: 'None' } })
  return {
    counter(names, onEvent, pulling) {
      const consumer = store.consumer<Entered>({ ...(pulling && { pulling }) })
      for (const processorId of names) {
        let isLast = false
        const eachMessage = () => {
          isLast = onEvent()
        }
        consumer.processor<Entered>({ processorId, startFrom: 'BEGINNING', eachMessage, stopAfter: () => isLast })
      }
      return consumer
    },
    async project(table, events, pulling) {
      const connection = sqliteConnection({ fileName })
      await connection.command(`CREATE TABLE ${table} (stream TEXT PRIMARY KEY, entries INTEGER NOT NULL, balance INTEGER NOT NULL)`)
      let count = 0
      const projection = sqliteRawSQLProjection<Entered>({
        canHandle: ['Entered'],
        evolve: (event) => {
          const { metadata, data } = event as unknown as { metadata: { streamName: string }; data: Entered['data'] }
          return `INSERT INTO ${table} VALUES ('${metadata.streamName}', 1, ${data.amount})
            ON CONFLICT (stream) DO UPDATE SET entries = entries + 1, balance = balance + ${data.amount}`
        },
      })
      const consumer = store.consumer<Entered>({ pulling })
      consumer.processor<Entered>({ processorId: table, projection, startFrom: 'BEGINNING', stopAfter: () => ++count === events })
      await consumer.start()
      const sum = await connection.querySingle<{ entries: number }>(`SELECT sum(entries) AS entries FROM ${table}`)
      connection.close()
      return Number(sum?.entries)
    },
  }
}

/** What the driver is asked from the first call on. */
export function countStatements(): () => number {
  return countCalls(sqlite3.Database.prototype, ['all', 'get', 'run', 'exec', 'each'])
}
