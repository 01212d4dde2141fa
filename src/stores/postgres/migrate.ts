/** Brings a schema to the one of this version, also when many processes start at the same moment. */
import { StoreFormatError } from '../../core/errors.ts'
import { migrationsFor } from './migrations.ts'
import { firstOf, type PgClient, rowsOf } from './pg.ts'

/** @throws StoreFormatError the schema is newer than this version, or the database cannot hold a store. */
export async function migrate(client: PgClient, schemaName: string, now: number): Promise<void> {
  const schema = `"${schemaName}"`
  const migrations = migrationsFor(schema)
  if ((await stepOf(client, schemaName, migrations.length)) === migrations.length) return
  const encoding = (await firstOf(client, 'SHOW server_encoding'))?.[0]
  if (encoding !== 'UTF8') throw new StoreFormatError('postgres', `The database has the encoding ${encoding}; a store needs one with UTF8.`)
  await rowsOf(client, 'BEGIN ISOLATION LEVEL READ COMMITTED')
  try {
    await rowsOf(client, `SELECT pg_advisory_xact_lock(hashtextextended('dacapo migrate ' || $1, 0))`, [schemaName])
    const found = await stepOf(client, schemaName, migrations.length)
    if (found === 0) {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema};
        CREATE TABLE IF NOT EXISTS ${schema}.migrations (id integer PRIMARY KEY, name text NOT NULL, applied_at bigint NOT NULL)`)
    }
    for (const { id, name, up } of migrations) {
      if (id <= found) continue
      await client.query(up)
      await rowsOf(client, `INSERT INTO ${schema}.migrations (id, name, applied_at) VALUES ($1, $2, $3)`, [id, name, Math.trunc(now)])
    }
    await rowsOf(client, 'COMMIT')
  } catch (error) {
    await rowsOf(client, 'ROLLBACK').catch(() => {}) // the first error tells more
    throw error
  }
}

/** The step that a schema is at; 0 when it has no tables of Dacapo. */
async function stepOf(client: PgClient, schemaName: string, latest: number): Promise<number> {
  const table = await firstOf(client, 'SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [schemaName, 'migrations'])
  const found = table ? Number((await firstOf(client, `SELECT max(id) FROM "${schemaName}".migrations`))?.[0] ?? 0) : 0
  if (found <= latest) return found
  throw new StoreFormatError(
    'postgres',
    `The schema ${schemaName} was made by a newer version of Dacapo (step ${found}, this version knows ${latest}): upgrade dacapo. Nothing was changed.`,
  )
}
