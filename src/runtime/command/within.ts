/** `app.within`: commands inside a transaction that the caller has opened on a client of its own. */
import { UnsupportedError } from '../../core/errors.ts'
import type { TransactionCalls, TransactionScope } from './transactions.ts'

/** @param ready  settles when the store is prepared. @throws UnsupportedError (`ES_UNSUPPORTED`) the store has no clients. */
export function callsWithin(scope: TransactionScope, client: unknown, ready: () => Promise<void>): TransactionCalls {
  const { store } = scope.engine
  if (!store.within)
    throw new UnsupportedError(`The ${store.name} store has no client of its own, so there is no transaction to join: use app.transaction.`)
  const transaction = store.within(client)
  // Nobody here hears of the commit: what is scheduled is noticed at the next look.
  const inside = { ...scope, scheduled: () => {} }
  // One and the same for all commands of the transaction: they know of each other.
  let loading: Promise<TransactionCalls> | undefined
  const calls = async () => {
    await ready()
    loading ??= import('./transactions.ts').then(({ callsOf }) => callsOf(inside, transaction, new Set()))
    return loading
  }
  return {
    execute: async (request, asking) => (await calls()).execute(request, asking),
    attempt: async (request, asking) => (await calls()).attempt(request, asking),
    load: async (aggregate, id) => (await calls()).load(aggregate, id),
    schedule: async (request, options) => (await calls()).schedule(request, options),
    sql: async (parts, ...values) => (await calls()).sql(parts, ...values),
  }
}
