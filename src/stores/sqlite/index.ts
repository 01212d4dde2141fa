/** `dacapo/sqlite`: the event store in one SQLite file. */
export type { Synchronous } from './connections.ts'
export type { SqliteOptions } from './options.ts'
export { type SqliteCapabilities, sqlite } from './sqlite.ts'
export type { SqliteDatabase, SqliteStatement, SqliteValue } from './sqlite-database.ts'
