/** How what is asked of the log is found. */
import type { ReadAllOptions } from '../../core/event-store.ts'
import type { SqlStatement } from '../../core/sql.ts'
import type { Dialect } from './dialect.ts'
import { eventColumns } from './event-rows.ts'
import { fragment, join, literal } from './fragment.ts'
import { hasTags, matchingAny, positionsOf, type Range } from './query-sql.ts'

/** A way to find events. */
export interface LogSource {
  /** The first `size` events of a range that match, all columns. */
  page(range: Range, size: number): SqlStatement
  /** How much of a range one statement should look at: all of it where an index leads, else at most so many positions. */
  piece(range: Range, longestWalk: number): Range
}

/** The way to find what is asked for. */
export function logSource(dialect: Dialect, options: ReadAllOptions): LogSource {
  const { tenant, query = [], category, correlationId, backwards = false } = options
  const direction = literal(backwards ? 'DESC' : 'ASC')
  const conditions = [
    ...(category === undefined ? [] : [inCategory('e.stream', category)]),
    ...(tenant === undefined ? [] : [fragment`e.tenant = ${tenant}`]),
    ...(correlationId === undefined ? [] : [fragment`e.correlation_id = ${correlationId}`]),
  ]

  const ordered = (from: string, where: readonly SqlStatement[], { after, to }: Range, size: number) =>
    fragment`SELECT ${literal(eventColumns)} FROM ${literal(from)}
      WHERE ${join([fragment`e.position > ${after}`, fragment`e.position <= ${to}`, ...where], ' AND ')}
      ORDER BY e.position ${direction} LIMIT ${size}`

  if (tenant !== undefined && correlationId === undefined && query.length > 0 && query.every(hasTags)) {
    return {
      page(range, size) {
        const items = query.map((item) => {
          const where = join([positionsOf(dialect, tenant, item, range), ...conditions], ' AND ')
          return fragment`SELECT * FROM (${where} ORDER BY e.position ${direction} LIMIT ${size}) AS item`
        })
        return ordered(`${dialect.events} e`, [fragment`e.position IN (${join(items, ' UNION ')})`], range, size)
      },
      piece: (range) => range,
    }
  }
  const where = [...conditions, matchingAny(dialect, query)]
  const from = correlationId === undefined ? dialect.eventsByPosition : dialect.eventsByCorrelation
  return {
    page: (range, size) => ordered(from, where, range, size),
    piece({ after, to }, longestWalk) {
      if (correlationId !== undefined) return { after, to }
      return backwards ? { after: Math.max(after, to - longestWalk), to } : { after, to: Math.min(to, after + longestWalk) }
    },
  }
}

/** A category is the part before the first hyphen; the character after "-" is ".". */
export function inCategory(column: string, category: string): SqlStatement {
  return fragment`${literal(column)} >= ${`${category}-`} AND ${literal(column)} < ${`${category}.`}`
}
