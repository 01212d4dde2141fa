/** The SQLite store: one file, no server. Put together here; each part has a file of its own. */
import { DefinitionError, UnsupportedError } from '../../core/errors.ts'
import type { EventStore } from '../../core/event-store.ts'
import { wakeUps } from '../../core/wake-ups.ts'
import { remembered } from './accept.ts'
import { append } from './append.ts'
import { type Connections, openConnections } from './connections.ts'
import { storeError } from './driver-errors.ts'
import { type GroupCommit, groupCommit } from './group-commit.ts'
import { lifetime } from './lifetime.ts'
import { type SqliteOptions, settingsOf } from './options.ts'
import { assertDatabase, ownClient } from './own-client.ts'
import { pollForCommits } from './poll-for-commits.ts'
import { headOf, type Read, readAll, readStream } from './read.ts'
import { bookkeeping, snapshotStore } from './snapshots.ts'
import type { SqliteDatabase } from './sqlite-database.ts'
import { listStreams, streamInfo } from './streams.ts'
import { storeTransaction } from './transaction.ts'
import { type OpenTransaction, viewStore } from './views.ts'
import { waitForLock } from './wait-for-lock.ts'
import { workStore } from './work.ts'
import { inTime, takeTurn } from './write-turn.ts'

/** What the SQLite store can do. A database in memory is gone with the process, and is one process's own. */
export interface SqliteCapabilities {
  readonly transactions: true
  readonly sql: true
  readonly conditions: true
  readonly durable: true
  readonly multiProcess: true
  readonly push: true
  readonly totalOrder: true
}

/**
 * An event store in an SQLite file.
 *
 * Opens at first use, makes its tables (all named `dacapo_…`) if they are missing, and stays beside other tables. Several stores and several processes may use one file.
 * Appends that arrive together share a commit.
 *
 * @param source  a file, made if it is missing; `':memory:'`; or an open database of node:sqlite, better-sqlite3, libsql or bun:sqlite,
 *                which is set to WAL and `synchronous`, used for everything, and left open by `close`. Reads outside a transaction wait
 *                while one is open there.
 * @throws DefinitionError (`ES_DEFINITION`) a wrong option. At first use: DriverMissingError, StoreFormatError, StoreUnavailableError.
 * @example
 * const app = createApp({ store: sqlite('bank.db'), commands: [openAccount] })
 */
