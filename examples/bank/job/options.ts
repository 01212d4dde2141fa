/** The command line. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'

export interface Options {
  readonly input: string
  readonly db: string
  readonly json: boolean
  readonly help: boolean
}

export const help = `A day at the bank: every line of a file of commands, settled by an event-sourced bank in one SQLite file.

Usage: npm start -- [options]

  --input FILE   the commands, one JSON object a line   (default: examples/bank/commands.jsonl)
  --db FILE      the bank; made if it is not there      (default: bank.db)
  --json         print one JSON object and nothing else
  --help         print this

Stop it whenever you like: the next run does what is missing, and nothing twice.`

/** @throws UsageError, and what parseArgs throws: `explain` makes a sentence of both. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      input: { type: 'string', default: join(import.meta.dirname, '../commands.jsonl') },
      db: { type: 'string', default: 'bank.db' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })
  if (values.input === '') throw new UsageError('--input needs the name of a file.')
  if (values.db === '') throw new UsageError('--db needs the name of a file.')
  return values
}

/** The person at the keyboard asked for something that does not exist. */
export class UsageError extends Error {}
