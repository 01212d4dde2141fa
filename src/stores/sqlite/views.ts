/** Views in SQLite. */
import type { IndexType } from '../../core/projection.ts'
import { type BuiltRow, keptUnder, type ViewDefinition, type ViewStore } from '../../core/view-store.ts'
import type { ViewSwitch } from '../../core/work-store.ts'
import { discardRows } from '../sql/scan-rows.ts'
import { listStatement } from '../sql/view-question.ts'
import { dialect } from './dialect.ts'
import type { Handle } from './handle.ts'
import { keep, keptViews } from './kept-views.ts'
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
    get: (tenant, view, key, generation) => read((handle) => getRowOf(handle, tenant, view, key, generation)),
    list: (tenant, definition, question) =>
      read((handle) =>
        listLive(handle, definition.view, (generation) =>
          select(handle, listStatement(dialect, tenant, definition, generation, question)),
        ).map(([key, row, rowVersion]) => ({
          key: key as string,
          row: row as string,
          rowVersion: rowVersion as number,
        })),
      ),
    defined: () =>
      read((handle) =>
        handle.rows(selectDefined).map(([view, indexes, fingerprint, generation]) => ({
          view: view as string,
          indexes: JSON.parse(indexes as string),
          fingerprint: fingerprint as string,
          generation: generation as number,
        })),
      ),

    kept: () => read(keptViews),

    retire: (view) =>
      commit((handle) => {
        if (!handle.first('SELECT 1 FROM dacapo_kept_views WHERE view = ?', view)) return
        empty(handle, view)
        handle.run('DELETE FROM dacapo_kept_views WHERE view = ?', view)
        handle.run('DELETE FROM dacapo_views WHERE view = ?', view)
        handle.run('UPDATE dacapo_view_epoch SET epoch = epoch + 1')
      }),

    define: (definition) =>
      commit((handle) => {
        if (!handle.first('SELECT 1 FROM dacapo_views WHERE view = ?', definition.view)) register(handle, definition)
      }),

    prepare: ({ view, indexes }, generation) => commit((handle) => createIndexes(handle, keptUnder(view, generation), indexes)),

    async discard({ view, indexes }, generation, signal) {
      // In pieces, each in a commit of its own: everybody who writes waits for it.
      const steps = discardRows(dialect, view, generation)
      for (let next = steps.next(); !next.done; ) {
        if (signal?.aborted) return
        const statement = next.value
        next = steps.next(await commit((handle) => select(handle, statement)))
      }
      await commit((handle) => {
        if (generationOf(handle, view) !== generation) dropIndexes(handle, keptUnder(view, generation), indexes)
      })
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

  async function commit<T>(work: (handle: Handle) => T): Promise<T> {
    const transaction = await begin()
    let result: T
    try {
      result = work(transaction.handle)
    } catch (error) {
      transaction.rollback()
      throw error
    }
    transaction.commit()
    return result
  }
}

const selectDefined = `SELECT v.view, v.indexes, v.fingerprint, ifnull(g.generation, 0) FROM dacapo_views v
  LEFT JOIN dacapo_generations g ON g.view = v.view ORDER BY v.view`

function generationOf(handle: Handle, view: string): number {
  return Number(handle.first('SELECT generation FROM dacapo_generations WHERE view = ?', view)?.[0] ?? 0)
}

/** Nothing was found where another generation has become the live one in between; they only go up, so it is found out. */
function listLive<T>(handle: Handle, view: string, list: (generation: number) => readonly T[]): readonly T[] {
  for (let generation = generationOf(handle, view); ; ) {
    const rows = list(generation)
    const now = rows.length > 0 ? generation : generationOf(handle, view)
    if (now === generation) return rows
    generation = now
  }
}

/** A row of a generation, or of the live one. */
function getRowOf(handle: Handle, tenant: string, view: string, key: string, generation: number | undefined): ReturnType<typeof getRow> {
  if (generation !== undefined) return getRow(handle, tenant, keptUnder(view, generation), key)
  const found = handle.first(selectLiveRow, tenant, view, view, key)
  return found && { row: found[0] as string | null, rowVersion: found[1] as number }
}

const selectLiveRow = `SELECT row, row_version FROM dacapo_view_rows WHERE tenant = ?
  AND view = ifnull((SELECT g.view || '@' || g.generation FROM dacapo_generations g WHERE g.view = ?), ?) AND key = ?`

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
  const before = keptViews(handle)
  empty(handle, view)
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
  handle.run('DELETE FROM dacapo_generations WHERE view = ?', view)
  register(handle, definition)
  keep(handle, definition, before)
}

/** Registers a view whose rows are elsewhere, in tables of their own. */
export function keepView(handle: Handle, definition: ViewDefinition): void {
  const before = keptViews(handle)
  setDefinition(handle, definition)
  keep(handle, definition, before)
}

/** Drops the indexes, too: they are cheaper to fill at the end than to keep row by row. */
function empty(handle: Handle, view: string): void {
  const before = handle.first('SELECT indexes FROM dacapo_views WHERE view = ?', view)?.[0]
  dropIndexes(handle, view, JSON.parse(String(before ?? '{}')))
  // Every key that was ever written gets a new row version: a fold that started from the old rows must not fit.
  handle.run('UPDATE dacapo_view_rows SET row = NULL, row_version = row_version + 1 WHERE view = ?', view)
}

function register(handle: Handle, definition: ViewDefinition): void {
  createIndexes(handle, definition.view, definition.indexes)
  setDefinition(handle, definition)
}

/** Switches to another generation of rows, in the caller's commit. */
export function switchView(handle: Handle, { generation, ...definition }: ViewSwitch): void {
  setDefinition(handle, definition)
  handle.run('INSERT OR REPLACE INTO dacapo_generations (view, generation) VALUES (?, ?)', definition.view, generation)
}

function setDefinition(handle: Handle, { view, indexes, fingerprint }: ViewDefinition): void {
  handle.run(
    'INSERT OR REPLACE INTO dacapo_views (view, fingerprint, indexes) VALUES (?, ?, ?)',
    view,
    fingerprint,
    JSON.stringify(indexes),
  )
}

function createIndexes(handle: Handle, under: string, indexes: ViewDefinition['indexes']): void {
  for (const [field, type] of entries(indexes)) handle.exec(createIndex(under, field, type))
}

function dropIndexes(handle: Handle, under: string, indexes: ViewDefinition['indexes']): void {
  for (const [field, type] of entries(indexes)) handle.exec(`DROP INDEX IF EXISTS ${indexName(under, field, type)}`)
}

const entries = (indexes: Readonly<Record<string, IndexType>>): readonly [string, IndexType][] => Object.entries(indexes)
