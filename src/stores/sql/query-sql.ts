/** Queries over types and tags as SQL; every name in them is a parameter. */
import type { Query, QueryItem } from '../../core/query.ts'
import type { SqlStatement } from '../../core/sql.ts'
import type { Dialect } from './dialect.ts'
import { fragment, join, list, literal } from './fragment.ts'

/** A part of the log: positions above `after`, up to and including `to`. */
export interface Range {
  readonly after: number
  readonly to: number
}

/** Whether an item of a query names a tag, so that the tag table leads to what matches. */
export const hasTags = ({ tags }: QueryItem): boolean => tags !== undefined && tags.length > 0

/** Positions of events that match an item with tags: the first tag is walked, the others are looked up. */
export function positionsOf(dialect: Dialect, tenant: string, { types, tags = [] }: QueryItem, range: Range): SqlStatement {
  const others = tags.slice(1).map((tag) => fragment` AND ${hasTag(dialect, tag)}`)
  return fragment`SELECT e.position FROM ${literal(dialect.tags)} t ${literal(dialect.join)} ${literal(dialect.events)} e ON e.position = t.position
    WHERE t.tenant = ${tenant} AND t.tag = ${tags[0] as string} AND t.position > ${range.after} AND t.position <= ${range.to}
    AND ${hasType(types)}${join(others, '')}`
}

/** A condition on the event `e`: whether it matches the query. */
export function matchingAny(dialect: Dialect, query: Query): SqlStatement {
  const items = query.map((item) => matching(dialect, item))
  return items.length === 0 ? literal('TRUE') : fragment`(${join(items, ' OR ')})`
}

/** The same for one item. */
export function matching(dialect: Dialect, { types, tags = [] }: QueryItem): SqlStatement {
  return join([hasType(types), ...tags.map((tag) => hasTag(dialect, tag))], ' AND ')
}

const hasType = (types: readonly string[] | undefined): SqlStatement =>
  types && types.length > 0 ? fragment`e.type IN (${list(types)})` : literal('TRUE')

const hasTag = ({ tags }: Dialect, tag: string): SqlStatement =>
  fragment`EXISTS (SELECT 1 FROM ${literal(tags)} o WHERE o.tenant = e.tenant AND o.tag = ${tag} AND o.position = e.position)`
