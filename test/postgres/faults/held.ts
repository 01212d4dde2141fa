/** A transaction that somebody has left open. */
import { once } from 'node:events'
import { Client } from 'pg'
import type { EventStore, StoreTransaction } from '../../../src/core/event-store.ts'

export interface Held {
  /** Commits it, or undoes it. */
  end(how: 'commit' | 'rollback'): Promise<void>
}

/** Does the work and then nothing, with the transaction open: one of the store's, or one on a client of the caller's. */
export type Hold = (store: EventStore, url: string, work: (transaction: StoreTransaction) => Promise<unknown>) => Promise<Held>

export const holdWithin: Hold = async (store, url, work) => {
  const client = new Client(url)
  await client.connect()
  await client.query('begin')
  await work(store.within!(client))
  return {
    async end(how) {
      await client.query(how)
      await client.end()
    },
  }
}

export const holdTransaction: Hold = async (store, _, work) => {
  const signals = new EventTarget()
  const worked = once(signals, 'worked')
  const ending = once(signals, 'end')
  const undone = new Error('undone')
  let how: 'commit' | 'rollback' = 'commit'
  const transaction = store.transaction!(async (transaction) => {
    await work(transaction)
    signals.dispatchEvent(new Event('worked'))
    await ending
    if (how === 'rollback') throw undone
  })
  await Promise.race([worked, transaction])
  return {
    async end(wanted) {
      how = wanted
      signals.dispatchEvent(new Event('end'))
      await transaction.catch((error) => {
        if (error !== undone) throw error
      })
    },
  }
}
