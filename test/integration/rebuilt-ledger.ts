/** The app that is killed while it rebuilds a view, and the one that goes on: the same one. */
import type { EventStore } from '../../src/core/event-store.ts'
import { createApp, type Observer } from '../../src/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { ledger } from '../runtime/subscriptions/ledger.ts'

/** @param place  a file, or the address of a server. */
export const storeAt = (name: string, place: string): EventStore => (name === 'sqlite' ? sqlite(place) : postgres(place))

/** Leases are short, so that whoever was killed is missed soon. */
export function openLedger(store: EventStore, observer?: Observer) {
  const defaults = { subscriptions: { lease: { milliseconds: 900 } } }
  return createApp({ store, commands: [], projections: [ledger(1, { partitions: 2 })], defaults, ...(observer && { observer }) })
}
