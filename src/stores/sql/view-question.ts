/** Questions to a view as SQL: which rows match, and in which order. */
import { DefinitionError } from '../../core/errors.ts'
import type { IndexType } from '../../core/projection.ts'
import type { SqlStatement } from '../../core/sql.ts'
import { type Comparison, keptUnder, type ListRows, type Scalar, type ViewCursor, type ViewDefinition } from '../../core/view-store.ts'
import type { Dialect } from './dialect.ts'
import { fragment, join, literal } from './fragment.ts'

/**
 * The rows that match, sorted; none when another generation is live. The name under which they are kept stands in the text, because an
 * index is only used when the planner sees it there.
 */
export function listStatement(
  dialect: Dialect,
  tenant: string,
  definition: ViewDefinition,
  generation: number,
  question: ListRows,
): SqlStatement {
  const { where, orderBy, descending, limit, after } = question
  const conditions = [
    fragment`tenant = ${tenant}`,
    literal(`view = ${quotedName(keptUnder(definition.view, generation))}`),
    fragment`${liveGeneration(dialect, definition.view)} = ${literal(String(generation))}`,
    literal('row IS NOT NULL'),
    ...where.map(([field, comparison]) => holds(dialect, typeOf(definition, field), field, comparison)),
  ]
  const type = orderBy === undefined ? undefined : typeOf(definition, orderBy)
  const sorted = orderBy !== undefined && type ? literal(dialect.field(checkedField(orderBy), type)) : undefined
  if (after)
    conditions.push(
      sorted && type ? behind(sorted, dialect.comparable(after.value, type), after, descending) : beyondKey(after.key, descending),
    )
  const direction = literal(descending ? 'DESC' : 'ASC')
  const order = sorted
    ? fragment`${sorted} ${direction} ${literal(descending ? 'NULLS LAST' : 'NULLS FIRST')}, key ${direction}`
    : fragment`key ${direction}`
  return fragment`SELECT key, row, row_version FROM ${literal(dialect.viewRows)}
    WHERE ${join(conditions, ' AND ')} ORDER BY ${order} LIMIT ${limit}`
}

/** Which generation of a view's rows is live, as an expression. */
export const liveGeneration = ({ generations }: Dialect, view: string): SqlStatement =>
  fragment`coalesce((SELECT generation FROM ${literal(generations)} WHERE view = ${view}), 0)`

const never = literal('FALSE')

function holds(dialect: Dialect, type: IndexType, field: string, comparison: Comparison): SqlStatement {
  const value = literal(dialect.field(checkedField(field), type))
  if (typeof comparison !== 'object' || comparison === null) return equal(dialect, value, comparison, type)
  const conditions = [literal('TRUE')]
  if (comparison.in) conditions.push(isOneOf(dialect, value, comparison.in, type))
  for (const [bound, operator] of [
    ['lt', '<'],
    ['lte', '<='],
    ['gt', '>'],
    ['gte', '>='],
  ] as const) {
    const limit = comparison[bound]
    if (limit === undefined) continue
    const compared = dialect.comparable(limit, type)
    conditions.push(compared ? fragment`${value} ${literal(operator)} ${compared}` : never)
  }
  return fragment`(${join(conditions, ' AND ')})`
}

function equal(dialect: Dialect, value: SqlStatement, wanted: Scalar, type: IndexType): SqlStatement {
  if (wanted === null) return fragment`${value} IS NULL`
  const compared = dialect.comparable(wanted, type)
  return compared ? fragment`${value} = ${compared}` : never
}

function isOneOf(dialect: Dialect, value: SqlStatement, wanted: readonly Scalar[], type: IndexType): SqlStatement {
  const parameters = wanted.map((one) => (one === null ? undefined : dialect.comparable(one, type))).filter((one) => one !== undefined)
  const among = parameters.length > 0 ? fragment`${value} IN (${join(parameters, ', ')})` : never
  return wanted.includes(null) ? fragment`(${among} OR ${value} IS NULL)` : among
}

/** What comes behind the cursor. Null is first, so ascending everything else is behind it, and descending it is behind everything. */
function behind(sorted: SqlStatement, value: SqlStatement | undefined, { key }: ViewCursor, descending: boolean): SqlStatement {
  if (!value) {
    const sameValue = fragment`(${sorted} IS NULL AND ${beyondKey(key, descending)})`
    return descending ? sameValue : fragment`(${sameValue} OR ${sorted} IS NOT NULL)`
  }
  const further = fragment`${sorted} ${literal(descending ? '<' : '>')} ${value}`
  const sameValue = fragment`(${sorted} = ${value} AND ${beyondKey(key, descending)})`
  return descending ? fragment`(${further} OR ${sameValue} OR ${sorted} IS NULL)` : fragment`(${further} OR ${sameValue})`
}

const beyondKey = (key: string, descending: boolean): SqlStatement => fragment`key ${literal(descending ? '<' : '>')} ${key}`

function typeOf({ view, indexes }: ViewDefinition, field: string): IndexType {
  const type = Object.hasOwn(indexes, field) ? indexes[field] : undefined
  if (type === undefined)
    throw new DefinitionError(`View ${view} cannot be searched or sorted by "${field}": add it to the indexes of its projection.`)
  return type
}

/** The name of a view, or the one under which another generation of its rows is kept. @throws DefinitionError (`ES_DEFINITION`) */
export function checkedName(view: string): string {
  if (!/^[a-z][a-z0-9_-]*(@[0-9]+)?$/.test(view)) throw new DefinitionError(`${JSON.stringify(view)} is not the name of a view.`)
  return view
}

/** @throws DefinitionError (`ES_DEFINITION`) */
export function checkedField(field: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(field)) throw new DefinitionError(`${JSON.stringify(field)} is not the name of a field.`)
  return field
}

/** The name of a view as a text in SQL. @throws DefinitionError (`ES_DEFINITION`) */
export const quotedName = (view: string): string => `'${checkedName(view)}'`
