/** Answers a question to a view: the reference for how values compare. */

import { byCodePoint } from '../../core/code-point-order.ts'
import { DefinitionError } from '../../core/errors.ts'
import type { IndexType } from '../../core/projection.ts'
import type { Comparison, ListRows, Scalar, ViewCursor, ViewDefinition, ViewRow } from '../../core/view-store.ts'
import type { KeptRow } from './layer.ts'

/** A row with the value that it is sorted by. */
type Sorted = ViewCursor & { readonly kept: KeptRow }

/** The rows that match, sorted, at most `limit`. */
export function listRows(rows: Iterable<KeptRow>, definition: ViewDefinition, question: ListRows): readonly ViewRow[] {
  const { where, orderBy, descending, limit, after } = question
  const types = new Map(
    [...where.map(([field]) => field), ...(orderBy ? [orderBy] : [])].map((field) => [field, typeOf(definition, field)]),
  )
  const found: Sorted[] = []
  for (const kept of rows) {
    if (kept.row === null) continue
    const row: unknown = types.size > 0 ? JSON.parse(kept.row) : undefined
    if (!where.every(([field, comparison]) => holds(fieldOf(row, field, types.get(field)!), comparison))) continue
    found.push({ key: kept.key, value: orderBy ? fieldOf(row, orderBy, types.get(orderBy)!) : null, kept })
  }
  const direction = descending ? -1 : 1
  const compare = (a: ViewCursor, b: ViewCursor) => direction * (compareValues(a.value, b.value) || byCodePoint(a.key, b.key))
  const start = after && { key: after.key, value: orderBy ? ofType(after.value, types.get(orderBy)!) : null }
  return found
    .filter((row) => !start || compare(row, start) > 0)
    .sort(compare)
    .slice(0, limit)
    .map(({ kept: { key, row, rowVersion } }) => ({ key, row: row!, rowVersion }))
}

function typeOf({ view, indexes }: ViewDefinition, field: string): IndexType {
  if (!Object.hasOwn(indexes, field))
    throw new DefinitionError(`View ${view} cannot be searched or sorted by "${field}": add it to the indexes of its projection.`)
  return indexes[field]!
}

/** The value of a field; missing, null and values of another type are all null. */
function fieldOf(row: unknown, field: string, type: IndexType): Scalar {
  return typeof row === 'object' && row !== null && Object.hasOwn(row, field) ? ofType((row as Record<string, unknown>)[field], type) : null
}

const ofType = (value: unknown, type: IndexType): Scalar =>
  (type === 'text' && typeof value === 'string') || (type === 'number' && typeof value === 'number') ? value : null

/** A bound never matches a missing value; `null` matches nothing else. */
function holds(value: Scalar, comparison: Comparison): boolean {
  if (typeof comparison !== 'object' || comparison === null) return value === comparison
  const { in: oneOf, lt, lte, gt, gte } = comparison
  if (oneOf && !oneOf.includes(value)) return false
  if (lt !== undefined && !(isComparable(value, lt) && compareValues(value, lt) < 0)) return false
  if (lte !== undefined && !(isComparable(value, lte) && compareValues(value, lte) <= 0)) return false
  if (gt !== undefined && !(isComparable(value, gt) && compareValues(value, gt) > 0)) return false
  return gte === undefined || (isComparable(value, gte) && compareValues(value, gte) >= 0)
}

const isComparable = (value: Scalar, bound: string | number): boolean => typeof value === typeof bound

/** Null first, numbers as doubles, text by code point. Both are of one type, or null. */
function compareValues(a: Scalar, b: Scalar): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  return typeof a === 'string' && typeof b === 'string' ? byCodePoint(a, b) : Number(a) - Number(b)
}
