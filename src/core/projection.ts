/** Projections: a keyed fold into a view. */
import { assertFold } from './aggregate.ts'
import { DefinitionError } from './errors.ts'
import type { AnyEventType, ByType, DomainEvent, EventOf } from './event.ts'
import type { AnyEvolvers, Narrow } from './fold.ts'
import type { ReadModel } from './read-model.ts'
import type { DecidedEvent, RecordedEvent } from './recorded-event.ts'
import { assertStartFrom, type StartFrom } from './start-from.ts'
import type { TypeProblem } from './type-problem.ts'

/** `transactional`: in the append's own transaction. `async`: by a subscription, exactly once. */
export type Consistency = 'transactional' | 'async'

/** What becomes of an async view whose fold has changed: rebuilt when somebody says so, or by itself. */
export type RebuildPolicy = 'manual' | 'auto'

/** The type that `where` and `orderBy` compare a field as. */
export type IndexType = 'text' | 'number'

/** Which fields of a row can be searched and sorted. */
export type Indexes<V> = { readonly [K in keyof V]?: IndexType }

/** What a projection sees of an event: a transactional one folds before the commit, so there is no position yet. */
export type SeenEvent<C extends Consistency, E extends DomainEvent> = C extends 'transactional' ? DecidedEvent<E> : RecordedEvent<E>

/** One pure function per event type: the next row, `null` to delete it, `undefined` to leave it as it is. */
export type RowEvolvers<C extends Consistency, E extends DomainEvent, V> = {
  readonly [T in E['type']]: (row: V, event: SeenEvent<C, ByType<E, T>>, key: string) => NoInfer<Narrow<V>> | null | undefined
}

/** A fold kept by key. */
export interface Projection<N extends string = string, V = unknown, C extends Consistency = Consistency, X = Indexes<V>> {
  readonly kind: 'projection'
  readonly name: N
  readonly consistency: C
  readonly events: readonly AnyEventType[]
  readonly key: (event: any) => string | readonly string[] | undefined
  readonly initial: () => V
  readonly evolve: AnyEvolvers
  readonly indexes?: Readonly<Record<string, IndexType>>
  readonly version?: number
  readonly partitions?: number
  readonly rebuild?: RebuildPolicy
  readonly readModel?: ReadModel
  readonly startFrom?: StartFrom
  readonly '~types'?: { readonly view: V; readonly indexes: X }
}

/** Any projection that keeps a view. */
export type AnyProjection = Projection<string, any, any, any>
/** A row of a projection's view. */
export type ViewOf<P extends AnyProjection> = NonNullable<P['~types']>['view']
/** The indexes of a projection's view. */
export type IndexesOf<P extends AnyProjection> = NonNullable<P['~types']>['indexes']

const nameOfView = /^[a-z][a-z0-9_-]{0,62}$/

/** Names of projections, handlers and processes become tables, keys and spans: kebab-case, at most 63 characters. */
export function assertPartName(what: string, name: unknown): void {
  if (typeof name !== 'string' || !nameOfView.test(name)) {
    throw new DefinitionError(`${what} ${JSON.stringify(name)}: a name has 1–63 lower-case letters, digits, "-" and "_", a letter first.`)
  }
}

/**
 * Defines a projection: which rows an event changes, and how.
 *
 * @param name  kebab-case, unique in the app.
 * @param definition.key      the row's key, several keys, or `undefined` for none.
 * @param definition.indexes  the fields that `where` and `orderBy` may name.
 * @throws DefinitionError (`ES_DEFINITION`)
 * @example
 * const balances = projection('balances', {
 *   events: [MoneyDeposited],
 *   consistency: 'transactional',
 *   key: (event) => event.subject,
 *   initial: () => ({ balance: 0 }),
 *   evolve: { MoneyDeposited: (row, { data }) => ({ balance: row.balance + data.amount }) },
 *   indexes: { balance: 'number' },
 * })
 */
export function projection<
  const N extends string,
  ET extends AnyEventType,
  V,
  const C extends Consistency,
  const X extends Indexes<V> = {},
