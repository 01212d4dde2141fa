/** Moves the money of an order, one command after the other: each account says yes or no for itself. A "no" takes back what was done. */
import { processManager } from 'dacapo'
import { deposit, withdraw } from './commands.ts'
import { failOrder, OrderPlaced, settleOrder } from './orders.ts'

export const settleOrders = processManager('settle-order', {
  events: [OrderPlaced],
  commands: [withdraw, deposit, settleOrder, failOrder],
  correlate: ({ data }) => ({ start: data.orderId }),
  initial: () => ({ orderId: '' }),
  evolve: { OrderPlaced: (_, { data }) => ({ orderId: data.orderId }) },
  on: {
    OrderPlaced({ event, send, complete }) {
      const { orderId, from, to, amount } = event.data
      return [
        send(withdraw({ accountId: from, amount, transferId: orderId }), {
          undo: deposit({ accountId: from, amount, transferId: orderId }),
        }),
        send(deposit({ accountId: to, amount, transferId: orderId })),
        send(settleOrder({ orderId })),
        complete(),
      ]
    },
  },
  rejected: {
    Withdraw: ({ state, rejection, send, complete }) => [send(failOrder({ ...state, why: rejection.code, isBack: false })), complete()],
    Deposit: ({ state, rejection, send, compensate, complete }) => [
      compensate(),
      send(failOrder({ ...state, why: rejection.code, isBack: true })),
      complete(),
    ],
  },
})
