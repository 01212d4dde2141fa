/** What can happen to an account: facts, in the past tense, kept for ever. */
import { event } from 'dacapo'
import { z } from 'zod'
import { amount } from './money.ts'

export const AccountOpened = event('AccountOpened', z.object({ owner: z.string() }))

export const MoneyDeposited = event('MoneyDeposited', z.object({ amount, transferId: z.string().optional() }))

export const MoneyWithdrawn = event('MoneyWithdrawn', z.object({ amount, transferId: z.string().optional() }))

// Version 1 had only a reason; version 2 also says who closed it. Old events are read through the upcaster.
export const AccountClosed = event('AccountClosed', z.object({ reason: z.string() })).upcast(
  z.object({ reason: z.string(), closedBy: z.string() }),
  (v1) => ({ ...v1, closedBy: 'unknown' }),
)
