/** SQLite's side of the statements that SQL stores share. */
import type { Dialect } from '../sql/dialect.ts'
import { fragment } from '../sql/fragment.ts'

export const dialect: Dialect = {
  events: 'dacapo_events',
  tags: 'dacapo_tags',
  viewRows: 'dacapo_view_rows',
  generations: 'dacapo_generations',
  eventsByPosition: 'dacapo_events e NOT INDEXED',
  eventsByCorrelation: 'dacapo_events e INDEXED BY dacapo_events_correlation',
  join: 'CROSS JOIN',
  field(name, type) {
    const path = `'$.${name}'`
    return type === 'text'
      ? `CASE json_type(row, ${path}) WHEN 'text' THEN json_extract(row, ${path}) END`
      : `CASE WHEN json_type(row, ${path}) IN ('integer', 'real') THEN CAST(json_extract(row, ${path}) AS REAL) END`
  },
  /** A number goes through JSON as the rows do, so that both are read alike to the last bit. */
  comparable(value, type) {
    if (type === 'text') return typeof value === 'string' ? fragment`${value}` : undefined
    return typeof value === 'number' && Number.isFinite(value)
      ? fragment`CAST(json_extract(${JSON.stringify(value)}, '$') AS REAL)`
      : undefined
  },
}
