/** Opens what a store works on: a connection that writes, one that reads, and the place it shares with others in this process. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreFormatError, StoreUnavailableError } from '../../core/errors.ts'
import { storeError } from './driver-errors.ts'
import { type Handle, handleOf } from './handle.ts'
import { loadDriver } from './load-driver.ts'
import { migrateLocked, needsMigration, schemaOf } from './migrate.ts'
import { type SharedFile, shareFile } from './shared-file.ts'
import type { SqliteDatabase } from './sqlite-database.ts'
import { waitForLock } from './wait-for-lock.ts'

/** How surely a commit is on the disk: SQLite's own words. */
export type Synchronous = 'NORMAL' | 'FULL' | 'EXTRA'

const levels: Readonly<Record<Synchronous, number>> = { NORMAL: 1, FULL: 2, EXTRA: 3 }

/**
 * Copying the WAL into the file is work for the disk that grows with the pages that were changed, not with how often each was: the
 * more commits lie between, the less it costs. 16,000 pages are 64 MB, which SQLite reads back in a moment after a crash.
 */
const pagesBetweenCheckpoints = 16_000

/** How to open. */
export interface OpenOptions {
  readonly synchronous: Synchronous
  readonly lockTimeoutMs: number
  readonly readOnly: boolean
  readonly now: () => number
}

/** An open store. */
export interface Connections {
  /** For messages. */
  readonly file: string
  /** The path as SQLite resolved it; `''` in memory. */
  readonly path: string
  readonly writer: Handle
  /** The writer itself where there is only one connection: a given handle, or a database in memory. */
  readonly reader: Handle
  readonly shared: SharedFile
  /** How many steps of the schema were missing, and were applied when it was opened. */
  readonly migrated: number
  close(): void
}

/** @throws DriverMissingError, StoreFormatError, StoreUnavailableError */
export async function openConnections(source: string | SqliteDatabase, options: OpenOptions): Promise<Connections> {
  if (typeof source !== 'string') return connect(source, 'The given database', options)
  if (source !== ':memory:' && !source.startsWith('file:')) assertUsable(source, options.readOnly)
  const file = source === ':memory:' ? 'The database in memory' : source
  const open = await loadDriver()
  const opened: SqliteDatabase[] = []
  const openOne = () => {
    try {
      opened.push(open(source, options))
      return opened.at(-1) as SqliteDatabase
    } catch (error) {
      throw storeError(error, file)
    }
  }
  try {
    return await connect(openOne(), file, options, openOne)
  } catch (error) {
    for (const database of opened) database.close()
    throw error
  }
}

/** @param openAnother  opens a second connection; absent for a handle that was given, whose owner closes it. */
async function connect(
  database: SqliteDatabase,
  file: string,
  options: OpenOptions,
  openAnother?: () => SqliteDatabase,
): Promise<Connections> {
  const writer = handleOf(database)
  try {
    await waitForLock(() => configure(writer, file, options), options.lockTimeoutMs)
    const migrated = options.readOnly ? 0 : await migrate(writer, file, options)
    const path = String(writer.first('PRAGMA database_list')?.[2] ?? '')
    let reader = writer
    if (openAnother && path !== '') {
      reader = handleOf(openAnother())
      await waitForLock(() => reader.exec('PRAGMA busy_timeout = 0; PRAGMA query_only = ON'), options.lockTimeoutMs)
    }
    const [shared, leave] = shareFile(path, database)
    return {
      file,
      path,
      writer,
      reader,
      shared,
      migrated,
      close() {
        leave()
        if (!openAnother) return
        if (reader !== writer) reader.database.close()
        // The last connection would do it too, but only the last: a file that is read elsewhere would keep its WAL at full length.
        ignoreErrors(() => options.readOnly || writer.exec('PRAGMA wal_checkpoint(TRUNCATE)'))
        database.close()
      },
    }
  } catch (error) {
    throw storeError(error, file)
  }
}

function configure(handle: Handle, file: string, { synchronous, readOnly }: OpenOptions): void {
  handle.exec('PRAGMA busy_timeout = 0')
  const outdated = needsMigration(handle, file)
  if (readOnly) {
    if (!outdated) return
    const reason = schemaOf(handle) === 0 ? 'is not a store of Dacapo' : 'has the schema of an older version'
    throw new StoreFormatError('sqlite', `${file} ${reason}, and was opened read-only: open it once without readOnly.`)
  }
  handle.exec('PRAGMA journal_mode = WAL')
  handle.exec(`PRAGMA wal_autocheckpoint = ${pagesBetweenCheckpoints}`)
  handle.exec(`PRAGMA synchronous = ${synchronous}`)
  const level = Number(handle.first('PRAGMA synchronous')?.[0])
  if (level !== levels[synchronous]) {
    throw new StoreUnavailableError(
      'sqlite',
      `${file} reports synchronous = ${level} instead of ${synchronous}: commits would not be as durable as asked for.`,
      {
        retryable: false,
      },
    )
  }
}

/** Safe from many processes at once: the step that a database is at is read again under the write lock. @returns how many it applied. */
export async function migrate(
  writer: Handle,
  file: string,
  { lockTimeoutMs, now }: Pick<OpenOptions, 'lockTimeoutMs' | 'now'>,
): Promise<number> {
  if (!needsMigration(writer, file)) return 0
  await waitForLock(() => writer.exec('BEGIN IMMEDIATE'), lockTimeoutMs)
  try {
    const applied = migrateLocked(writer, file, now())
    writer.exec('COMMIT')
    return applied
  } catch (error) {
    ignoreErrors(() => writer.exec('ROLLBACK'))
    throw error
  }
}

/** SQLite says "unable to open database file" to all of these. */
function assertUsable(file: string, readOnly: boolean): void {
  const refuse = (message: string) => {
    throw new StoreUnavailableError('sqlite', message, { retryable: false })
  }
  const found = statSync(file, { throwIfNoEntry: false })
  if (found?.isDirectory()) refuse(`${file} is a folder: name a file in it.`)
  if (!found && !statSync(dirname(file), { throwIfNoEntry: false })?.isDirectory())
    refuse(`The folder ${dirname(file)} of ${file} does not exist: create it first.`)
  if (!found && readOnly) refuse(`${file} does not exist, and was opened read-only.`)
}

function ignoreErrors(attempt: () => unknown): void {
  try {
    attempt()
  } catch {}
}
