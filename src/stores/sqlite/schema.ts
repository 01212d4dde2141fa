/** The tables of an SQLite store, for those who look after the file. */
import { statSync } from 'node:fs'
import type { StoreSchema } from '../../core/store-schema.ts'
import { openConnections } from './connections.ts'
import { storeError } from './driver-errors.ts'
import { handleOf } from './handle.ts'
import { loadDriver } from './load-driver.ts'
import { needsMigration, schemaOf } from './migrate.ts'
import { scripts } from './migrations.ts'
import { settingsOf } from './options.ts'

/** Opens the file only to look or to apply; looking does not make it. */
export function sqliteSchema(file: string): StoreSchema {
  return {
    title: file,
    steps: scripts,
    async applied() {
      if (!statSync(file, { throwIfNoEntry: false })) return []
      const open = await loadDriver()
      try {
        const database = open(file, { readOnly: true })
        try {
          const handle = handleOf(database)
          needsMigration(handle, file) // refuses one that is newer
          if (schemaOf(handle) === 0) return []
          const rows = handle.rows('SELECT id, applied_at FROM dacapo_migrations ORDER BY id')
          return rows.map(([id, appliedAt]) => ({ id: Number(id), appliedAt: Number(appliedAt) }))
        } finally {
          database.close()
        }
      } catch (error) {
        throw storeError(error, file)
      }
    },
    async apply() {
      const connections = await openConnections(file, settingsOf({}))
      connections.close()
      return connections.migrated
    },
    async close() {},
  }
}
