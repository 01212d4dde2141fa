/** PostgreSQL's side of the statements that SQL stores share. */
import type { Dialect } from '../sql/dialect.ts'
import { fragment } from '../sql/fragment.ts'

/** @param schema  its name, quoted. */
export const dialectOf = (schema: string): Dialect => ({
  events: `${schema}.events`,
  tags: `${schema}.tags`,
  viewRows: `${schema}.view_rows`,
  generations: `${schema}.generations`,
  eventsByPosition: `${schema}.events e`,
  eventsByCorrelation: `${schema}.events e`,
  join: 'JOIN',
  field: fieldOf,
  comparable(value, type) {
    if (type === 'text') return typeof value === 'string' ? fragment`${value}::text` : undefined
    return typeof value === 'number' && Number.isFinite(value) ? fragment`${value}::float8` : undefined
  },
})

/** A character 0 in a text cannot be told apart from the end of it, so PostgreSQL has no such text. */
export const fieldOf: Dialect['field'] = (name, type) => {
  const json = `(row -> '${name}')`
  const text = `(row ->> '${name}')`
  return type === 'text'
    ? `(CASE WHEN json_typeof${json} = 'string' AND strpos(${json}::text, '\\u0000') = 0 THEN ${text} END COLLATE "C")`
    : `(CASE WHEN json_typeof${json} = 'number' THEN ${text}::float8 END)`
}
