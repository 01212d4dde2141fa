/** The views of transactional projections that are new or changed: built from the log, with no append in between. */
import { decodeEvent } from '../../core/event-codec.ts'
import type { StoreTransaction } from '../../core/event-store.ts'
import type { AnyProjection } from '../../core/projection.ts'
import { sql } from '../../core/sql.ts'
import type { LogPage } from '../../core/stored-event.ts'
import type { TableProjection } from '../../core/table-projection.ts'
import type { BuiltRow, ViewDefinition } from '../../core/view-store.ts'
import type { Engine } from '../engine.ts'
import { isAmong } from './kept-views.ts'
import { evolveRow, keysOf, statementsOf } from './transactional-views.ts'

/** Builds a new or changed view from the whole log, and switches to it in one commit. */
export async function buildView(engine: Engine, projection: AnyProjection, definition: ViewDefinition): Promise<void> {
  const startedAt = engine.clock.now()
  let events = 0
  let rows: readonly BuiltRow[] = []
  await engine.store.views.rebuild(definition, async (log) => {
    ;({ rows, events } = await foldLog(engine, projection, log))
    return rows
  })
  engine.tell?.({
    signal: 'projection.rebuilt',
    projection: projection.name,
    rows: rows.length,
    events,
    durationMs: engine.clock.now() - startedAt,
  })
}

/** Folds a projection over a log from its beginning: what its view must hold at the end of it. */
async function foldLog(
  { definitions }: Pick<Engine, 'definitions'>,
  projection: AnyProjection,
  log: AsyncIterable<LogPage>,
): Promise<{ readonly rows: readonly BuiltRow[]; readonly events: number }> {
  const types = new Set(projection.events.map(({ type }) => type))
  const rows = new Map<string, BuiltRow>()
  let events = 0
  for await (const page of log) {
    for (const stored of page.events) {
      if (!types.has(stored.type)) continue
      events++
      const event = decodeEvent(definitions.eventTypes.get(stored.type), stored)
      for (const key of keysOf(projection, event)) {
        const id = `${stored.tenant}\u0000${key}`
        const row = evolveRow(projection, rows.get(id)?.row ?? null, event, key)
        if (row === null) rows.delete(id)
        else if (row !== undefined) rows.set(id, { tenant: stored.tenant, key, row })
      }
    }
  }
  return { rows: [...rows.values()], events }
}

/** Drops, makes and fills the tables of a new or changed projection in one transaction. They are the projection's own. */
export async function buildTables(engine: Engine, table: TableProjection, definition: ViewDefinition): Promise<void> {
  const startedAt = engine.clock.now()
  const types = new Set(table.events.map(({ type }) => type))
  let events = 0
  const work = async (transaction: StoreTransaction) => {
    await transaction.remembered('', `dacapo:tables:${table.name}`) // who comes to this at the same time waits for the key
    if (isAmong(await transaction.views.kept(), definition)) return false // and then has nothing to do
    events = 0
    await transaction.views.keep(definition)
    for (const [name, create] of Object.entries(table.tables)) {
      await transaction.sql({ ...sql``, parts: [`drop table if exists "${name.replaceAll('"', '""')}"`] })
      await transaction.sql({ ...sql``, parts: [create] })
    }
    // Through the transaction: nobody appends while it is open, so that nothing falls between the log and the tables.
    for await (const page of transaction.readAll()) {
      for (const stored of page.events) {
        if (!types.has(stored.type)) continue
        events++
        const event = decodeEvent(engine.definitions.eventTypes.get(stored.type), stored)
        for (const statement of statementsOf(table, event)) await transaction.sql(statement)
      }
    }
    return true
  }
  if (!(await engine.store.transaction?.(work))) return
  engine.tell?.({ signal: 'projection.rebuilt', projection: table.name, rows: 0, events, durationMs: engine.clock.now() - startedAt })
}
