/**
 * Transactional projections: the rows that events change, folded before the append and set by it.
 *
 * A row is read once and then kept warm with its version. The append compares and sets versions, so a warm row is never
 * the authority: when another process was faster, the request is refused, the row is forgotten and folded again. Folds of
 * requests that are still on their way build on each other's rows, and say so: when one of them fails, those behind it are
 * refused too, even if another process has meanwhile brought the row to the version that they expect.
 */
import { ProjectionFailedError } from '../../core/errors.ts'
import { fromJson, toJson } from '../../core/json.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { DecidedEvent } from '../../core/recorded-event.ts'
import { type ProjectionStatement, type SqlStatement, sql } from '../../core/sql.ts'
import type { TableProjection } from '../../core/table-projection.ts'
import type { ViewStore, ViewWrite } from '../../core/view-store.ts'

/** One event that changes one row. */
export interface RowChange {
  readonly projection: AnyProjection
  readonly event: DecidedEvent
  readonly key: string
  /** Of the row in the cache: tenant, view and key. */
  readonly id: string
}

/** What a request must carry for its projections. */
export interface ViewWork {
  readonly tenant: string
  readonly changes: readonly RowChange[]
  readonly statements: readonly ProjectionStatement[]
}

interface WarmRow {
  readonly rowVersion: number
  readonly row: string | null
  /** Id of the event that made it, while that is still on its way. */
  readonly madeBy?: string
}

/** The transactional projections of an app and their warm rows. */
export interface TransactionalViews {
  readonly warmRows: number
  /** Whether any projection folds events of this type before the append. */
  concern(type: string): boolean
  /** What events change. @throws ProjectionFailedError a `key` or `apply` that throws. */
  plan(tenant: string, events: readonly DecidedEvent[]): ViewWork | undefined
  /** Reads the rows that are not warm; `undefined` when all are, which holds only until the next `await`. */
  warmUp(works: readonly ViewWork[]): Promise<unknown> | undefined
  /** Folds, synchronously, on warm rows. @throws ProjectionFailedError an `evolve` that throws. */
  fold(work: ViewWork): readonly ViewWrite[]
  /** The rows of a request that was written: who folds from them need not prove it any more. */
  confirm(tenant: string, writes: readonly ViewWrite[]): void
  /** Whether folding fails on the rows as they are stored, and not only on warm ones that somebody else has changed meanwhile. */
  failsOnStoredRows(work: ViewWork): Promise<boolean>
  /** Drops the rows of a request that was not written. */
  forget(tenant: string, writes: readonly Pick<ViewWrite, 'view' | 'key'>[]): void
  /** Forgets the rows that were not used for longest, down to the capacity. Not part of a fold, which needs its rows. */
  trim(): void
  /** The same projections on rows of their own: inside a transaction, where the warm ones must not be touched. */
  inside(rows: Pick<ViewStore, 'get'>): TransactionalViews
}

