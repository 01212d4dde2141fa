/** The views and tables of async projections that are new. Several processes may come to this at the same time. */
import { sql } from '../../core/sql.ts'
import type { Engine } from '../engine.ts'
import { fingerprintOfTable, viewDefinitionOf } from '../prepare-store.ts'

export async function defineAsyncViews(engine: Engine): Promise<void> {
  const { store, definitions } = engine
  const known = new Set((await store.views.defined()).map(({ view }) => view))
  for (const view of definitions.views) {
    if (view.consistency === 'async' && !view.readModel && !known.has(view.name)) await store.views.define(viewDefinitionOf(view))
  }
  for (const table of definitions.tables) {
    if (table.consistency !== 'async' || known.has(table.name)) continue
    await store.transaction?.(async (transaction) => {
      for (const create of Object.values(table.tables)) await transaction.sql({ ...sql``, parts: [create] })
    })
    await store.views.define({ view: table.name, indexes: {}, fingerprint: fingerprintOfTable(table) })
  }
}