export function sqlite(source: string | SqliteDatabase, options: SqliteOptions = {}): EventStore<SqliteCapabilities> {
  if (source === '' || typeof source !== 'string')
    assertDatabase(source, "sqlite() needs a file name, ':memory:', or an open SQLite database.")
  const settings = settingsOf(options)
  const { clock, lockTimeoutMs } = settings
  const life = lifetime(connect)
  const poll = pollForCommits(
    settings.pollMs,
    () => life.opened?.reader,
    () => wakes.wake(),
  )
  const wakes = wakeUps(
    () => read(headOf),
    (byAnybody) => (byAnybody ? poll.start() : poll.stop()),
  )
  const commit = groupCommit(life.open, clock, settings, committed)

  async function connect(): Promise<Connections> {
    const connections = await openConnections(source, settings)
    connections.shared.listeners.add(wakes.wake)
    return { ...connections, close: () => connections.shared.listeners.delete(wakes.wake) && connections.close() }
  }

  function committed({ shared }: Connections): void {
    for (const wake of shared.listeners) wake()
  }

  const read: Read = (work) =>
    life.during(async ({ reader, writer, file }) => {
      while (reader === writer && writer.occupied) await inTime(writer.occupied, file, lockTimeoutMs)
      try {
        return await waitForLock(() => work(reader), lockTimeoutMs)
      } catch (error) {
        throw storeError(error, file)
      }
    })

  function write<T>(work: (connections: Connections) => Promise<T>): Promise<T> {
    return life.during((connections) => {
      if (settings.readOnly) throw new UnsupportedError(`${connections.file} was opened read-only.`)
      return work(connections)
    })
  }

  /** A write transaction that stays open over awaits; nobody else writes, and nobody else reads on the same handle. */
  async function begin(connections: Connections): Promise<OpenTransaction> {
    const turn = await takeTurn(connections, lockTimeoutMs)
    const { writer } = connections
    let ended = () => {}
    writer.occupied = new Promise((resolve) => {
      ended = resolve
    })
    const end = (how: () => void) => {
      try {
        how()
      } catch (error) {
        throw storeError(error, connections.file)
      } finally {
        writer.occupied = undefined
        ended()
      }
    }
    return { handle: writer, commit: () => end(turn.commit), rollback: () => end(turn.rollback) }
  }

  const views = viewStore(read, async () => begin(await life.open()))
  const lifelong: GroupCommit = { submit: (work) => write(() => commit.submit(work)) }

  return {
    name: 'sqlite',
    capabilities: { transactions: true, sql: true, conditions: true, durable: true, multiProcess: true, push: true, totalOrder: true },

    append: (requests) => write(() => append(commit, requests)),
    readStream: (stream, how) => readStream(read, stream, how),
    readAll: (how) => readAll(read, how),
    streamInfo: (stream, tenant = '') => read((handle) => streamInfo(handle, tenant, stream)),
    listStreams: (how) => listStreams(read, how),
    head: () => read(headOf),
    eventTypes: () =>
      read((handle) =>
        handle.rows('SELECT category, type, schema_version FROM dacapo_event_types').map(([category, type, schemaVersion]) => ({
          category: String(category),
          type: String(type),
          schemaVersion: Number(schemaVersion),
        })),
      ),
    changes: (signal) => wakes.listen(signal),
    remembered: (tenant, key) => read((handle) => remembered(handle, tenant, key, clock.now())),

    async forgetExpired(now) {
      if (settings.readOnly) return 0
      let count = 0
      for (;;) {
        // In pieces: millions of them in one commit would keep everybody waiting.
        const forgotten = await write(() => commit.submit(bookkeeping(0, (handle) => handle.rows(forgetSome, now).length)))
        count += forgotten
        if (forgotten === 0) return count
      }
    },

    views: {
      ...views,
      rebuild: (definition, build) => write(() => views.rebuild(definition, build)),
      retire: (view) => write(() => views.retire(view)),
      prepare: (definition, generation) => write(() => views.prepare(definition, generation)),
      discard: (definition, generation, signal) => write(() => views.discard(definition, generation, signal)),
    },
    snapshots: snapshotStore(read, lifelong),
    work: workStore(read, lifelong),

    transaction: (work) =>
      write(async (connections) => {
        const open = await begin(connections)
        const head = headOf(open.handle)
        const [transaction, end] = storeTransaction(() => open.handle, connections.file, clock)
        try {
          const result = await work(transaction).finally(end)
          const moved = headOf(open.handle) > head
          open.commit()
          if (moved) committed(connections)
          return result
        } catch (error) {
          open.rollback()
          throw error
        }
      }),

    within(client) {
      assertDatabase(client, 'within() needs an open SQLite database: node:sqlite, better-sqlite3, libsql or bun:sqlite.')
      if (client === source)
        throw new DefinitionError('within() needs a database handle of your own: the store commits on this one by itself.')
      const use = () => write(async (connections) => ownClient(client, connections))
      return storeTransaction(use, 'The given database', clock)[0]
    },

    async migrate() {
      await life.during(() => {})
    },
    async close() {
      const closed = life.close()
      wakes.end()
      await closed
    },
  }
}

const forgetSome = `DELETE FROM dacapo_idempotency WHERE (tenant, key) IN
  (SELECT tenant, key FROM dacapo_idempotency WHERE expires_at < ? LIMIT 1000) RETURNING 1`
