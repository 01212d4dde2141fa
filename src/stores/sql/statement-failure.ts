/** What is said when a statement of the user's own fails. */
import { ProjectionFailedError } from '../../core/errors.ts'
import type { ProjectionStatement } from '../../core/sql.ts'

/** @param eventType  the event that led to it, where the statement belongs to no projection and does not know itself. */
export function statementFailure(
  statement: ProjectionStatement | undefined,
  error: unknown,
  eventType = 'an event',
): ProjectionFailedError {
  const { projection, eventType: type } = statement?.owner ?? { projection: 'with SQL statements', eventType }
  return new ProjectionFailedError(projection, type, error)
}
