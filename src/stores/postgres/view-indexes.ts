/** The indexes that make questions to a view fast. */
import { createHash } from 'node:crypto'
import type { IndexType } from '../../core/projection.ts'
import { checkedField, checkedName, quotedName } from '../sql/view-question.ts'
import { fieldOf } from './dialect.ts'

/** The name of the index for a field, within PostgreSQL's 63 bytes. */
export function indexName(view: string, field: string, type: IndexType): string {
  const name = `view_${checkedName(view)}.${checkedField(field)}.${type}`
  return name.length <= 63 ? name : `${name.slice(0, 40)}.${createHash('sha256').update(name).digest('hex').slice(0, 20)}`
}

/** Creates the index for a field, without keeping writers waiting. It holds the rows of its view only. */
export function createIndex(schema: string, view: string, field: string, type: IndexType): string {
  return `CREATE INDEX CONCURRENTLY IF NOT EXISTS "${indexName(view, field, type)}" ON ${schema}.view_rows
    (tenant, (${fieldOf(field, type)}) NULLS FIRST, key) WHERE view = ${quotedName(view)} AND row IS NOT NULL`
}
