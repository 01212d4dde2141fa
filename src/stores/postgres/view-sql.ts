/** Questions to a view as SQL: how fields of a row compare, and the indexes that make it fast. */
import { createHash } from 'node:crypto'
import { DefinitionError } from '../../core/errors.ts'
import type { IndexType } from '../../core/projection.ts'
import type { SqlStatement } from '../../core/sql.ts'
import type { Comparison, ListRows, Scalar, ViewCursor, ViewDefinition } from '../../core/view-store.ts'
import { fragment, join, literal } from '../sql/fragment.ts'

/** The rows that match, sorted. The view's name stands in the text, because an index is only used when the planner sees it there. */
export function listStatement(schema: string, tenant: string, definition: ViewDefinition, question: ListRows): SqlStatement {
  const { where, orderBy, descending, limit, after } = question
  const conditions = [
    fragment`tenant = ${tenant}`,
    literal(`view = ${quotedName(definition.view)}`),
    literal('row IS NOT NULL'),
    ...where.map(([field, comparison]) => holds(typeOf(definition, field), field, comparison)),
  ]
  const type = orderBy === undefined ? undefined : typeOf(definition, orderBy)
  const sorted = orderBy !== undefined && type ? literal(valueOfField(orderBy, type)) : undefined
  if (after)
    conditions.push(sorted && type ? behind(sorted, parameter(after.value, type), after, descending) : beyondKey(after.key, descending))
  const direction = literal(descending ? 'DESC' : 'ASC')
  const order = sorted
    ? fragment`${sorted} ${direction} ${literal(descending ? 'NULLS LAST' : 'NULLS FIRST')}, key ${direction}`
    : fragment`key ${direction}`
  return fragment`SELECT key, row, row_version FROM ${literal(schema)}.view_rows
    WHERE ${join(conditions, ' AND ')} ORDER BY ${order} LIMIT ${limit}`
}

/** The name of the index for a field, within PostgreSQL's 63 bytes. */
export function indexName(view: string, field: string, type: IndexType): string {
  const name = `view_${checkedName(view)}.${checkedField(field)}.${type}`
  return name.length <= 63 ? name : `${name.slice(0, 40)}.${createHash('sha256').update(name).digest('hex').slice(0, 20)}`
}

/** Creates the index for a field, without keeping writers waiting. It holds the rows of its view only. */
export function createIndex(schema: string, view: string, field: string, type: IndexType): string {
  return `CREATE INDEX CONCURRENTLY IF NOT EXISTS "${indexName(view, field, type)}" ON ${schema}.view_rows
    (tenant, (${valueOfField(field, type)}) NULLS FIRST, key) WHERE view = ${quotedName(view)} AND row IS NOT NULL`
}

/** The value of a field; null when it is missing, null or of another type. Letter by letter the same as in the index. */
function valueOfField(field: string, type: IndexType): string {
  const json = `(row -> '${checkedField(field)}')`
  const text = `(row ->> '${checkedField(field)}')`
  // A character 0 in a text cannot be told apart from the end of it, so PostgreSQL has no such text.
  return type === 'text'
    ? `(CASE WHEN json_typeof${json} = 'string' AND strpos(${json}::text, '\\u0000') = 0 THEN ${text} END COLLATE "C")`
    : `(CASE WHEN json_typeof${json} = 'number' THEN ${text}::float8 END)`
}

/** A value of the declared type, or nothing. */
function parameter(value: Scalar, type: IndexType): SqlStatement | undefined {
  if (type === 'text') return typeof value === 'string' ? fragment`${value}::text` : undefined
  return typeof value === 'number' && Number.isFinite(value) ? fragment`${value}::float8` : undefined
}

const never = literal('false')

function holds(type: IndexType, field: string, comparison: Comparison): SqlStatement {
  const value = literal(valueOfField(field, type))
  if (typeof comparison !== 'object' || comparison === null) return equal(value, comparison, type)
  const conditions = [literal('true')]
  if (comparison.in) conditions.push(isOneOf(value, comparison.in, type))
  for (const [bound, operator] of [
    ['lt', '<'],
    ['lte', '<='],
    ['gt', '>'],
    ['gte', '>='],
  ] as const) {
    const limit = comparison[bound]
    if (limit === undefined) continue
    const compared = parameter(limit, type)
    conditions.push(compared ? fragment`${value} ${literal(operator)} ${compared}` : never)
  }
  return fragment`(${join(conditions, ' AND ')})`
}

function equal(value: SqlStatement, wanted: Scalar, type: IndexType): SqlStatement {
  if (wanted === null) return fragment`${value} IS NULL`
  const compared = parameter(wanted, type)
  return compared ? fragment`${value} = ${compared}` : never
}

function isOneOf(value: SqlStatement, wanted: readonly Scalar[], type: IndexType): SqlStatement {
  const parameters = wanted.map((one) => (one === null ? undefined : parameter(one, type))).filter((one) => one !== undefined)
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

function checkedName(view: string): string {
  if (!/^[a-z][a-z0-9_-]*$/.test(view)) throw new DefinitionError(`${JSON.stringify(view)} is not the name of a view.`)
  return view
}

function checkedField(field: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(field)) throw new DefinitionError(`${JSON.stringify(field)} is not the name of a field.`)
  return field
}

const quotedName = (view: string): string => `'${checkedName(view)}'`
