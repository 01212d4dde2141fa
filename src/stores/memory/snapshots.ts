/** Snapshots in memory: a list per stream, by version. */

import { byCodePoint } from '../../core/code-point-order.ts'
import type { SnapshotStore, StoredSnapshot } from '../../core/snapshot-store.ts'
import { inTenant } from './log-index.ts'

/** An empty snapshot store; `assertOpen` throws once the store is closed. */
export function snapshotStore(assertOpen: () => void): SnapshotStore {
  const kept = new Map<string, readonly StoredSnapshot[]>()
  return {
    async latest(tenant, stream, fingerprint, to = Number.POSITIVE_INFINITY) {
      assertOpen()
      return kept.get(inTenant(tenant, stream))?.findLast((snapshot) => snapshot.fingerprint === fingerprint && snapshot.version <= to)
    },
    async list(tenant, stream) {
      assertOpen()
      return kept.get(inTenant(tenant, stream)) ?? []
    },
    async save(tenant, stream, snapshot, keep) {
      assertOpen()
      const { fingerprint, version } = snapshot
      const all = kept.get(inTenant(tenant, stream)) ?? []
      const same = all.filter((one) => one.fingerprint === fingerprint && one.version !== version)
      const newest = [...same, Object.freeze({ ...snapshot })].sort((a, b) => b.version - a.version).slice(0, keep)
      const others = all.filter((one) => one.fingerprint !== fingerprint)
      const sorted = [...others, ...newest].sort((a, b) => a.version - b.version || byCodePoint(a.fingerprint, b.fingerprint))
      kept.set(inTenant(tenant, stream), Object.freeze(sorted))
    },
    async delete(tenant, stream, version, fingerprint) {
      assertOpen()
      const all = kept.get(inTenant(tenant, stream)) ?? []
      const isMeant = (one: StoredSnapshot) =>
        one.version === (version ?? one.version) && one.fingerprint === (fingerprint ?? one.fingerprint)
      const left = all.filter((one) => !isMeant(one))
      kept.set(inTenant(tenant, stream), Object.freeze(left))
      return all.length - left.length
    },
  }
}
