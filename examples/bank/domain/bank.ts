/** The bank: its commands, its views, and what follows them, on a store. */
import { createApp } from 'dacapo'
import { postgres } from 'dacapo/postgres'
import { sqlite } from 'dacapo/sqlite'
import { balances } from './balances.ts'
import { closeAccount, deposit, openAccount, withdraw } from './commands.ts'
import { orderBook } from './order-book.ts'
import { failOrder, placeOrder, settleOrder } from './orders.ts'
import { printReceipts } from './print-receipt.ts'
import { settleOrders } from './settle-order.ts'

/** Opens the bank in an SQLite file, made if it is not there, or in a PostgreSQL database. One line tells which; no other one knows. */
export function openBank(place: string) {
  return createApp({
    store: isDatabase(place) ? postgres(place) : sqlite(place),
    commands: [openAccount, deposit, withdraw, closeAccount, placeOrder, settleOrder, failOrder],
    projections: [balances, orderBook],
    processes: [settleOrders],
    handlers: [printReceipts],
    defaults: { command: { keepOutcome: { days: 36_500 } } }, // a line is settled for good, not only for the usual 7 days
  })
}

/** Whether the bank is on a server, and not in a file. */
export const isDatabase = (place: string): boolean => /^postgres(?:ql)?:\/\//.test(place)

export type Bank = ReturnType<typeof openBank>
