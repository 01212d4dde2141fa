/** Brings a database to the schema of this version, also when many processes open it at the same moment. */
import { StoreFormatError } from '../../core/errors.ts'
import type { Handle } from './handle.ts'
import { migrations, noteOf, notesTable } from './migrations.ts'

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

/** Applies what is missing, in the transaction that the caller has begun with the write lock. @returns how many steps. */
export function migrateLocked(handle: Handle, file: string, now: number): number {
  if (!needsMigration(handle, file)) return 0
  handle.exec(notesTable)
  const missing = migrations.slice(schemaOf(handle))
  for (const migration of missing) {
    handle.exec(migration.up)
    handle.exec(noteOf(migration, String(Math.trunc(now))))
  }
  return missing.length
}
