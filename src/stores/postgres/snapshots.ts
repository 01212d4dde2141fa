/** Snapshots in PostgreSQL. */
import type { SnapshotStore, StoredSnapshot } from '../../core/snapshot-store.ts'
import { firstOf, type PgClient, type Row, rowsOf, type Use } from './pg.ts'
import type { ReadTogether } from './read-together.ts'

/** The snapshots of a store. */
export function snapshotStore(schema: string, use: Use, together: ReadTogether): SnapshotStore {
  const select = `SELECT version, fingerprint, body, taken_at FROM ${schema}.snapshots`
  return {
    latest: (tenant, stream, fingerprint, to = Number.MAX_SAFE_INTEGER) => together.latest({ tenant, stream, fingerprint, to }),
    list: (tenant, stream) =>
      use(async (client) =>
        (await rowsOf(client, `${select} WHERE tenant = $1 AND stream = $2 ORDER BY version, fingerprint`, [tenant, stream])).map(
          toSnapshot,
        ),
      ),
    save: (tenant, stream, { version, fingerprint, body, takenAt }, keep) =>
      use(async (client) => {
        const key = [tenant, stream, fingerprint]
        await rowsOf(
          client,
          `INSERT INTO ${schema}.snapshots (tenant, stream, fingerprint, version, body, taken_at) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (tenant, stream, fingerprint, version) DO UPDATE SET body = excluded.body, taken_at = excluded.taken_at`,
          [...key, version, body, takenAt],
        )
        // Version by version from the newest: the `keep`-th one is the oldest that stays.
        await rowsOf(
          client,
          `DELETE FROM ${schema}.snapshots WHERE (tenant, stream, fingerprint) = ($1, $2, $3) AND version < (
             SELECT version FROM ${schema}.snapshots WHERE (tenant, stream, fingerprint) = ($1, $2, $3) ORDER BY version DESC LIMIT 1 OFFSET $4)`,
          [...key, keep - 1],
        )
      }),
    delete: (tenant, stream, version, fingerprint) =>
      use(async (client) => {
        const deleted = await rowsOf(
          client,
          `DELETE FROM ${schema}.snapshots WHERE tenant = $1 AND stream = $2 AND version = coalesce($3, version)
             AND fingerprint = coalesce($4, fingerprint) RETURNING version`,
          [tenant, stream, version ?? null, fingerprint ?? null],
        )
        return deleted.length
      }),
  }
}

/** The newest snapshot with a fingerprint, at most at version `to`. */
export async function latestSnapshot(
  client: PgClient,
  schema: string,
  tenant: string,
  stream: string,
  fingerprint: string,
  to = Number.MAX_SAFE_INTEGER,
): Promise<StoredSnapshot | undefined> {
  const row = await firstOf(
    client,
    `SELECT version, fingerprint, body, taken_at FROM ${schema}.snapshots
     WHERE tenant = $1 AND stream = $2 AND fingerprint = $3 AND version <= $4 ORDER BY version DESC LIMIT 1`,
    [tenant, stream, fingerprint, to],
  )
  return row && toSnapshot(row)
}

function toSnapshot(row: Row): StoredSnapshot {
  const [version, fingerprint, body, takenAt] = row as readonly [number, string, string, number]
  return { version, fingerprint, body, takenAt }
}
