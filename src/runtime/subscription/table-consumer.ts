/** Async table projections: the statements of all events of a batch, run in order in the commit of the step. */
import type { ProjectionStatement } from '../../core/sql.ts'
import type { TableProjection } from '../../core/table-projection.ts'
import { statementsOf } from '../view/transactional-views.ts'
import type { Consumer } from './subscription.ts'

/** Statements may concern whatever they like, so all events are of one key: they come one after the other. */
export function tableConsumer(table: TableProjection): Consumer {
  return {
    keysOf: () => [''],
    begin() {
      const statements: ProjectionStatement[] = []
      return {
        handle({ event }) {
          statements.push(...statementsOf(table, event))
        },
        gathered: () => ({ statements }),
      }
    },
    forget() {},
  }
}
