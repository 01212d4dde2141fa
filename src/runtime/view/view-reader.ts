/** Reading the rows of a view: one by its key, or a sorted page of them. */
import { type Duration, toCount, toMs } from '../../core/duration.ts'
import { DefinitionError, UnsupportedError, ValidationError } from '../../core/errors.ts'
import { fromJson } from '../../core/json.ts'
import type { AnyProjection, IndexType } from '../../core/projection.ts'
import type { Comparison, Scalar, ViewCursor, ViewDefinition } from '../../core/view-store.ts'
import type { Engine } from '../engine.ts'
import { viewDefinitionOf } from '../prepare-store.ts'
import { awaitPosition } from '../read/await-position.ts'
import { withPatience } from '../timeout.ts'

/** What a field of the type `T` can be compared with. */
export type Where<T> =
  | T
  | null
  | { readonly in?: readonly (T | null)[]; readonly lt?: T; readonly lte?: T; readonly gt?: T; readonly gte?: T }

/** The type that an indexed field is compared as. */
export type Compared<I> = I extends 'number' ? number : I extends 'text' ? string : never

/** Which rows, in which order. Only fields that the projection's `indexes` declare. */
export interface ListOptions<X> {
  readonly where?: { readonly [K in keyof X]?: Where<Compared<X[K]>> }
  /** Default: by key. Missing and null first, numbers as numbers, text by code point, ties by key. */
  readonly orderBy?: keyof X & string
  readonly descending?: boolean
  /** Default 100, at most 1,000. */
  readonly limit?: number
  /** The `next` of the page before. */
  readonly after?: string | undefined
}

/** A page of rows. */
export interface RowPage<V> {
  readonly rows: readonly { readonly key: string; readonly row: V }[]
  /** For the next page; absent when this is the last one. */
  readonly next: string | undefined
}

/** The rows of one view. */
export interface ViewReader<V, X> {
  /** One row. `atLeast` is a position that it must reflect, e.g. a receipt's: waits for it, 5 seconds by default, then TimedOutError. */
  get(key: string, options?: { readonly atLeast?: number; readonly timeout?: Duration }): Promise<V | undefined>
  list(options?: ListOptions<X>): Promise<RowPage<V>>
}

const mostRows = 1000

/** Reads the rows of a projection, in one tenant. */
export function makeViewReader(
  engine: Engine,
  projection: AnyProjection,
  tenant: string,
  during: <T>(read: () => Promise<T>) => Promise<T>,
): ViewReader<any, any> {
  const { store, clock } = engine
  const definition = viewDefinitionOf(projection)
  return {
    async get(key, { atLeast, timeout } = {}) {
      const timeoutMs = timeout === undefined ? engine.settings.waitTimeoutMs : toMs(timeout, 'timeout')
      const found = await during(async () => {
        // A transactional view is as new as the log: a row reflects a position as soon as that position exists.
        if (atLeast !== undefined && projection.consistency === 'async') {
          const { waitForRow } = await import('../subscription/wait-for.ts')
          await waitForRow(engine, projection.name, { tenant, key }, atLeast, timeoutMs)
        } else if (atLeast !== undefined) {
          const what = `view ${projection.name} at position ${atLeast}`
          await withPatience((late) => awaitPosition(store, atLeast, late), { timeoutMs, signal: undefined }, what, clock)
        }
        return projection.readModel ? projection.readModel.get(projection.name, tenant, key) : store.views.get(tenant, projection.name, key)
      })
      return found?.row == null ? undefined : fromJson(found.row)
    },
    async list(options = {}) {
      if (projection.readModel)
        throw new UnsupportedError(`View ${projection.name} is kept by a read model: ask that for more than one row.`)
      const { where = {}, orderBy, descending = false, limit = 100, after } = options
      if (toCount(limit, 'limit') > mostRows) throw new ValidationError('list', [`limit is at most ${mostRows}`])
      for (const [field, comparison] of Object.entries(where)) assertComparison(definition, field, comparison as Comparison)
      if (orderBy !== undefined) indexOf(definition, orderBy)
      const question = {
        where: Object.entries(where) as [string, Comparison][],
        orderBy,
        descending,
        limit: limit + 1, // one more tells whether there is a next page
        after: after === undefined ? undefined : toCursor(after, orderBy, definition),
      }
      const found = await during(() => store.views.list(tenant, definition, question))
      const rows = found.slice(0, limit).map(({ key, row }) => ({ key, row: fromJson(row) as Record<string, unknown> }))
      const last = rows.at(-1)
      return { rows, next: found.length > limit && last ? fromCursor(last, orderBy, definition) : undefined }
    },
  }
}

function indexOf({ view, indexes }: ViewDefinition, field: string): IndexType {
  const type = Object.hasOwn(indexes, field) ? indexes[field] : undefined
  if (type) return type
  const declared = Object.keys(indexes).join(', ') || 'none'
  throw new DefinitionError(`View ${view} has no index on "${field}" (it has: ${declared}): declare it in the projection's indexes.`)
}

function assertComparison(definition: ViewDefinition, field: string, comparison: Comparison): void {
  const type = indexOf(definition, field) === 'number' ? 'number' : 'string'
  const values: readonly unknown[] = typeof comparison === 'object' && comparison !== null ? Object.values(comparison).flat() : [comparison]
  const operators = typeof comparison === 'object' && comparison !== null ? Object.keys(comparison) : []
  const strange = operators.find((operator) => !['in', 'lt', 'lte', 'gt', 'gte'].includes(operator))
  if (strange) throw new ValidationError('where', [{ message: `unknown comparison "${strange}": use in, lt, lte, gt, gte`, path: [field] }])
  for (const value of values) {
    if (value !== null && typeof value !== type)
      throw new ValidationError('where', [{ message: `compare it with a ${type}, not ${String(value)}`, path: [field] }])
  }
}

function fromCursor(
  { key, row }: { key: string; row: Record<string, unknown> },
  orderBy: string | undefined,
  definition: ViewDefinition,
): string {
  const value = orderBy === undefined ? null : row[orderBy]
  return JSON.stringify([orderBy !== undefined && isOf(indexOf(definition, orderBy), value) ? value : null, key])
}

function toCursor(text: string, orderBy: string | undefined, definition: ViewDefinition): ViewCursor {
  try {
    const [value, key] = JSON.parse(text) as [Scalar, string]
    const fits = value === null || (orderBy !== undefined && isOf(indexOf(definition, orderBy), value))
    if (fits && typeof key === 'string') return { value, key }
  } catch {
    // Not JSON: refused below like any other text that no page handed out.
  }
  throw new ValidationError('after', ['it is not the `next` of a page in this order'])
}

const isOf = (type: IndexType, value: unknown): boolean => typeof value === (type === 'number' ? 'number' : 'string')
