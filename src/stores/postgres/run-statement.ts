/** Runs statements that users wrote, inside a transaction that is not theirs to end. */
import type { SqlStatement } from '../../core/sql.ts'
import { assertWithin } from '../sql/assert-within.ts'
import type { PgClient } from './pg.ts'
import { postgresText } from './sql-text.ts'

const notTheirs = /^(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction|vacuum|listen|discard)\b/i

/**
 * The rows that a statement answers with, if any.
 *
 * @throws DefinitionError (`ES_DEFINITION`) it would end the transaction, or change the connection.
 */
export async function runStatement(client: PgClient, statement: SqlStatement): Promise<readonly Record<string, unknown>[]> {
  const text = postgresText(statement)
  assertWithin(text, notTheirs)
  const { rows } = await client.query({ text, values: statement.values })
  return (rows ?? []) as readonly Record<string, unknown>[]
}
