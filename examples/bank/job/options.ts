/** The command line. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isDatabase } from '../domain/bank.ts'

export interface Options {
  readonly input: string
  /** A file, or the URL of a database. */
  readonly db: string
  readonly json: boolean
  readonly help: boolean
}

export const help = `A day at the bank: every line of a file of commands, settled by an event-sourced bank in one SQLite file, or in PostgreSQL.

Usage: npm start -- [options]

  --input FILE   the commands, one JSON object a line   (default: examples/bank/commands.jsonl)
  --db FILE      the bank; made if it is not there      (default: bank.db)
  --store URL    a database instead of a file: postgres://user@host/name
  --json         print one JSON object and nothing else
  --help         print this

Stop it whenever you like: the next run does what is missing, and nothing twice.`

/** @throws UsageError, and what parseArgs throws: `explain` makes a sentence of both. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      input: { type: 'string', default: join(import.meta.dirname, '../commands.jsonl') },
      db: { type: 'string' },
      store: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })
  if (values.input === '') throw new UsageError('--input needs the name of a file.')
  return { ...values, db: placeOf(values) }
}

/** Where the bank is: a file, or the URL of a database. @throws UsageError */
export function placeOf({ db, store }: { readonly db?: string; readonly store?: string }): string {
  if (db !== undefined && store !== undefined) throw new UsageError('The bank is in one place: --db or --store, not both.')
  if (db === '') throw new UsageError('--db needs the name of a file.')
  if (store !== undefined && !isDatabase(store)) throw new UsageError('--store needs the URL of a database: postgres://user@host/name.')
  return store ?? db ?? 'bank.db'
}

/** The person at the keyboard asked for something that does not exist. */
export class UsageError extends Error {}
