/** A transaction: a layer that settles when the work resolves and is forgotten when it rejects. */
import { refusalOfShape } from '../../core/append-groups.ts'
import { RecordConflictError, StoppedError, UnsupportedError } from '../../core/errors.ts'
import type { StoreTransaction, StreamInfo } from '../../core/event-store.ts'
import type { SnapshotStore } from '../../core/snapshot-store.ts'
import { accept, remembered } from './accept.ts'
import { Layer } from './layer.ts'
import { readAll, readStream } from './read.ts'
import type { ViewRegistry } from './view-registry.ts'
import { rowOf } from './views.ts'
import { recordKey } from './work.ts'

/** Runs work on a layer above what is committed; the caller is alone in the gate. */
export async function runTransaction<T>(
  committed: Layer,
  registry: ViewRegistry,
  now: () => number,
  snapshots: SnapshotStore,
  work: (transaction: StoreTransaction) => Promise<T>,
): Promise<T> {
  let layer = new Layer(committed)
  let open = true
  const current = () => {
    if (!open) throw new StoppedError('The transaction')
    return layer
  }

  const transaction: StoreTransaction = {
    async append(request) {
      return refusalOfShape(request) ?? accept(current(), registry, request, now())
    },
    readStream: (stream, options) => readStream(current, stream, options),
    readAll: (options) => readAll(current, options),
    async streamInfo(stream, tenant = '') {
      return infoOf(current(), tenant, stream)
    },
    async remembered(tenant, key) {
      return remembered(current(), tenant, key, now())
    },
    views: {
      async get(tenant, view, key) {
        return rowOf(current(), tenant, view, key)
      },
      async kept() {
        current()
        return registry.kept
      },
      keep: noSql,
    },
    snapshots: { latest: snapshots.latest },
    sql: noSql,
    async keep(record) {
      const name = recordKey(record)
      if (current().record(name)) throw new RecordConflictError(record.kind, record.key)
      current().records.set(name, { ...record, revision: 1 })
    },
    async savepoint(part) {
      const below = current()
      layer = new Layer(below)
      try {
        const result = await part()
        layer.settle()
        return result
      } finally {
        layer = below
      }
    },
  }

  try {
    const result = await work(transaction)
    layer.settle()
    return result
  } finally {
    open = false
  }
}

async function noSql(): Promise<never> {
  throw new UnsupportedError('The memory store runs no SQL statements: use an SQL store.')
}

/** What is known of a stream. */
export function infoOf(layer: Layer, tenant: string, stream: string): StreamInfo | undefined {
  const version = layer.version(tenant, stream)
  if (version === 0) return undefined
  const [first] = layer.stream(tenant, stream, 0, 1)
  const [last] = layer.stream(tenant, stream, version - 1, version)
  return { tenant, stream, version, firstPosition: first!.position, lastPosition: last!.position, recordedAt: last!.recordedAt }
}
