/**
 * Run as a process of its own: rebuilds the ledger, tells the position of its first commit of new rows, and does nothing more, alive, until
 * it is killed. Arguments: the name of a store, and its file or address.
 */
import { writeSync } from 'node:fs'
import type { EventStore } from '../../src/core/event-store.ts'
import { workInFrontOf } from '../runtime/subscriptions/follow.ts'
import { openLedger, storeAt } from './rebuilt-ledger.ts'

const [name, place] = process.argv.slice(2) as [string, string]
const store: EventStore = storeAt(name, place)
const held = workInFrontOf(store, {
  async commit(works) {
    const results = await store.work.commit(works)
    if (!works.some(({ rows = [] }) => rows.some(({ generation }) => generation === 1))) return results
    const position = works.flatMap(({ steps = [] }) => steps).find(({ subscription }) => subscription.startsWith('rebuild:'))?.position
    writeSync(1, `${position}\n`)
    return new Promise(() => {})
  },
})
const app = openLedger(held)
await app.start()
await app.subscriptions.rebuild('ledger')
