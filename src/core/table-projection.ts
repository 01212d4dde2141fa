/** Table projections: events into your own SQL tables, for people who want joins. */
import { assertFold } from './aggregate.ts'
import { DefinitionError } from './errors.ts'
import type { AnyEventType, EventOf } from './event.ts'
import { assertConsistency, assertPartName, type Consistency, type SeenEvent } from './projection.ts'
import type { SqlStatement, SqlTag } from './sql.ts'
import { assertStartFrom, type StartFrom } from './start-from.ts'

/** A projection that owns SQL tables instead of a view. The store needs the capability `sql`. */
export interface TableProjection<N extends string = string, C extends Consistency = Consistency> {
  readonly kind: 'table-projection'
  readonly name: N
  readonly consistency: C
  readonly events: readonly AnyEventType[]
  readonly tables: Readonly<Record<string, string>>
  readonly startFrom?: StartFrom
  readonly apply: (event: any, sql: SqlTag) => SqlStatement | readonly SqlStatement[] | undefined
}

/**
 * Defines a projection into your own tables.
 *
 * @param definition.tables  table name → the statement that creates it, run when the app first touches the store:
 *                           write `create table if not exists`.
 * @param definition.apply   synchronous, no reads: returns the statements that the store runs with the append. One that
 *                           fails, e.g. on a unique index of yours, fails that command alone and nothing is written.
 * @example
 * const owners = tableProjection('owners', {
 *   events: [AccountOpened],
 *   consistency: 'transactional',
 *   tables: { owners: 'create table if not exists owners (account text primary key, owner text not null) strict' },
 *   apply: (event, sql) => sql`insert into owners values (${event.subject}, ${event.data.owner})`,
 * })
 */
export function tableProjection<const N extends string, ET extends AnyEventType, const C extends Consistency>(
  name: N,
  definition: {
    readonly events: readonly ET[]
    readonly consistency: C
    readonly tables: Readonly<Record<string, string>>
    /** Async only: where it begins when it was never started before. Default `'beginning'`; anywhere else the tables have a part of the story. */
    readonly startFrom?: StartFrom
    readonly apply: (event: SeenEvent<C, EventOf<ET>>, sql: SqlTag) => SqlStatement | readonly SqlStatement[] | undefined
  },
): TableProjection<N, C> {
  assertPartName('Table projection', name)
  assertFold(`Table projection ${name}`, { events: definition.events })
  assertConsistency(`Table projection ${name}`, definition.consistency)
  if (Object.keys(definition.tables ?? {}).length === 0) throw new DefinitionError(`Table projection ${name} needs tables.`)
  assertStartFrom(`Table projection ${name}`, definition.startFrom)
  if (definition.startFrom && definition.consistency !== 'async')
    throw new DefinitionError(`Table projection ${name}: startFrom needs 'async'.`)
  if (typeof definition.apply !== 'function') throw new DefinitionError(`Table projection ${name} needs apply(event, sql).`)
  return { kind: 'table-projection', name, ...definition } as never
}
