/** What Emmett does on every store; conflicts are tried again with the settings that it has for that. */
import { CommandHandler, type Event, type EventStore, type ReadEvent } from '@event-driven-io/emmett'
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import type { System } from './system.ts'

export type Entered = Event<'Entered', Entry>

const entered = (data: Entry): Entered => ({ type: 'Entered', data })
const handle = CommandHandler<State, Entered>({
  initialState: initial,
  evolve: (state, { data }) => evolve(state, data),
  retry: { onVersionConflict: true },
})

export async function append(store: EventStore, streams: readonly string[], events: number): Promise<void> {
  for (const stream of streams) {
    await store.appendToStream(
      stream,
      Array.from({ length: events }, () => entered(entry())),
    )
  }
}

export function systemOf(store: EventStore): Pick<System, 'append' | 'command' | 'readStream'> {
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

/** A page of the log, as the query of the consumers finds it. */
interface Page {
  readonly messages: readonly { readonly data: Entry }[]
  readonly currentGlobalPosition: bigint
}

/** The event stores have no read of everything; this is the query of their consumers. */
export async function readPages(
  pageAfter: (after: bigint, batchSize: number) => Promise<Page>,
  onEvent?: (count: number) => void,
): Promise<number> {
  let count = 0
  for (let after = 0n; ; ) {
    const { messages, currentGlobalPosition } = await pageAfter(after, 1000)
    for (const { data } of messages) {
      count += data.amount
      onEvent?.(count)
    }
    if (messages.length < 1000) return count
    after = currentGlobalPosition
  }
}

function sum(events: readonly ReadEvent<Entered, any>[]): number {
  let count = 0
  for (const { data } of events) count += data.amount
  return count
}
