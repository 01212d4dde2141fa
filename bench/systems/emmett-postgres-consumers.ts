/** Emmett's consumers on PostgreSQL. */
import { dumbo, rawSql } from '@event-driven-io/dumbo'
import { postgreSQLEventStoreConsumer, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql'
import type { Entered } from './emmett-calls.ts'
import type { ConsumerMaker } from './emmett-followers.ts'

export function postgresConsumers(connectionString: string): ConsumerMaker {
  return {
    counter(names, onEvent, pulling) {
      const pool = dumbo({ connectionString })
      const consumer = postgreSQLEventStoreConsumer({ connectionString, pool, ...(pulling && { pulling }) })
      for (const processorId of names) {
        let isLast = false
        const eachMessage = () => {
          isLast = onEvent()
        }
        consumer.reactor<Entered>({
          processorId,
          startFrom: 'BEGINNING',
          connectionOptions: { connectionString, dumbo: pool },
          eachMessage,
          stopAfter: () => isLast,
        } as never)
      }
      return {
        processors: consumer.processors,
        start: async () => void (await consumer.start()),
        close: async () => void (await consumer.close()),
      }
    },
    async project(table, events, pulling) {
      const pool = dumbo({ connectionString })
      await pool.execute.command(
        rawSql(`CREATE TABLE ${table} (stream text PRIMARY KEY, entries integer NOT NULL, balance integer NOT NULL)`),
      )
      let count = 0
      const projection = postgreSQLRawSQLProjection<Entered>({
        name: table,
        canHandle: ['Entered'],
        evolve: (event) => {
          const { metadata, data } = event as unknown as { metadata: { streamName: string }; data: Entered['data'] }
          return rawSql(`INSERT INTO ${table} VALUES ('${metadata.streamName}', 1, ${data.amount})
            ON CONFLICT (stream) DO UPDATE SET entries = ${table}.entries + 1, balance = ${table}.balance + ${data.amount}`)
        },
      })
      const consumer = postgreSQLEventStoreConsumer({ connectionString, pool, pulling })
      consumer.projector<Entered>({
        processorId: table,
        projection,
        startFrom: 'BEGINNING',
        connectionOptions: { connectionString, dumbo: pool },
        stopAfter: () => ++count === events,
      } as never)
      await consumer.start()
      const { rows } = await pool.execute.query<{ entries: string }>(rawSql(`SELECT sum(entries) AS entries FROM ${table}`))
      return Number(rows[0]?.entries)
    },
  }
}
