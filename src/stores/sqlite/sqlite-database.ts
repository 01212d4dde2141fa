/** The few members of an SQLite driver that the store uses: node:sqlite, better-sqlite3, libsql and bun:sqlite all have them. */

/** What an SQLite parameter or column can be. */
export type SqliteValue = null | number | bigint | string | Uint8Array

/** An open database. The store never opens, closes or reconfigures more of a given one than its documentation says. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

/** A prepared statement. */
export interface SqliteStatement {
  run(...values: any[]): unknown
  get(...values: any[]): unknown
  all(...values: any[]): unknown[]
}
