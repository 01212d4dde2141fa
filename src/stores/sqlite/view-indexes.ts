/** The indexes that make questions to a view fast. */
import type { IndexType } from '../../core/projection.ts'
import { checkedField, checkedName, quotedName } from '../sql/view-question.ts'
import { dialect } from './dialect.ts'

/** The name of the index for a field, as an SQL identifier. Names are compared without regard to case there, fields are not. */
export function indexName(view: string, field: string, type: IndexType): string {
  return `"dacapo_view_${checkedName(view)}.${checkedField(field).replace(/[A-Z]/g, (letter) => `^${letter}`)}.${type}"`
}

/** Creates the index for a field. It holds the rows of its view only. */
export function createIndex(view: string, field: string, type: IndexType): string {
  return `CREATE INDEX IF NOT EXISTS ${indexName(view, field, type)} ON dacapo_view_rows (tenant, ${dialect.field(field, type)}, key)
    WHERE view = ${quotedName(view)} AND row IS NOT NULL`
}
