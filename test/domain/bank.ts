/** The bank: the one domain of all tests. No type argument is written anywhere in this file. */

import * as v from 'valibot'
import { z } from 'zod'
import { aggregate, command, createApp, event, eventHandler, processManager, projection, reject } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'

// ── events: callable values, from any Standard Schema library (zod and valibot mixed on purpose) ──

export const AccountOpened = event('AccountOpened', z.object({ owner: z.string() }))
export const MoneyDeposited = event('MoneyDeposited', z.object({ amount: z.int().positive(), transferId: z.string().optional() }))
export const MoneyWithdrawn = event('MoneyWithdrawn', v.object({ amount: v.number(), transferId: v.optional(v.string()) }))
// v1 had only a reason; v2 has who closed it. Old events are read through the upcaster.
export const AccountClosed = event('AccountClosed', z.object({ reason: z.string() })).upcast(
  z.object({ reason: z.string(), closedBy: z.string() }),
  (v1) => ({ ...v1, closedBy: 'unknown' }),
)

export const TransferRequested = event(
  'TransferRequested',
  z.object({ transferId: z.string(), from: z.string(), to: z.string(), amount: z.int().positive() }),
)
export const TransferCompleted = event('TransferCompleted', z.object({ transferId: z.string() }))
export const TransferFailed = event('TransferFailed', z.object({ transferId: z.string(), why: z.string() }))

// ── aggregates: a pure fold ──

type AccountState =
  | { readonly status: 'none' }
  | { readonly status: 'open'; readonly owner: string; readonly balance: number }
  | { readonly status: 'closed' }

export const Account = aggregate('account', {
  events: [AccountOpened, MoneyDeposited, MoneyWithdrawn, AccountClosed],
  initial: (): AccountState => ({ status: 'none' }),
  evolve: {
    AccountOpened: (_, { data }) => ({ status: 'open', owner: data.owner, balance: 0 }),
    MoneyDeposited: (state, { data }) => (state.status === 'open' ? { ...state, balance: state.balance + data.amount } : state),
    MoneyWithdrawn: (state, { data }) => (state.status === 'open' ? { ...state, balance: state.balance - data.amount } : state),
    AccountClosed: () => ({ status: 'closed' }),
  },
  snapshot: { everyEvents: 100 },
})

export const Transfer = aggregate('transfer', {
  events: [TransferRequested, TransferCompleted, TransferFailed],
  initial: () => ({ open: false }),
  evolve: {
    TransferRequested: () => ({ open: true }),
    TransferCompleted: () => ({ open: false }),
    TransferFailed: () => ({ open: false }),
  },
})

// ── commands: parse → authorize → validate → decide ──

export const openAccount = command(Account, 'OpenAccount', {
  input: z.object({ accountId: z.string(), owner: z.string() }),
  id: (input) => input.accountId,
  decide: ({ state, input }) => (state.status === 'none' ? AccountOpened({ owner: input.owner }) : reject('AlreadyOpen')),
})

export const deposit = command(Account, 'Deposit', {
  input: z.object({ accountId: z.string(), amount: z.int().positive(), transferId: z.string().optional() }),
  id: (input) => input.accountId,
  decide: ({ state, input }) =>
    state.status === 'open'
      ? MoneyDeposited({ amount: input.amount, transferId: input.transferId })
      : reject('AccountNotOpen', { status: state.status }),
})

export const withdraw = command(Account, 'Withdraw', {
  input: z.object({ accountId: z.string(), amount: z.int().positive(), transferId: z.string().optional() }),
  id: (input) => input.accountId,
  authorize: ({ actor, state }) => state.status === 'open' && (actor.id === state.owner || actor.roles.includes('teller')),
  validate: async ({ input }) => (input.amount > 10_000 ? ['more than the daily limit'] : undefined),
  decide: ({ state, input }) => {
    if (state.status !== 'open') return reject('AccountNotOpen', { status: state.status })
    if (state.balance < input.amount) return reject('InsufficientFunds', { balance: state.balance })
    return MoneyWithdrawn({ amount: input.amount, transferId: input.transferId })
  },
})

export const closeAccount = command(Account, 'CloseAccount', {
  input: z.object({ accountId: z.string(), reason: z.string() }),
  id: (input) => input.accountId,
  authorize: ({ actor }) => actor.roles.includes('teller'),
  decide: ({ state, input, actor }) => (state.status === 'open' ? [AccountClosed({ reason: input.reason, closedBy: actor.id })] : []),
})

