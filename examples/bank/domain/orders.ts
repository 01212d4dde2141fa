/** Orders: money that is to move soon, and what became of it. What moves it is in `settle-order.ts`. */
import { aggregate, command, event, reject } from 'dacapo'
import { z } from 'zod'
import { amount } from './money.ts'

const order = z.object({ orderId: z.string().min(1), from: z.string().min(1), to: z.string().min(1), amount })
const failure = z.object({ orderId: z.string(), why: z.string(), isBack: z.boolean() })

export const OrderPlaced = event('OrderPlaced', order)
export const OrderSettled = event('OrderSettled', order.pick({ orderId: true }))
/** `isBack`: money had left the account, and is back. */
export const OrderFailed = event('OrderFailed', failure)

const Order = aggregate('order', {
  events: [OrderPlaced, OrderSettled, OrderFailed],
  initial: () => ({ status: 'none' }),
  evolve: {
    OrderPlaced: () => ({ status: 'placed' }),
    OrderSettled: () => ({ status: 'settled' }),
    OrderFailed: () => ({ status: 'failed' }),
  },
})

export const placeOrder = command(Order, 'PlaceOrder', {
  input: order,
  id: (input) => input.orderId,
  decide: ({ state, input }) => (state.status === 'none' ? OrderPlaced(input) : reject('AlreadyPlaced')),
})

export const settleOrder = command(Order, 'SettleOrder', {
  input: order.pick({ orderId: true }),
  id: (input) => input.orderId,
  decide: ({ state, input }) => (state.status === 'placed' ? OrderSettled(input) : []),
})

export const failOrder = command(Order, 'FailOrder', {
  input: failure,
  id: (input) => input.orderId,
  decide: ({ state, input }) => (state.status === 'placed' ? OrderFailed(input) : []),
})
