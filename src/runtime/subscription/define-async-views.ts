/** The views and tables of async projections that are new. Several processes may come to this at the same time. */
import { DefinitionError } from '../../core/errors.ts'
import type { StoreTransaction } from '../../core/event-store.ts'
import { sql } from '../../core/sql.ts'
import type { TableProjection } from '../../core/table-projection.ts'
import { entryForReturn, toKey } from '../command/idempotency.ts'
import type { Engine } from '../engine.ts'
import { asyncMark, fingerprintOfTable, viewDefinitionOf } from '../prepare-store.ts'

/** @throws DefinitionError (`ES_DEFINITION`) what is stored under the name of one of them is kept by the appends. */
export async function defineAsyncViews(engine: Engine): Promise<void> {
  const { store, definitions } = engine
  const known = new Map((await store.views.defined()).map(({ view, fingerprint }) => [view, fingerprint]))
  for (const view of definitions.views) {
    if (view.consistency === 'async' && !view.readModel && !isKnown(view.name)) await store.views.define(viewDefinitionOf(view))
  }
  for (const table of definitions.tables) {
    if (table.consistency !== 'async' || isKnown(table.name)) continue
    await store.transaction?.((transaction) => makeTables(engine, table, transaction))
    await store.views.define({ view: table.name, indexes: {}, fingerprint: fingerprintOfTable(table) })
  }

  function isKnown(name: string): boolean {
    const fingerprint = known.get(name)
    if (fingerprint === undefined || fingerprint.startsWith(asyncMark)) return fingerprint !== undefined
    throw new DefinitionError(
      `Projection ${name} is async, but its stored rows were made by a transactional one: they would be counted twice. Give it another name, or retire that one first: app.views.retire('${name}').`,
    )
  }
}

/** Makes the tables once: who comes to this at the same time waits for the key, and then finds it taken. */
async function makeTables({ clock, settings }: Engine, table: TableProjection, transaction: StoreTransaction): Promise<void> {
  const key = toKey(`dacapo:tables:${table.name}`, 'tables', table.tables, clock.now() + settings.keepOutcomeMs)
  if (await transaction.remembered('', key.key)) return
  for (const create of Object.values(table.tables)) await transaction.sql({ ...sql``, parts: [create] })
  const made = { stream: 'transaction-outcome', expectedVersion: 'any', events: [], idempotency: entryForReturn(key, null) } as const
  await transaction.append(made)
}
