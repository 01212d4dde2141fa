/**
 * Statements that are sent often are prepared once a connection: the server need not read and plan them each time.
 *
 * Poolers that hand out connections by the transaction may not know of them. Then the server says so before anything is done, the
 * statement is sent as it is, and from then on always.
 *
 * For calls of functions only: the server keeps a plan, also one that was made when a table was still empty.
 */
import { hash53 } from '../../core/fingerprint.ts'
import { sqlState } from './driver-errors.ts'
import { type PgClient, type Row, rowsOf } from './pg.ts'

/** Runs a statement that is sent often. Not in a transaction of more than this statement: the server's refusal would end that. */
export type Prepared = (client: PgClient, text: string, values: readonly unknown[]) => Promise<readonly Row[]>

/** For one store, which is behind one pooler or behind none. */
export function preparedStatements(): Prepared {
  const names = new Map<string, string>()
  let isKnown = true

  /** The same for the same text, so that several stores may share a pool. */
  function nameOf(text: string): string {
    const known = names.get(text)
    if (known !== undefined) return known
    const name = `dacapo_${hash53(text)}`
    names.set(text, name)
    return name
  }

  return async (client, text, values) => {
    if (!isKnown) return rowsOf(client, text, values)
    try {
      return await rowsOf(client, text, values, nameOf(text))
    } catch (error) {
      if (!isUnknown(error)) throw error
      isKnown = false
      return rowsOf(client, text, values)
    }
  }
}

/** There is no such statement on this connection, or already another one of that name: nothing was done. */
const isUnknown = (error: unknown): boolean => ['26000', '42P05'].includes(sqlState(error) ?? '')
