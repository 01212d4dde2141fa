/** The bank: its commands and its view, on a store. */
import { createApp } from 'dacapo'
import { sqlite } from 'dacapo/sqlite'
import { balances } from './balances.ts'
import { closeAccount, deposit, openAccount, withdraw } from './commands.ts'

/** Opens the bank in an SQLite file, made if it is not there. One line changes the database. */
export function openBank(file: string) {
  return createApp({
    store: sqlite(file),
    commands: [openAccount, deposit, withdraw, closeAccount],
    projections: [balances],
    defaults: { command: { keepOutcome: { days: 36_500 } } }, // a line is settled for good, not only for the usual 7 days
  })
}

export type Bank = ReturnType<typeof openBank>
