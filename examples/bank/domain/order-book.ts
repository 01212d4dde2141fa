/** One row for each order, filled after the commit: nobody waits for it who does not want to. */
import { projection } from 'dacapo'
import { OrderFailed, OrderPlaced, OrderSettled } from './orders.ts'

export const orderBook = projection('order-book', {
  events: [OrderPlaced, OrderSettled, OrderFailed],
  consistency: 'async',
  key: (event) => event.data.orderId,
  initial: () => ({ from: '', to: '', amount: 0, status: 'placed', why: '' }),
  evolve: {
    OrderPlaced: (row, { data: { from, to, amount } }) => ({ ...row, from, to, amount }),
    OrderSettled: (row) => ({ ...row, status: 'settled' }),
    OrderFailed: (row, { data: { why, isBack } }) => ({ ...row, status: isBack ? 'compensated' : 'failed', why }),
  },
})
