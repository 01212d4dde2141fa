/** Ends a transaction so that it is written, or says that it is not. */
import { StoreUnavailableError } from '../../core/errors.ts'
import type { PgClient } from './pg.ts'

/** @throws StoreUnavailableError a statement had failed before, so the transaction can only be undone; PostgreSQL does that without an error. */
export async function commit(client: PgClient): Promise<void> {
  const { command } = await client.query('COMMIT')
  if (command !== 'ROLLBACK') return
  const message = 'PostgreSQL undid the transaction, because one of its statements had failed. Nothing of it was written.'
  throw new StoreUnavailableError('postgres', message, { retryable: false })
}
