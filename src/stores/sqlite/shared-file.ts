/** What all stores of one process share when they use the same file: one gate for writers, and each other's wake-ups. */
import { type Gate, gate } from '../../core/gate.ts'
import type { SqliteDatabase } from './sqlite-database.ts'

/** A database as this process sees it. */
export interface SharedFile {
  readonly writers: Gate
  /** Called after a commit of this process. */
  readonly listeners: Set<() => void>
}

const byPath = new Map<string, SharedFile & { users: number }>()
const byDatabase = new WeakMap<SqliteDatabase, SharedFile>()

/**
 * Joins those who use a database.
 *
 * @param path  as SQLite resolved it; `''` for a database in memory, which is shared only by who has its handle.
 * @returns what is shared, and how to leave.
 */
export function shareFile(path: string, database: SqliteDatabase): readonly [SharedFile, leave: () => void] {
  if (path === '') {
    const shared = byDatabase.get(database) ?? { writers: gate(), listeners: new Set() }
    byDatabase.set(database, shared)
    return [shared, () => {}]
  }
  const shared = byPath.get(path) ?? { writers: gate(), listeners: new Set(), users: 0 }
  byPath.set(path, shared)
  shared.users++
  return [shared, () => --shared.users === 0 && byPath.delete(path)]
}
