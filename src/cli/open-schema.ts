/** Which store an address means. Its module is loaded only then, so that nobody needs a driver that is not used. */
import type { StoreSchema } from '../core/store-schema.ts'
import { type MigrateArguments, UsageError } from './arguments.ts'

/** @throws UsageError no store is meant. DefinitionError (`ES_DEFINITION`) a wrong option. */
export async function openSchema({
  store,
  schema,
  partitions,
}: Pick<MigrateArguments, 'store' | 'schema' | 'partitions'>): Promise<StoreSchema> {
  if (store === 'postgres' || /^postgres(?:ql)?:\/\//.test(store)) {
    const { postgresSchema } = await import('../stores/postgres/schema.ts')
    return postgresSchema(store, { ...(schema !== undefined && { schema }), ...(partitions !== undefined && { partitions }) })
  }
  // One letter and a colon is a drive of Windows.
  const scheme = /^[a-z][a-z0-9+.-]+:/i.exec(store)?.[0] ?? (store === ':memory:' ? store : undefined)
  if (scheme) throw new UsageError(`--store does not know "${scheme}": say postgres://user@host/database, or the path of an SQLite file.`)
  const foreign = schema === undefined ? partitions !== undefined && '--partitions' : '--schema'
  if (foreign) throw new UsageError(`${foreign} is for PostgreSQL; ${store} is an SQLite file.`)
  const { sqliteSchema } = await import('../stores/sqlite/schema.ts')
  return sqliteSchema(store)
}
