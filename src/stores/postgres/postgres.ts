/** The PostgreSQL store. Put together here; each part has a file of its own. */
import { DefinitionError } from '../../core/errors.ts'
import type { EventStore } from '../../core/event-store.ts'
import { wakeUps } from '../../core/wake-ups.ts'
import { batchStatement } from './append-batch.ts'
import type { AppendContext } from './append-context.ts'
import { makeBatcher } from './batcher.ts'
import { commit } from './commit.ts'
import { makeConnections } from './connections.ts'
import { storeError } from './driver-errors.ts'
import { forgetSome, remembered } from './idempotency.ts'
import { migrate } from './migrate.ts'
import { notifications } from './notify.ts'
import { assertConnections, type PostgresOptions, settingsOf } from './options.ts'
import { type PgClient, type PgPool, rowsOf, type Use } from './pg.ts'
import { preparedStatements } from './prepared.ts'
import { headOf, readAll, readStream } from './read.ts'
import type { ReadContext } from './read-context.ts'
import { readTogether } from './read-together.ts'
import { snapshotStore } from './snapshots.ts'
import { listStreams, streamInfo } from './streams.ts'
import { storeTransaction } from './transaction.ts'
import { viewStore } from './views.ts'
import { workStore } from './work.ts'

/** What the PostgreSQL store can do. */
export interface PostgresCapabilities {
  readonly transactions: true
  readonly sql: true
  readonly conditions: true
  readonly durable: true
  readonly multiProcess: true
  readonly push: true
  readonly totalOrder: true
}

/**
 * An event store in PostgreSQL 13 or newer.
 *
 * Makes its schema at first use, if it is missing. Any number of processes may use it. Appends that wait together share a commit.
 *
 * @param source  a URL (`postgres://user@host/database`), which needs the package `pg`; or a `pg.Pool` of your own, which stays open.
 * @throws DefinitionError (`ES_DEFINITION`) a wrong option. At first use: DriverMissingError, StoreFormatError, StoreUnavailableError.
 * @example
 * const app = createApp({ store: postgres('postgres://localhost/bank'), commands: [openAccount] })
 */
export function postgres(source: string | PgPool, options: PostgresOptions = {}): EventStore<PostgresCapabilities> {
  if (typeof source === 'string' ? source === '' : typeof source?.connect !== 'function') {
    throw new DefinitionError('postgres() needs a URL, e.g. postgres://localhost/bank, or a pg.Pool.')
  }
  const settings = settingsOf(options)
  if (typeof source !== 'string' && source.options?.max !== undefined) assertConnections(source.options.max, 'max of the pool')
  const { schema, clock } = settings
  const now = () => clock.now()
  const connections = makeConnections(source, settings.maxConnections, async (client) => void (await migrate(client, settings)))
  const { use } = connections
  const read: Use = async (work) => {
    try {
      return await use(work)
    } catch (error) {
      throw storeError(error)
    }
  }
  const prepared = preparedStatements()
  const together = readTogether(schema, read)
  const context: AppendContext = {
    schema,
    batchStatement: batchStatement(schema),
    prepared,
    knownTypes: new Set(),
    now,
  }
  const reads: ReadContext = { schema, now, read, together }
  const wakes = wakeUps(
    () => headOf(reads),
    (byAnybody) => (byAnybody ? others.start() : others.stop()),
  )
  const others = notifications(connections, `dacapo_${settings.schemaName}`, settings.pollMs, wakes.wake)
  const batcher = makeBatcher({ ...settings, context, use: connections.useToTheEnd, committed: others.committed })

  async function inTransaction<T>(work: (client: PgClient) => Promise<T>): Promise<T> {
    return use(async (client) => {
      const run = (text: string) =>
        client.query(text).catch((error) => {
          throw storeError(error)
        })
      let result: T
      try {
        await run(`BEGIN ISOLATION LEVEL READ COMMITTED; SELECT ${schema}.commit_durably()`)
        result = await work(client)
      } catch (error) {
        await run('ROLLBACK').catch(() => {}) // a connection that is gone has rolled back by itself, and is not used again
        throw error
      }
      await commit(client).catch((error) => {
        throw storeError(error)
      })
      return result
    })
  }

  return {
    name: 'postgres',
    capabilities: { transactions: true, sql: true, conditions: true, durable: true, multiProcess: true, push: true, totalOrder: true },

    append: (requests) => batcher.append(requests),
    readStream: (stream, how) => readStream(reads, stream, how),
    readAll: (how) => readAll(reads, how),
    streamInfo: (stream, tenant = '') => streamInfo(reads, tenant, stream),
    listStreams: (how) => listStreams(reads, how),
    head: () => headOf(reads),
    async eventTypes() {
      await headOf(reads)
      return read(async (client) => {
        const rows = await rowsOf(client, `SELECT category, type, schema_version FROM ${schema}.event_types`)
        return rows.map(([category, type, schemaVersion]) => ({
          category: category as string,
          type: type as string,
          schemaVersion: schemaVersion as number,
        }))
      })
    },
    changes: (signal) => wakes.listen(signal),
    remembered: (tenant, key) => read((client) => remembered(client, schema, tenant, key, now())),
    async forgetExpired(time) {
      for (let count = 0; ; ) {
        const forgotten = await read((client) => forgetSome(client, schema, time))
        count += forgotten
        if (forgotten === 0) return count
      }
    },
    views: viewStore(reads, inTransaction),
    snapshots: snapshotStore(schema, read, together),
    work: workStore(schema, read),

    async transaction(work) {
      const result = await inTransaction(async (client) => {
        const [transaction, end] = storeTransaction(client, context)
        return work(transaction).finally(end)
      })
      // Its events get their positions now, and not only when somebody else comes along. It is committed also when that fails.
      await headOf(reads).catch(() => {})
      others.committed()
      return result
    },
    within(client) {
      if (typeof (client as PgClient | undefined)?.query !== 'function')
        throw new DefinitionError('within() needs a client of pg that is in a transaction.')
      return storeTransaction(client as PgClient, context)[0]
    },

    migrate: () => read(async () => {}),
    async close() {
      const closed = connections.close(batcher.close)
      wakes.end()
      await closed
    },
  }
}