/** Makes the transactional views of an app over a store's rows. */
export function makeTransactionalViews(
  views: readonly AnyProjection[],
  tables: readonly TableProjection[],
  rows: Pick<ViewStore, 'get'>,
  capacity: number,
): TransactionalViews {
  const viewsOf = byEventType(views)
  const tablesOf = byEventType(tables)
  const warm = new Map<string, WarmRow>()

  const keep = (id: string, row: WarmRow) => {
    warm.delete(id)
    warm.set(id, row)
  }

  return {
    get warmRows() {
      return warm.size
    },
    concern: (type) => viewsOf.has(type) || tablesOf.has(type),

    plan(tenant, events) {
      const changes: RowChange[] = []
      const statements: ProjectionStatement[] = []
      for (const event of events) {
        for (const projection of viewsOf.get(event.type) ?? []) {
          for (const key of keysOf(projection, event)) changes.push({ projection, event, key, id: idOf(tenant, projection.name, key) })
        }
        for (const table of tablesOf.get(event.type) ?? []) statements.push(...statementsOf(table, event))
      }
      return changes.length + statements.length === 0 ? undefined : { tenant, changes, statements }
    },

    warmUp(works) {
      const cold = works.flatMap(({ tenant, changes }) =>
        changes.filter(({ id }) => !warm.has(id)).map((change) => ({ tenant, ...change })),
      )
      if (cold.length === 0) return undefined
      return Promise.all(
        cold.map(async ({ tenant, projection, key, id }) => {
          const found = await rows.get(tenant, projection.name, key)
          // Somebody may have folded it meanwhile; that row is newer than the one just read.
          if (!warm.has(id)) keep(id, found ?? { rowVersion: 0, row: null })
        }),
      )
    },

    fold({ changes }) {
      const folded = new Map<string, ViewWrite>()
      const madeBy = new Map<string, string>()
      for (const { projection, event, key, id } of changes) {
        const before = folded.get(id)
        const start = warm.get(id) as WarmRow
        const row = evolveRow(projection, (before ?? start).row, event, key)
        if (row === undefined) continue
        const { rowVersion: expectedRowVersion, madeBy: follows } = start
        folded.set(id, { view: projection.name, key, expectedRowVersion, row, ...(follows ? { follows } : {}) })
        madeBy.set(id, event.id)
      }
      const writes: ViewWrite[] = []
      for (const [id, write] of folded) {
        if (write.row === null && warm.get(id)?.row === null) continue // made and deleted at once, or never there
        writes.push(write)
        keep(id, { rowVersion: write.expectedRowVersion + 1, row: write.row, madeBy: madeBy.get(id)! })
      }
      return writes
    },

    confirm(tenant, writes) {
      for (const { view, key, expectedRowVersion, row } of writes) {
        const id = idOf(tenant, view, key)
        const rowVersion = expectedRowVersion + 1
        if (warm.get(id)?.rowVersion === rowVersion) warm.set(id, { rowVersion, row })
      }
    },

    async failsOnStoredRows(work) {
      for (const { id } of work.changes) warm.delete(id)
      const stored = makeTransactionalViews(views, tables, rows, Number.POSITIVE_INFINITY)
      await stored.warmUp([work])
      try {
        stored.fold(work)
        return false
      } catch {
        return true
      }
    },

    forget(tenant, writes) {
      for (const { view, key } of writes) warm.delete(idOf(tenant, view, key))
    },

    trim() {
      for (const id of warm.keys()) {
        if (warm.size <= capacity) return
        warm.delete(id)
      }
    },

    inside(own) {
      const rowsInside = makeTransactionalViews(views, tables, own, Number.POSITIVE_INFINITY)
      // What was written may still be undone, also without us being told, so it is read again instead of kept.
      return Object.assign(rowsInside, { confirm: rowsInside.forget })
    },
  }
}

/** The next row as text; `null` to delete it, `undefined` to leave it. */
export function evolveRow(
  projection: AnyProjection,
  row: string | null,
  event: { readonly type: string },
  key: string,
): string | null | undefined {
  try {
    const next = projection.evolve[event.type]?.(row === null ? projection.initial() : fromJson(row), event, key)
    return next === undefined || next === null ? next : toJson(next, `row "${key}" of projection ${projection.name}`)
  } catch (cause) {
    throw new ProjectionFailedError(projection.name, event.type, cause)
  }
}

/** The keys of the rows that an event changes, each once. */
export function keysOf(projection: AnyProjection, event: { readonly type: string }): readonly string[] {
  try {
    const keys = projection.key(event)
    if (keys === undefined) return []
    const list = typeof keys === 'string' ? [keys] : [...new Set(keys)]
    if (list.every((key) => typeof key === 'string')) return list
  } catch (cause) {
    throw new ProjectionFailedError(projection.name, event.type, cause)
  }
  throw new ProjectionFailedError(projection.name, event.type, new Error('key must return a string, a list of strings, or undefined.'))
}

/** The statements that an event leads to. */
export function statementsOf(table: TableProjection, event: { readonly type: string }): readonly ProjectionStatement[] {
  try {
    const applied = table.apply(event, sql) ?? []
    const statements: readonly SqlStatement[] = Array.isArray(applied) ? applied : [applied as SqlStatement]
    return statements.map((statement) => ({ ...statement, owner: { projection: table.name, eventType: event.type } }))
  } catch (cause) {
    throw new ProjectionFailedError(table.name, event.type, cause)
  }
}

function byEventType<P extends { readonly consistency: string; readonly events: readonly { readonly type: string }[] }>(
  projections: readonly P[],
): Map<string, P[]> {
  const found = new Map<string, P[]>()
  for (const projection of projections) {
    if (projection.consistency !== 'transactional') continue
    for (const { type } of projection.events) found.set(type, [...(found.get(type) ?? []), projection])
  }
  return found
}

function idOf(tenant: string, view: string, key: string): string {
  return `${tenant}\u0000${view}\u0000${key}`
}
