/** The tables of a PostgreSQL store, for those who look after the database. */
import type { StoreSchema } from '../../core/store-schema.ts'
import { makeConnections } from './connections.ts'
import { storeError } from './driver-errors.ts'
import { appliedSteps, migrate } from './migrate.ts'
import { scriptsFor } from './migrations.ts'
import { type PostgresOptions, settingsOf } from './options.ts'
import type { PgClient } from './pg.ts'

/** Connects only to look or to apply. @throws DefinitionError (`ES_DEFINITION`) a wrong option. */
export function postgresSchema(url: string, options: Pick<PostgresOptions, 'schema' | 'partitions'>): StoreSchema {
  const settings = settingsOf(options)
  const connections = makeConnections(url, 1, async () => {})
  async function on<T>(work: (client: PgClient) => Promise<T>): Promise<T> {
    try {
      return await connections.use(work)
    } catch (error) {
      throw storeError(error)
    }
  }
  return {
    title: `schema ${settings.schemaName}`,
    steps: scriptsFor(settings),
    applied: () => on((client) => appliedSteps(client, settings)),
    apply: () => on((client) => migrate(client, settings)),
    close: () => connections.close(async () => {}),
  }
}