export const requestTransfer = command(Transfer, 'RequestTransfer', {
  input: z.object({ transferId: z.string(), from: z.string(), to: z.string(), amount: z.int().positive() }),
  id: (input) => input.transferId,
  decide: ({ state, input }) => (state.open ? reject('AlreadyRequested') : TransferRequested(input)),
})
export const completeTransfer = command(Transfer, 'CompleteTransfer', {
  input: z.object({ transferId: z.string() }),
  id: (input) => input.transferId,
  decide: ({ state, input }) => (state.open ? TransferCompleted(input) : undefined),
})
export const failTransfer = command(Transfer, 'FailTransfer', {
  input: z.object({ transferId: z.string(), why: z.string() }),
  id: (input) => input.transferId,
  decide: ({ state, input }) => (state.open ? TransferFailed(input) : undefined),
})

// ── projections: the same fold, keyed; one in the append's transaction, one by a subscription ──

export const balances = projection('balances', {
  events: [AccountOpened, MoneyDeposited, MoneyWithdrawn],
  consistency: 'transactional',
  key: (event) => event.subject,
  initial: () => ({ owner: '', balance: 0 }),
  evolve: {
    AccountOpened: (row, { data }) => ({ ...row, owner: data.owner }),
    MoneyDeposited: (row, { data }) => ({ ...row, balance: row.balance + data.amount }),
    MoneyWithdrawn: (row, { data }) => ({ ...row, balance: row.balance - data.amount }),
  },
})

export const transferReport = projection('transfer-report', {
  events: [TransferCompleted, TransferFailed],
  consistency: 'async',
  key: (event) => event.recordedAt.toISOString().slice(0, 10),
  initial: () => ({ completed: 0, failed: 0 }),
  evolve: {
    TransferCompleted: (day) => ({ ...day, completed: day.completed + 1 }),
    TransferFailed: (day) => ({ ...day, failed: day.failed + 1 }),
  },
})

// ── process manager: money moves, or moves back ──

export const transferMoney = processManager('transfer-money', {
  events: [TransferRequested, MoneyWithdrawn, MoneyDeposited],
  commands: [withdraw, deposit, completeTransfer, failTransfer],
  correlate: ({ data }) => data.transferId,
  initial: () => ({ transferId: '', from: '', to: '', amount: 0 }),
  evolve: { TransferRequested: (_, { data }) => data },
  on: {
    TransferRequested: ({ event: { data }, send, timeout }) => [
      timeout('settlement', { seconds: 30 }),
      send(withdraw({ accountId: data.from, amount: data.amount, transferId: data.transferId }), {
        undo: deposit({ accountId: data.from, amount: data.amount }),
      }),
    ],
    MoneyWithdrawn: ({ state, send }) => send(deposit({ accountId: state.to, amount: state.amount, transferId: state.transferId })),
    MoneyDeposited: ({ state, send, complete }) => [send(completeTransfer({ transferId: state.transferId })), complete()],
  },
  rejected: {
    Withdraw: ({ state, rejection, send, complete }) => [
      send(failTransfer({ transferId: state.transferId, why: rejection.code })),
      complete(),
    ],
    Deposit: ({ state, rejection, send, compensate, complete }) => [
      compensate(),
      send(failTransfer({ transferId: state.transferId, why: `target ${rejection.details.status}` })),
      complete(),
    ],
  },
  timeouts: {
    settlement: ({ state, send, compensate, complete }) => [
      compensate(),
      send(failTransfer({ transferId: state.transferId, why: 'timed out' })),
      complete(),
    ],
  },
})

// ── event handler: side effects, retried, then dead-lettered ──

export const receipts: string[] = []
export const sendReceipt = eventHandler('send-receipt', {
  events: [MoneyDeposited, MoneyWithdrawn],
  retry: { attempts: 3, backoff: { seconds: 1 } },
  handle: async (event, { attempt }) => {
    if (event.data.amount === 13) throw new Error('mail server said no')
    receipts.push(`${event.type} ${event.data.amount} (attempt ${attempt})`)
  },
})

// ── the app: one line changes the database ──

export const bank = (store = sqlite('bank.db')) =>
  createApp({
    store,
    commands: [openAccount, deposit, withdraw, closeAccount, requestTransfer, completeTransfer, failTransfer],
    projections: [balances, transferReport],
    processes: [transferMoney],
    handlers: [sendReceipt],
  })
