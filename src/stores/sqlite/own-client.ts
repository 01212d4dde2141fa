/** Checks the handle of a caller who wants to append inside a transaction of its own. */
import { DefinitionError, UnsupportedError } from '../../core/errors.ts'
import type { Connections } from './connections.ts'
import { type Handle, handleOf } from './handle.ts'
import type { SqliteDatabase } from './sqlite-database.ts'

/** @throws DefinitionError (`ES_DEFINITION`) on another file, not in a transaction, or the store's own handle. */
export function ownClient(client: SqliteDatabase, { writer, reader, path, file }: Connections): Handle {
  if (client === writer.database || client === reader.database) {
    throw new DefinitionError('within() needs a database handle of your own: the store commits on this one by itself.')
  }
  if (path === '') throw new UnsupportedError('A database in memory has one handle only, so within() cannot join its transactions.')
  const { isTransaction, inTransaction } = client as { isTransaction?: boolean; inTransaction?: boolean }
  if ((isTransaction ?? inTransaction) === false)
    throw new DefinitionError('within() joins a transaction: begin one on the database first.')
  const handle = handleOf(client)
  const theirs = handle.first('PRAGMA database_list')?.[2]
  if (theirs !== path) throw new DefinitionError(`within() needs a handle on ${file}; this one is on ${JSON.stringify(theirs)}.`)
  return handle
}

/** @throws DefinitionError (`ES_DEFINITION`) with the message. */
export function assertDatabase(value: unknown, message: string): asserts value is SqliteDatabase {
  const { prepare, exec } = (value || {}) as Partial<SqliteDatabase>
  if (typeof prepare !== 'function' || typeof exec !== 'function') throw new DefinitionError(message)
}
