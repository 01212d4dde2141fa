/** Runs statements that users wrote, inside a transaction that is not theirs to end. */
import { DefinitionError } from '../../core/errors.ts'
import type { SqlStatement, SqlValue } from '../../core/sql.ts'
import { textOf } from '../sql/fragment.ts'
import type { Handle } from './handle.ts'
import type { SqliteValue } from './sqlite-database.ts'

const comments = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)+/
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
  const word = notTheirs.exec(text.replace(comments, ''))?.[0]
  if (word)
    throw new DefinitionError(`A statement here may not be ${word.toUpperCase()}: the transaction and the connection belong to the store.`)
  return handle.objects(text, ...statement.values.map(toSqlite))
}

/** SQLite has no booleans. */
export function toSqlite(value: SqlValue): SqliteValue {
  return typeof value === 'boolean' ? Number(value) : value
}
