/** Queries over types and tags as SQL; every name in them is a parameter. */
import type { Query, QueryItem } from '../../core/query.ts'
import type { SqlStatement } from '../../core/sql.ts'
import { fragment, join, list, literal } from '../sql/fragment.ts'
import type { Handle, Row } from './handle.ts'
import { sqliteText, toSqlite } from './run-statement.ts'

/** Runs a statement of the store's own. */
export function select(handle: Handle, statement: SqlStatement): readonly Row[] {
  return handle.rows(sqliteText(statement), ...statement.values.map(toSqlite))
}

/** An upper bound that nothing exceeds. */
const unbounded = Number.MAX_SAFE_INTEGER

/** The lowest position above `after` that matches, or `undefined`. */
export function firstMatch(handle: Handle, tenant: string, query: Query, after: number): number | undefined {
  const items: Query = query.length === 0 ? [{}] : query
  let lowest: number | undefined
  for (const item of items) {
    const from = hasTags(item)
      ? positionsOf(tenant, item, { after, to: unbounded }, literal('1'))
      : fragment`SELECT e.position FROM dacapo_events e NOT INDEXED WHERE e.position > ${after} AND e.tenant = ${tenant} AND ${matching(item)}`
    const position = select(handle, fragment`${from} ORDER BY e.position LIMIT 1`)[0]?.[0]
    if (typeof position === 'number' && (lowest === undefined || position < lowest)) lowest = position
  }
  return lowest
}

/** Whether a query can be answered by the tag table alone: every alternative names a tag. */
export const isByTags = (query: Query): boolean => query.length > 0 && query.every(hasTags)

const hasTags = ({ tags }: QueryItem): boolean => tags !== undefined && tags.length > 0

/** Positions of events that match an item with tags: the first tag is walked, the others are looked up. */
export function positionsOf(
  tenant: string,
  { types, tags = [] }: QueryItem,
  range: { readonly after: number; readonly to: number },
  filter: SqlStatement,
): SqlStatement {
  const others = tags.slice(1).map((tag) => fragment` AND ${hasTag(tag)}`)
  return fragment`SELECT e.position FROM dacapo_tags t CROSS JOIN dacapo_events e ON e.position = t.position
    WHERE t.tenant = ${tenant} AND t.tag = ${tags[0] as string} AND t.position > ${range.after} AND t.position <= ${range.to}
    AND ${hasType(types)}${join(others, '')} AND ${filter}`
}

/** A condition on the event `e`: whether it matches the query. */
export function matchingAny(query: Query): SqlStatement {
  return query.length === 0 ? literal('1') : fragment`(${join(query.map(matching), ' OR ')})`
}

function matching({ types, tags = [] }: QueryItem): SqlStatement {
  return join([hasType(types), ...tags.map(hasTag)], ' AND ')
}

const hasType = (types: readonly string[] | undefined): SqlStatement =>
  types && types.length > 0 ? fragment`e.type IN (${list(types)})` : literal('1')

const hasTag = (tag: string): SqlStatement =>
  fragment`EXISTS (SELECT 1 FROM dacapo_tags o WHERE o.tenant = e.tenant AND o.tag = ${tag} AND o.position = e.position)`
