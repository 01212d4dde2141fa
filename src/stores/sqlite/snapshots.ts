/** Snapshots in SQLite. */
import type { SnapshotStore, StoredSnapshot } from '../../core/snapshot-store.ts'
import type { GroupCommit, Work } from './group-commit.ts'
import type { Handle, Row } from './handle.ts'
import type { Read } from './read.ts'

/** The snapshots of a store; their writes ride along with whatever is committed next. */
export function snapshotStore(read: Read, commit: GroupCommit): SnapshotStore {
  return {
    latest: (tenant, stream, fingerprint, to) => read((handle) => latestSnapshot(handle, tenant, stream, fingerprint, to)),
    list: (tenant, stream) =>
      read((handle) =>
        handle.rows(`${select} WHERE tenant = ? AND stream = ? ORDER BY version, fingerprint`, tenant, stream).map(toSnapshot),
      ),
    save: (tenant, stream, { version, fingerprint, body, takenAt }, keep) =>
      commit.submit(
        bookkeeping(body.length, (handle) => {
          handle.run(
            'INSERT OR REPLACE INTO dacapo_snapshots (tenant, stream, fingerprint, version, body, taken_at) VALUES (?, ?, ?, ?, ?, ?)',
            tenant,
            stream,
            fingerprint,
            version,
            body,
            takenAt,
          )
          // Version by version from the newest: the `keep`-th one is the oldest that stays.
          const oldest = handle.first(
            'SELECT version FROM dacapo_snapshots WHERE tenant = ? AND stream = ? AND fingerprint = ? ORDER BY version DESC LIMIT 1 OFFSET ?',
            tenant,
            stream,
            fingerprint,
            keep - 1,
          )?.[0]
          if (oldest === undefined) return
          const outdated = 'DELETE FROM dacapo_snapshots WHERE tenant = ? AND stream = ? AND fingerprint = ? AND version < ?'
          handle.run(outdated, tenant, stream, fingerprint, oldest)
        }),
      ),
    delete: (tenant, stream, version, fingerprint) =>
      commit.submit(
        bookkeeping(0, (handle) => {
          const deleted = handle.rows(
            `DELETE FROM dacapo_snapshots
             WHERE tenant = ? AND stream = ? AND version = ifnull(?, version) AND fingerprint = ifnull(?, fingerprint) RETURNING version`,
            tenant,
            stream,
            version ?? null,
            fingerprint ?? null,
          )
          return deleted.length
        }),
      ),
  }
}

/** The newest snapshot with a fingerprint, at most at version `to`. */
export function latestSnapshot(
  handle: Handle,
  tenant: string,
  stream: string,
  fingerprint: string,
  to = Number.MAX_SAFE_INTEGER,
): StoredSnapshot | undefined {
  const where = 'WHERE tenant = ? AND stream = ? AND fingerprint = ? AND version <= ? ORDER BY version DESC LIMIT 1'
  const row = handle.first(`${select} ${where}`, tenant, stream, fingerprint, to)
  return row && toSnapshot(row)
}

/** Writes that belong to no event. */
export function bookkeeping<T>(bytes: number, run: (handle: Handle) => T): Work<T> {
  return {
    bytes,
    guarded: false,
    run: ({ handle }) => run(handle),
    explain(error) {
      throw error
    },
  }
}

const select = 'SELECT version, fingerprint, body, taken_at FROM dacapo_snapshots'

function toSnapshot(row: Row): StoredSnapshot {
  const [version, fingerprint, body, takenAt] = row as readonly [number, string, string, number]
  return { version, fingerprint, body, takenAt }
}
