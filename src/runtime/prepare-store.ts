/** What happens once, before an app's first use of its store: the schema, a look at what is stored, the views. */
import { UnknownEventError } from '../core/errors.ts'
import { decodeEvent } from '../core/event-codec.ts'
import type { StoreTransaction } from '../core/event-store.ts'
import { fingerprintOf } from '../core/fingerprint.ts'
import type { AnyProjection, Consistency } from '../core/projection.ts'
import { sql } from '../core/sql.ts'
import type { LogPage } from '../core/stored-event.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { BuiltRow, ViewDefinition } from '../core/view-store.ts'
import type { Engine } from './engine.ts'
import { evolveRow, keysOf, statementsOf } from './view/transactional-views.ts'

/**
 * Prepares a store for an app: idempotent, and safe in many processes at once.
 *
 * @throws UnknownEventError (`ES_UNKNOWN_EVENT`) something is stored that this build could not read; what the store throws.
 */
export async function prepareStore(engine: Engine): Promise<void> {
  await engine.store.migrate()
  await assertReadable(engine)
  const { views, tables } = engine.definitions
  const known = new Map((await engine.store.views.defined()).map(({ view, fingerprint }) => [view, fingerprint]))
  for (const view of views) {
    if (view.consistency !== 'transactional') continue
    const definition = viewDefinitionOf(view)
    if (known.get(view.name) !== definition.fingerprint) await rebuildView(engine, view, definition)
  }
  for (const table of tables) {
    if (table.consistency === 'transactional' && known.get(table.name) !== fingerprintOfTable(table)) await rebuildTables(engine, table)
  }
}

/** What a store must know of a projection's view. Remembered: it is wanted at each read, and is a hash of the source of all functions. */
export function viewDefinitionOf(projection: AnyProjection): ViewDefinition {
  const known = viewDefinitions.get(projection)
  if (known) return known
  const { name, indexes = {}, events, initial, evolve, version, key, consistency } = projection
  const more = [JSON.stringify(Object.entries(indexes).sort()), key]
  const definition = { view: name, indexes, fingerprint: keptBy(consistency, fingerprintOf({ events, initial, evolve, version, more })) }
  viewDefinitions.set(projection, definition)
  return definition
}

const viewDefinitions = new WeakMap<AnyProjection, ViewDefinition>()

/** Tells rows that are kept by a subscription from those that appends keep: neither can go on with the other's. */
const keptBy = (consistency: Consistency, fingerprint: string): string => (consistency === 'async' ? asyncMark + fingerprint : fingerprint)
export const asyncMark = 'async-'

/** Every stored type that this app reads must be readable; a type that it does not know belongs to somebody else. */
async function assertReadable({ store, definitions }: Engine): Promise<void> {
  for (const { category, type, schemaVersion } of await store.eventTypes()) {
    const known = definitions.eventTypes.get(type)
    if (known && schemaVersion > known.schemaVersion) {
      throw new UnknownEventError(
        type,
        `The store has ${type} of schema version ${schemaVersion}, this build knows versions up to ${known.schemaVersion}: it was written by a newer build, deploy that one.`,
      )
    }
    const owner = definitions.aggregates.get(category)
    if (owner && !owner.events.some((own) => own.type === type)) {
      throw new UnknownEventError(
        type,
        `Streams of ${category} have the event ${type}, which aggregate ${owner.name} does not list: add it to its events.`,
      )
    }
  }
}

/** Builds a new or changed view from the whole log, and switches to it in one commit. */
async function rebuildView(engine: Engine, projection: AnyProjection, definition: ViewDefinition): Promise<void> {
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

/** Tells when a table projection has changed. */
export function fingerprintOfTable({ events, tables, apply, consistency }: TableProjection): string {
  return keptBy(consistency, fingerprintOf({ events, more: [JSON.stringify(Object.entries(tables).sort()), apply] }))
}

/** Drops, makes and fills the tables of a new or changed projection in one transaction. They are the projection's own. */
async function rebuildTables(engine: Engine, table: TableProjection): Promise<void> {
  const startedAt = engine.clock.now()
  const types = new Set(table.events.map(({ type }) => type))
  let events = 0
  const work = async (transaction: StoreTransaction) => {
    await transaction.remembered('', `dacapo:tables:${table.name}`) // who comes to this at the same time waits for the key
    events = 0
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
  }
  await engine.store.transaction?.(work)
  // Registered after the fact: a crash in between only means that the tables are built once more.
  await engine.store.views.rebuild({ view: table.name, indexes: {}, fingerprint: fingerprintOfTable(table) }, async () => [])
  engine.tell?.({ signal: 'projection.rebuilt', projection: table.name, rows: 0, events, durationMs: engine.clock.now() - startedAt })
}
