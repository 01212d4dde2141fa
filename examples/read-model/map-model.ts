/** Rows in a Map: gone with the process, and made again from the log at its next start. For one process. */
import type { ReadModel, ReadModelRow } from 'dacapo'

export function mapModel(): ReadModel {
  const rows = new Map<string, ReadModelRow>()
  const checkpoints = new Map<string, Record<string, number>>()
  const idOf = (...name: readonly string[]) => JSON.stringify(name)
  return {
    get: (view, tenant, key) => rows.get(idOf(view, tenant, key)),
    write(view, batch) {
      for (const { tenant, key, row, position } of batch.rows) {
        const id = idOf(view, tenant, key)
        // What is there already, or newer, stays.
        if (position > (rows.get(id)?.position ?? 0)) rows.set(id, { row, position })
      }
      const { share, position } = batch.checkpoint
      checkpoints.set(view, { ...checkpoints.get(view), [share]: position })
    },
    checkpoints: (view) => checkpoints.get(view) ?? {},
  }
}
