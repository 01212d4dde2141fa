/** Brings a schema to the one of this version, also when many processes start at the same moment. */
import { StoreFormatError, StoreUnavailableError } from '../../core/errors.ts'
import type { AppliedStep } from '../../core/store-schema.ts'
import { sqlState } from './driver-errors.ts'
import { migrationLock, migrationsFor, noteOf, notesTable, type SchemaChoice } from './migrations.ts'
import { firstOf, type PgClient, rowsOf } from './pg.ts'

/**
 * Applies what is missing. Once everything is, only reading is needed, and no right to make tables.
 *
 * @returns how many steps this call has applied.
 * @throws StoreFormatError the schema is newer than this version, or the database cannot hold a store, or not this one.
 * @throws StoreUnavailableError the role may not make tables.
 */
export async function migrate(client: PgClient, choice: SchemaChoice): Promise<number> {
  const { schemaName } = choice
  const migrations = migrationsFor(choice)
  const done = async () => (await appliedSteps(client, choice)).length === migrations.length
  if (await done()) {
    await assertPartitions(client, choice)
    return 0
  }
  const encoding = (await firstOf(client, 'SHOW server_encoding'))?.[0]
  if (encoding !== 'UTF8') throw new StoreFormatError('postgres', `The database has the encoding ${encoding}; a store needs one with UTF8.`)
  await rowsOf(client, 'BEGIN ISOLATION LEVEL READ COMMITTED')
  try {
    await client.query(migrationLock(choice))
    const found = (await appliedSteps(client, choice)).length // somebody else may have done it meanwhile
    const missing = migrations.slice(found)
    if (found === 0) {
      // Asked for only when it is missing: who may make tables in it need not be allowed to make schemas.
      const schema = await firstOf(client, 'SELECT FROM pg_namespace WHERE nspname = $1', [schemaName])
      if (!schema) await client.query(`CREATE SCHEMA "${schemaName}"`)
      await client.query(notesTable(choice))
    }
    for (const migration of missing) {
      await client.query(migration.up)
      await client.query(noteOf(choice, migration))
    }
    await rowsOf(client, 'COMMIT')
    await assertPartitions(client, choice)
    return missing.length
  } catch (error) {
    await rowsOf(client, 'ROLLBACK').catch(() => {}) // the first error tells more
    if (sqlState(error) !== '42501') throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new StoreUnavailableError(
      'postgres',
      `This role may not make the tables of the store in the schema ${schemaName}: ${why}. Let somebody who may run what "npx dacapo migrate --print${schemaName === 'dacapo' ? '' : ` --schema ${schemaName}`}" prints.`,
      { retryable: false, cause: error },
    )
  }
}

/** The steps that were applied to a schema; none when it has no tables of Dacapo. @throws StoreFormatError it is newer than this version. */
export async function appliedSteps(client: PgClient, choice: SchemaChoice): Promise<readonly AppliedStep[]> {
  const { schemaName } = choice
  const table = await firstOf(client, 'SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [schemaName, 'migrations'])
  if (!table) return []
  const rows = await rowsOf(client, `SELECT id, applied_at FROM "${schemaName}".migrations ORDER BY id`)
  const latest = migrationsFor(choice).length
  const found = Number(rows.at(-1)?.[0] ?? 0)
  if (found > latest) {
    throw new StoreFormatError(
      'postgres',
      `The schema ${schemaName} was made by a newer version of Dacapo (step ${found}, this version knows ${latest}): upgrade dacapo. Nothing was changed.`,
    )
  }
  return rows.map(([id, appliedAt]) => ({ id: id as number, appliedAt: appliedAt as number }))
}

/** How many partitions there are was decided when the schema was made; who demands another number is told, not ignored. */
async function assertPartitions(client: PgClient, { schemaName, partitions }: SchemaChoice): Promise<void> {
  if (partitions === undefined) return
  const row = await firstOf(client, 'SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass($1)', [`"${schemaName}".events`])
  const found = Number(row?.[0])
  if (found === partitions) return
  const made = found === 0 ? 'without partitions' : `with ${found} partitions`
  throw new StoreFormatError(
    'postgres',
    `The event table of the schema ${schemaName} was made ${made}, not with ${partitions}, and cannot be changed: leave the option partitions out. Nothing was changed.`,
  )
}