>(
  name: N,
  definition: {
    readonly events: readonly ET[]
    readonly consistency: C
    /** Which rows an event changes. */
    readonly key: (event: SeenEvent<C, EventOf<ET>>) => string | readonly string[] | undefined
    readonly initial: () => V
    readonly evolve: RowEvolvers<C, EventOf<ET>, V>
    readonly indexes?: X
    /** Raise it when `evolve` depends on code that it only calls; a changed fold is noticed by its own source alone. */
    readonly version?: number
    /** Async only: in how many parts it can be worked on at the same time, by one process or by several; 1–64, default 1. */
    readonly partitions?: number
    /** Async only: what becomes of the view when the fold has changed. Default: `defaults.subscriptions.rebuild`, which is `'manual'`. */
    readonly rebuild?: RebuildPolicy
    /** Async only: keeps the rows somewhere else than in the store. `list` and `indexes` are not there then: ask the model itself. */
    readonly readModel?: C extends 'async' ? ReadModel : TypeProblem<'A read model is filled after the commit: make the projection async.'>
    /** Async only: where it begins when it was never started before. Default `'beginning'`; anywhere else the view has a part of the story. */
    readonly startFrom?: StartFrom
  },
): Projection<N, V, C, X> {
  assertPartName('Projection', name)
  assertFold(`Projection ${name}`, definition)
  assertConsistency(`Projection ${name}`, definition.consistency)
  if (typeof definition.key !== 'function') throw new DefinitionError(`Projection ${name} needs key: (event) => the key of its row.`)
  for (const [field, type] of Object.entries(definition.indexes ?? {})) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(field))
      throw new DefinitionError(`Projection ${name}: the indexed field "${field}" must be an identifier.`)
    if (type !== 'text' && type !== 'number') throw new DefinitionError(`Projection ${name}: index ${field} must be 'text' or 'number'.`)
  }
  assertPartitions(`Projection ${name}`, definition.partitions)
  if (definition.readModel !== undefined) assertReadModel(`Projection ${name}`, definition)
  assertStartFrom(`Projection ${name}`, definition.startFrom)
  if ((definition.partitions || definition.startFrom || definition.rebuild) && definition.consistency !== 'async')
    throw new DefinitionError(`Projection ${name}: partitions, startFrom and rebuild need 'async'.`)
  assertRebuild(`Projection ${name}`, definition.rebuild)
  return { kind: 'projection', name, ...definition } as never
}

/** Refuses what is no number of parts. */
export function assertPartitions(what: string, partitions: number | undefined): void {
  if (partitions === undefined || (Number.isInteger(partitions) && partitions > 0 && partitions <= 64)) return
  throw new DefinitionError(`${what}: partitions must be a whole number from 1 to 64.`)
}

/** Refuses what is no policy. */
export function assertRebuild(what: string, rebuild: unknown): void {
  if (rebuild !== undefined && rebuild !== 'manual' && rebuild !== 'auto')
    throw new DefinitionError(`${what}: rebuild must be 'manual' or 'auto', not ${JSON.stringify(rebuild)}.`)
}

/** Refuses anything but the two words. */
export function assertConsistency(what: string, consistency: unknown): void {
  if (consistency !== 'transactional' && consistency !== 'async') {
    throw new DefinitionError(`${what}: consistency must be 'transactional' or 'async', not ${JSON.stringify(consistency)}.`)
  }
}

function assertReadModel(
  what: string,
  { readModel, consistency, indexes }: { readonly readModel?: unknown; readonly consistency: Consistency; readonly indexes?: object },
): void {
  const model = readModel as Partial<ReadModel> | null
  if (typeof model?.get !== 'function' || typeof model.write !== 'function' || typeof model.checkpoints !== 'function')
    throw new DefinitionError(`${what}: readModel needs get, write and checkpoints.`)
  if (consistency !== 'async' || indexes) throw new DefinitionError(`${what}: a readModel needs 'async', and has no indexes.`)
}
