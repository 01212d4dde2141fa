/** A receipt for each order that has ended. The printer may run out of paper; then receipts wait, and nothing else does. */
import { eventHandler } from 'dacapo'
import { OrderFailed, OrderSettled } from './orders.ts'

/** The one in the corner. */
export const printer = { sheets: 2, printed: 0 }

export const printReceipts = eventHandler('print-receipt', {
  events: [OrderSettled, OrderFailed],
  retry: { attempts: 3, backoff: { milliseconds: 20 } },
  handle: () => {
    if (printer.sheets === 0) throw new Error('the printer is out of paper')
    printer.sheets--
    printer.printed++
  },
})
