/** Statements built out of parts, as PostgreSQL writes parameters. */
import type { SqlStatement } from '../../core/sql.ts'
import { textOf } from '../sql/fragment.ts'
import { type PgClient, type Row, rowsOf } from './pg.ts'

/** The text of a statement. */
export const postgresText = (statement: SqlStatement): string => textOf(statement, (n) => `$${n}`)

/** Runs a statement of the store's own. */
export function select(client: PgClient, statement: SqlStatement): Promise<readonly Row[]> {
  return rowsOf(client, postgresText(statement), statement.values)
}
