/** A transaction that can be closed to the work that it was lent to, while whoever lent it still goes on with it. */
import { StoppedError } from '../../core/errors.ts'
import type { StoreTransaction } from '../../core/event-store.ts'

/**
 * The same transaction, which refuses whatever begins when it is not open any more. What work leaves running when it ends would otherwise
 * write behind it: after its savepoint was undone, and into the same commit.
 */
export function whileOpen(transaction: StoreTransaction, isOpen: () => boolean): StoreTransaction {
  const assertOpen = () => {
    if (!isOpen()) throw new StoppedError('The transaction')
  }
  /** Refuses by a rejected promise, as the store itself does. */
  const guarded =
    <A extends readonly unknown[], R>(call: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      assertOpen()
      return call(...given)
    }
  return {
    append: guarded((request) => transaction.append(request)),
    streamInfo: guarded((stream, tenant) => transaction.streamInfo(stream, tenant)),
    remembered: guarded((tenant, key) => transaction.remembered(tenant, key)),
    views: {
      get: guarded((tenant, view, key) => transaction.views.get(tenant, view, key)),
      kept: guarded(() => transaction.views.kept()),
      keep: guarded((definition) => transaction.views.keep(definition)),
    },
    snapshots: { latest: guarded((tenant, stream, fingerprint, to) => transaction.snapshots.latest(tenant, stream, fingerprint, to)) },
    sql: guarded((statement) => transaction.sql(statement)),
    keep: guarded((record) => transaction.keep(record)),
    savepoint: (work) => guarded(() => transaction.savepoint(work))(),
    async *readStream(stream, options) {
      assertOpen()
      yield* transaction.readStream(stream, options)
    },
    async *readAll(options) {
      assertOpen()
      yield* transaction.readAll(options)
    },
  }
}
