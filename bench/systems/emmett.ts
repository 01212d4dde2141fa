/** Emmett, as it comes; conflicts are tried again with the settings that it has for that. */
import { CommandHandler, type Event, type EventStore, getInMemoryEventStore, type ReadEvent } from '@event-driven-io/emmett'
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import type { Opening, System } from './system.ts'

type Entered = Event<'Entered', Entry>

const entered = (data: Entry): Entered => ({ type: 'Entered', data })
const handle = CommandHandler<State, Entered>({
  initialState: initial,
  evolve: (state, { data }) => evolve(state, data),
  retry: { onVersionConflict: true },
})

export async function openEmmett(opening: Opening): Promise<System> {
  if (opening.store === 'memory') return systemOf(getInMemoryEventStore(), { durability: 'none', close: () => {} })
  // Only here: without its native driver the memory store can still be measured.
  const { getSQLiteEventStore, readMessagesBatch, sqliteConnection } = await import('@event-driven-io/emmett-sqlite')
  const fileName = opening.file
  const connection = sqliteConnection({ fileName })
  const store = getSQLiteEventStore({
    fileName,
    ...(opening.oneConnection ? { connectionOptions: { singleton: true as const, connection } } : {}),
  })
  await store.schema.migrate()
  const level = await connection.querySingle<{ synchronous: number }>('PRAGMA synchronous')
  return {
    ...systemOf(store as unknown as EventStore, { durability: `synchronous=${level?.synchronous}`, close: () => connection.close() }),
    // The event store has no such read; this is the query of its consumers.
    async readAll() {
      let count = 0
      for (let after = 0n; ; ) {
        const page = await readMessagesBatch<Entered>(connection, { after, batchSize: 1000 })
        count += sum(page.messages)
        if (!page.areEventsLeft) return count
        after = page.currentGlobalPosition
      }
    },
  }
}

function systemOf(store: EventStore, rest: Pick<System, 'durability' | 'close'>): System {
  return {
    ...rest,
    async append(streams, events) {
      for (const stream of streams)
        await store.appendToStream(
          stream,
          Array.from({ length: events }, () => entered(entry())),
        )
    },
    async command(streams) {
      for (const stream of streams) await handle(store, stream, (state) => entered(decide(state)))
    },
    load() {},
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
