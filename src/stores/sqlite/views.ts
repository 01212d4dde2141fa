/** Views in SQLite. */
import type { IndexType } from '../../core/projection.ts'
import type { BuiltRow, ViewDefinition, ViewStore } from '../../core/view-store.ts'
import { listStatement } from '../sql/view-question.ts'
import { dialect } from './dialect.ts'
import type { Handle } from './handle.ts'
import { type Read, readAll } from './read.ts'
import { select } from './select.ts'
import { createIndex, indexName } from './view-indexes.ts'

/** A write transaction that is open over awaits. */
export interface OpenTransaction {
  readonly handle: Handle
  commit(): void
  rollback(): void
}

/** The views of a store. */
export function viewStore(read: Read, begin: () => Promise<OpenTransaction>): ViewStore {
  return {
    get: (tenant, view, key) => read((handle) => getRow(handle, tenant, view, key)),
    list: (tenant, definition, question) =>
      read((handle) =>
        select(handle, listStatement(dialect, tenant, definition, question)).map(([key, row, rowVersion]) => ({
          key: key as string,
          row: row as string,
          rowVersion: rowVersion as number,
        })),
      ),
    defined: () =>
      read((handle) =>
        handle.rows('SELECT view, fingerprint FROM dacapo_views ORDER BY view').map(([view, fingerprint]) => ({
          view: view as string,
          fingerprint: fingerprint as string,
        })),
      ),

    async define(definition) {
      const transaction = await begin()
      const { handle } = transaction
      try {
        if (!handle.first('SELECT 1 FROM dacapo_views WHERE view = ?', definition.view)) register(handle, definition)
        transaction.commit()
      } catch (error) {
        transaction.rollback()
        throw error
      }
    },

    async rebuild(definition, build) {
      let transaction: OpenTransaction | undefined
      const locked = async () => {
        transaction ??= await begin()
        return transaction.handle
      }
      try {
        const built = await build(wholeLog())
        replace(await locked(), definition, built)
        transaction?.commit()
      } catch (error) {
        transaction?.rollback()
        throw error
      }

      /** Catches up while appends go on, then reads what has come meanwhile with nobody else writing. */
      async function* wholeLog() {
        let after = 0
        for await (const page of readAll(read)) {
          yield page
          after = page.position
        }
        const handle = await locked()
        yield* readAll(async (work) => work(handle), { after })
      }
    },
  }
}

/** A row; `row` is null for a deleted key. */
export function getRow(
  handle: Handle,
  tenant: string,
  view: string,
  key: string,
): { readonly row: string | null; readonly rowVersion: number } | undefined {
  const found = handle.first('SELECT row, row_version FROM dacapo_view_rows WHERE tenant = ? AND view = ? AND key = ?', tenant, view, key)
  return found && { row: found[0] as string | null, rowVersion: found[1] as number }
}

function replace(handle: Handle, definition: ViewDefinition, built: readonly BuiltRow[]): void {
  const { view } = definition
  const before = handle.first('SELECT indexes FROM dacapo_views WHERE view = ?', view)?.[0]
  // An index is cheaper to fill at the end than to keep row by row.
  for (const [field, type] of entries(JSON.parse(String(before ?? '{}'))))
    handle.exec(`DROP INDEX IF EXISTS ${indexName(view, field, type)}`)
  // Every key that was ever written gets a new row version: a fold that started from the old rows must not fit.
  handle.run('UPDATE dacapo_view_rows SET row = NULL, row_version = row_version + 1 WHERE view = ?', view)
  for (const { tenant, key, row } of built) {
    handle.run(
      `INSERT INTO dacapo_view_rows (tenant, view, key, row_version, row) VALUES (?, ?, ?, 1, ?)
       ON CONFLICT (tenant, view, key) DO UPDATE SET row = excluded.row`,
      tenant,
      view,
      key,
      row,
    )
  }
  register(handle, definition)
}

function register(handle: Handle, { view, indexes, fingerprint }: ViewDefinition): void {
  for (const [field, type] of entries(indexes)) handle.exec(createIndex(view, field, type))
  handle.run(
    'INSERT OR REPLACE INTO dacapo_views (view, fingerprint, indexes) VALUES (?, ?, ?)',
    view,
    fingerprint,
    JSON.stringify(indexes),
  )
}

const entries = (indexes: Readonly<Record<string, IndexType>>): readonly [string, IndexType][] => Object.entries(indexes)
