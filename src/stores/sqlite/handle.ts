/** One way to talk to every driver: statements prepared once per database, rows as arrays. */
import type { SqliteDatabase, SqliteStatement, SqliteValue } from './sqlite-database.ts'

/** A row, column by column. */
export type Row = readonly SqliteValue[]

/** A database with its prepared statements. */
export interface Handle {
  readonly database: SqliteDatabase
  /** While a user's transaction is open on this database: ends with it. Whoever shares the handle has to wait. */
  occupied: Promise<void> | undefined
  exec(text: string): void
  run(text: string, ...values: readonly SqliteValue[]): void
  rows(text: string, ...values: readonly SqliteValue[]): readonly Row[]
  first(text: string, ...values: readonly SqliteValue[]): Row | undefined
  /** Runs any statement; its rows as objects, if it has some. Not kept. */
  objects(text: string, ...values: readonly SqliteValue[]): readonly Record<string, unknown>[]
}

/** Members that only some drivers have. */
interface DriverStatement extends SqliteStatement {
  /** node:sqlite */
  setReturnArrays?(enabled: boolean): void
  /** better-sqlite3, libsql */
  raw?(enabled: boolean): unknown
  readonly reader?: boolean
  /** bun:sqlite */
  values?(...values: readonly SqliteValue[]): Row[] | null
}

interface Prepared {
  run(values: readonly SqliteValue[]): void
  rows(values: readonly SqliteValue[]): readonly Row[]
}

/** Statement texts vary with the number of types and tags; the oldest are forgotten above this. */
const keptStatements = 500

const handles = new WeakMap<SqliteDatabase, Handle>()

/** The handle of a database; always the same one. */
export function handleOf(database: SqliteDatabase): Handle {
  const known = handles.get(database)
  if (known) return known
  const prepared = new Map<string, Prepared>()

  function statement(text: string): Prepared {
    const kept = prepared.get(text)
    if (kept) return kept
    const made = prepare(database.prepare(text))
    prepared.set(text, made)
    if (prepared.size > keptStatements) prepared.delete(prepared.keys().next().value as string)
    return made
  }

  const handle: Handle = {
    database,
    occupied: undefined,
    exec(text) {
      database.exec(text)
    },
    run: (text, ...values) => statement(text).run(values),
    rows: (text, ...values) => statement(text).rows(values),
    first: (text, ...values) => statement(text).rows(values)[0],
    objects(text, ...values) {
      const one = database.prepare(text) as DriverStatement
      const parameters = isBetterSqlite(one) ? [values] : values
      if (one.reader !== false) return one.all(...parameters) as Record<string, unknown>[]
      one.run(...parameters)
      return []
    },
  }
  handles.set(database, handle)
  return handle
}

function prepare(statement: DriverStatement): Prepared {
  // better-sqlite3 and libsql take parameters as one array too; libsql takes a null in front for an object otherwise.
  if (isBetterSqlite(statement)) {
    let raw = false
    return {
      run(values) {
        statement.run(values)
      },
      rows(values) {
        if (!raw) statement.raw!(true)
        raw = true
        return statement.all(values) as Row[]
      },
    }
  }
  const arrays = typeof statement.setReturnArrays === 'function'
  if (arrays) statement.setReturnArrays!(true)
  return {
    run(values) {
      statement.run(...values)
    },
    rows(values) {
      if (statement.values) return statement.values(...values) ?? []
      const rows = statement.all(...values)
      // Columns have distinct names in all statements of this store, so the values of an object are in their order.
      return arrays ? (rows as Row[]) : rows.map((row) => Object.values(row as Record<string, SqliteValue>))
    },
  }
}

/** bun:sqlite has a `raw` too, which does something else. */
const isBetterSqlite = (statement: DriverStatement): boolean => typeof statement.raw === 'function' && !statement.values
