/** Runs statements that users wrote, inside a transaction that is not theirs to end. */
import { DefinitionError } from '../../core/errors.ts'
import type { SqlStatement } from '../../core/sql.ts'
import type { PgClient } from './pg.ts'
import { postgresText } from './sql-text.ts'

const comments = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)+/
const notTheirs = /^(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction|vacuum|listen|discard)\b/i

/**
 * The rows that a statement answers with, if any.
 *
 * @throws DefinitionError (`ES_DEFINITION`) it would end the transaction, or change the connection.
 */
export async function runStatement(client: PgClient, statement: SqlStatement): Promise<readonly Record<string, unknown>[]> {
  const text = postgresText(statement)
  const word = notTheirs.exec(text.replace(comments, ''))?.[0]
  if (word)
    throw new DefinitionError(`A statement here may not be ${word.toUpperCase()}: the transaction and the connection belong to the store.`)
  const { rows } = await client.query({ text, values: statement.values })
  return (rows ?? []) as readonly Record<string, unknown>[]
}
