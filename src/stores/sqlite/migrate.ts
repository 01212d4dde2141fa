/** Brings a database to the schema of this version, also when many processes open it at the same moment. */
import { StoreFormatError } from '../../core/errors.ts'
import type { Handle } from './handle.ts'
import { migrations } from './migrations.ts'

const latest = migrations.length

/** The step that a database is at; 0 when it has no tables of Dacapo. */
export function schemaOf(handle: Handle): number {
  const table = handle.first(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'dacapo_migrations'`)
  return table ? Number(handle.first('SELECT max(id) FROM dacapo_migrations')?.[0] ?? 0) : 0
}

/** Whether there is something to do, without taking any lock. */
export function needsMigration(handle: Handle, file: string): boolean {
  const found = schemaOf(handle)
  if (found > latest) {
    throw new StoreFormatError(
      'sqlite',
      `${file} was written by a newer version of Dacapo (schema ${found}, this version knows ${latest}): upgrade dacapo. Nothing was changed.`,
    )
  }
  return found < latest
}

/** Applies what is missing, in the transaction that the caller has begun with the write lock. */
export function migrateLocked(handle: Handle, file: string, now: number): void {
  if (!needsMigration(handle, file)) return
  handle.exec('CREATE TABLE IF NOT EXISTS dacapo_migrations (id INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT')
  const found = schemaOf(handle)
  for (const { id, up } of migrations) {
    if (id <= found) continue
    handle.exec(up)
    handle.exec(`INSERT INTO dacapo_migrations (id, applied_at) VALUES (${id}, ${Math.trunc(now)})`)
  }
}
