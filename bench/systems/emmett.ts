/** Emmett, as it comes; conflicts are tried again with the settings that it has for that. */
import { CommandHandler, type Event, type EventStore, getInMemoryEventStore, type ReadEvent } from '@event-driven-io/emmett'
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import type { Open, Opening, System } from './system.ts'

type Entered = Event<'Entered', Entry>

const entered = (data: Entry): Entered => ({ type: 'Entered', data })
const handle = CommandHandler<State, Entered>({
  initialState: initial,
  evolve: (state, { data }) => evolve(state, data),
  retry: { onVersionConflict: true },
})

export const open: Open = (opening) => (opening.store === 'memory' ? openMemory() : openSqlite(opening))

function openMemory(): System {
  const store = getInMemoryEventStore()
  return {
    ...systemOf(store),
    durability: 'none',
    fill: (streams, events) => append(store, streams, events),
    close() {},
  }
}

async function openSqlite({ file: fileName, oneConnection }: Opening): Promise<System> {
  // Only here: without its native driver the memory store can still be measured.
  const { getSQLiteEventStore, readMessagesBatch, sqliteConnection } = await import('@event-driven-io/emmett-sqlite')
  await patiently(() => getSQLiteEventStore({ fileName }).schema.migrate())
  const options = { fileName, schema: { autoMigration: 'None' as const } }
  const connection = sqliteConnection({ fileName })
  const connected = getSQLiteEventStore({ ...options, connectionOptions: { singleton: true, connection } }) as unknown as EventStore
  const store = getSQLiteEventStore(options) as unknown as EventStore
  const level = await connection.querySingle<{ synchronous: number }>('PRAGMA synchronous')
  return {
    ...systemOf(oneConnection ? connected : store),
    durability: `synchronous=${level?.synchronous}`,
    fill: (streams, events) => patiently(() => connection.withTransaction(() => append(connected, streams, events))),
    // The event store has no such read; this is the query of its consumers.
    async readAll(onEvent) {
      let count = 0
      for (let after = 0n; ; ) {
        const page = await readMessagesBatch<Entered>(connection, { after, batchSize: 1000 })
        for (const { data } of page.messages) {
          count += data.amount
          onEvent?.(count)
        }
        if (!page.areEventsLeft) return count
        after = page.currentGlobalPosition
      }
    },
    close: () => connection.close(),
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

async function append(store: EventStore, streams: readonly string[], events: number): Promise<void> {
  for (const stream of streams) {
    await store.appendToStream(
      stream,
      Array.from({ length: events }, () => entered(entry())),
    )
  }
}

function systemOf(store: EventStore): Pick<System, 'append' | 'command' | 'readStream'> {
  return {
    append: (streams, events) => append(store, streams, events),
    async command(streams) {
      for (const stream of streams) await handle(store, stream, (state) => entered(decide(state)))
    },
    async readStream(stream) {
      return sum((await store.readStream<Entered>(stream)).events)
    },
  }
}

function sum(events: readonly ReadEvent<Entered, any>[]): number {
  let count = 0
  for (const { data } of events) count += data.amount
  return count
}
