/** Loads node:sqlite, or says in one sentence what is missing. */
import { DriverMissingError } from '../../core/errors.ts'
import type { SqliteDatabase } from './sqlite-database.ts'

/** Opens a file with the driver that comes with Node. */
export type OpenDatabase = (file: string, options: { readonly readOnly: boolean }) => SqliteDatabase

/** @throws DriverMissingError (`ES_DRIVER_MISSING`) this runtime has no node:sqlite. */
export async function loadDriver(): Promise<OpenDatabase> {
  try {
    // Not a static import: a Node without the module must get as far as this sentence.
    const { DatabaseSync } = await import('node:sqlite')
    return (file, { readOnly }) => new DatabaseSync(file, { readOnly })
  } catch (cause) {
    throw new DriverMissingError(
      'node:sqlite',
      `The SQLite store needs Node 22.18 or newer, for its node:sqlite; this is ${runtime()}. Upgrade, or pass an open better-sqlite3, libsql or bun:sqlite database.`,
      { cause },
    )
  }
}

function runtime(): string {
  const { bun, deno } = process.versions
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${process.versions.node}`
}
