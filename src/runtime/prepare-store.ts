/** What happens once, before an app's first use of its store: the schema, a look at what is stored, the views. */
import { UnknownEventError } from '../core/errors.ts'
import { fingerprintOf } from '../core/fingerprint.ts'
import type { AnyProjection, Consistency } from '../core/projection.ts'
import type { TableProjection } from '../core/table-projection.ts'
import type { ViewDefinition } from '../core/view-store.ts'
import type { Definitions } from './definitions.ts'
import type { Engine } from './engine.ts'
import { isAmong } from './view/kept-views.ts'

/**
 * Prepares a store for an app: idempotent, and safe in many processes at once.
 *
 * @throws UnknownEventError (`ES_UNKNOWN_EVENT`) something is stored that this build could not read; what the store throws.
 */
export async function prepareStore(engine: Engine): Promise<void> {
  await engine.store.migrate()
  await assertReadable(engine)
  const { views, tables } = engine.definitions
  const stored = await engine.store.views.kept()
  for (const view of views.filter(isKept)) {
    const definition = keptDefinitionOf(view)
    if (!isAmong(stored, definition)) await (await builder()).buildView(engine, view, definition)
  }
  for (const table of tables.filter(isKept)) {
    const definition = keptDefinitionOfTable(table)
    if (!isAmong(stored, definition)) await (await builder()).buildTables(engine, table, definition)
  }
  await engine.kept.read(engine.store.views)
}

/** Loaded when there is something to build. */
const builder = () => import('./view/build-views.ts')

/** What appends of this build keep: views and tables. */
export const keptDefinitions = ({ views, tables }: Definitions): readonly ViewDefinition[] => [
  ...views.filter(isKept).map(keptDefinitionOf),
  ...tables.filter(isKept).map(keptDefinitionOfTable),
]

const isKept = ({ consistency }: { readonly consistency: Consistency }): boolean => consistency === 'transactional'
const typesOf = ({ events }: Pick<AnyProjection, 'events'>) => events.map(({ type }) => type)
const keptDefinitionOf = (view: AnyProjection): ViewDefinition => ({ ...viewDefinitionOf(view), types: typesOf(view) })
const keptDefinitionOfTable = (table: TableProjection): ViewDefinition => ({
  view: table.name,
  indexes: {},
  fingerprint: fingerprintOfTable(table),
  types: typesOf(table),
})

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

/** Tells when a table projection has changed. */
export function fingerprintOfTable({ events, tables, apply, consistency }: TableProjection): string {
  return keptBy(consistency, fingerprintOf({ events, more: [JSON.stringify(Object.entries(tables).sort()), apply] }))
}
