/** Runs statements that users wrote, inside a transaction that is not theirs to end. */
import type { SqlStatement, SqlValue } from '../../core/sql.ts'
import { assertWithin } from '../sql/assert-within.ts'
import { textOf } from '../sql/fragment.ts'
import type { Handle } from './handle.ts'
import type { SqliteValue } from './sqlite-database.ts'

const notTheirs = /^(?:begin|commit|end|rollback|savepoint|release|attach|detach|pragma|vacuum)\b/i

/** The text of a statement as SQLite writes parameters. */
export const sqliteText = (statement: SqlStatement): string => textOf(statement, () => '?')

/**
 * The rows that a statement answers with, if any.
 *
 * @throws DefinitionError (`ES_DEFINITION`) it would end the transaction, or change the connection.
 */
export function runStatement(handle: Handle, statement: SqlStatement): readonly Record<string, unknown>[] {
  const text = sqliteText(statement)
  assertWithin(text, notTheirs)
  return handle.objects(text, ...statement.values.map(toSqlite))
}

/** SQLite has no booleans. */
export function toSqlite(value: SqlValue): SqliteValue {
  return typeof value === 'boolean' ? Number(value) : value
}
