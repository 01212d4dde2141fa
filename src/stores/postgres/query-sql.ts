/** Queries over types and tags as SQL; every name in them is a parameter. */
import type { Query, QueryItem } from '../../core/query.ts'
import type { SqlStatement } from '../../core/sql.ts'
import { fragment, join, list, literal } from '../sql/fragment.ts'

/** Whether a query can be answered by the tag table alone: every alternative names a tag. */
export const isByTags = (query: Query): boolean => query.length > 0 && query.every(({ tags }) => tags !== undefined && tags.length > 0)

/** Positions of events that match an item with tags: the first tag is walked, the others are looked up. */
export function positionsOf(
  schema: string,
  tenant: string,
  { types, tags = [] }: QueryItem,
  range: { readonly after: number; readonly to: number },
  filter: SqlStatement,
): SqlStatement {
  const others = tags.slice(1).map((tag) => fragment` AND ${hasTag(schema, tag)}`)
  return fragment`SELECT e.position FROM ${literal(schema)}.tags t JOIN ${literal(schema)}.events e ON e.position = t.position
    WHERE t.tenant = ${tenant} AND t.tag = ${tags[0] as string} AND t.position > ${range.after} AND t.position <= ${range.to}
    AND ${hasType(types)}${join(others, '')} AND ${filter}`
}

/** A condition on the event `e`: whether it matches the query. */
export function matchingAny(schema: string, query: Query): SqlStatement {
  return query.length === 0
    ? literal('true')
    : fragment`(${join(
        query.map((item) => matching(schema, item)),
        ' OR ',
      )})`
}

function matching(schema: string, { types, tags = [] }: QueryItem): SqlStatement {
  return join([hasType(types), ...tags.map((tag) => hasTag(schema, tag))], ' AND ')
}

const hasType = (types: readonly string[] | undefined): SqlStatement =>
  types && types.length > 0 ? fragment`e.type IN (${list(types)})` : literal('true')

const hasTag = (schema: string, tag: string): SqlStatement =>
  fragment`EXISTS (SELECT FROM ${literal(schema)}.tags o WHERE o.tenant = e.tenant AND o.tag = ${tag} AND o.position = e.position)`
