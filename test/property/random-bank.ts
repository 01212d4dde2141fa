/** A bank for random histories: many events a command, any snapshot policy, two projections; and the model it must agree with. */
import fc from 'fast-check'
import { z } from 'zod'
import type { Clock } from '../../src/core/clock.ts'
import type { EventStore } from '../../src/core/event-store.ts'
import { aggregate, command, createApp, projection, reject } from '../../src/index.ts'
import { Account, AccountClosed, AccountOpened, balances, MoneyDeposited, MoneyWithdrawn } from '../domain/bank.ts'
import { recorder } from '../runtime/open-bank.ts'

export const teller = { id: 'tom', roles: ['teller'] }
const events = [AccountOpened, MoneyDeposited, MoneyWithdrawn, AccountClosed]

/** One row for all accounts of a tenant; gone while nobody has any money. */
export const total = projection('total', {
  events,
  consistency: 'transactional',
  key: () => 'all',
  initial: () => ({ sum: 0, accounts: 0, closed: 0 }),
  evolve: {
    AccountOpened: (row) => ({ ...row, accounts: row.accounts + 1 }),
    MoneyDeposited: (row, { data }) => ({ ...row, sum: row.sum + data.amount }),
    MoneyWithdrawn: (row, { data }) => (row.sum === data.amount ? null : { ...row, sum: row.sum - data.amount }),
    AccountClosed: (row) => ({ ...row, closed: row.closed + 1 }),
  },
})

/** The same folds under other names: what an app that comes later builds from zero. */
export const rebuiltBalances = projection('rebuilt-balances', {
  ...balances,
  name: 'rebuilt-balances',
} as never) as unknown as typeof balances
export const rebuiltTotal = projection('rebuilt-total', { ...total, name: 'rebuilt-total' } as never) as unknown as typeof total

/** How often snapshots are taken; changed from run to run. */
export interface Policy {
  readonly everyEvents: number
  readonly keep: number
  readonly warmStreams: number
  readonly warmRows: number
  readonly views: boolean
}

export const policies: fc.Arbitrary<Policy> = fc.record({
  everyEvents: fc.integer({ min: 1, max: 7 }),
  keep: fc.integer({ min: 1, max: 3 }),
  warmStreams: fc.integer({ min: 1, max: 4 }),
  warmRows: fc.integer({ min: 1, max: 4 }),
  // Rows tell of lost updates by themselves; without any, it is up to the streams.
  views: fc.boolean(),
})

/** Commands and their aggregate with one snapshot policy. */
export function bankWith({ everyEvents, keep }: Policy) {
  const account = aggregate('account', { ...Account, snapshot: { everyEvents, keep } } as never) as unknown as typeof Account
  const input = z.object({ id: z.string(), amounts: z.array(z.int().positive()) })
  const sum = (amounts: readonly number[]) => amounts.reduce((a, b) => a + b, 0)
  const id = (given: { readonly id: string }) => given.id
  return {
    account,
    commands: [
      command(account, 'Open', {
        input,
        id,
        decide: ({ state, input: { amounts } }) =>
          state.status === 'none'
            ? [AccountOpened({ owner: 'ann' }), ...amounts.map((amount) => MoneyDeposited({ amount }))]
            : reject('AlreadyOpen'),
      }),
      command(account, 'Deposit', {
        input,
        id,
        decide: ({ state, input: { amounts } }) =>
          state.status === 'open' ? amounts.map((amount) => MoneyDeposited({ amount })) : reject('NotOpen', { status: state.status }),
      }),
      command(account, 'Withdraw', {
        input,
        id,
        decide: ({ state, input: { amounts } }) => {
          if (state.status !== 'open') return reject('NotOpen', { status: state.status })
          if (state.balance < sum(amounts)) return reject('InsufficientFunds', { balance: state.balance })
          return amounts.map((amount) => MoneyWithdrawn({ amount }))
        },
      }),
      command(account, 'Close', {
        input,
        id,
        decide: ({ state }) => (state.status === 'open' ? AccountClosed({ reason: 'random', closedBy: 'tom' }) : undefined),
      }),
    ],
  }
}

/** An app over a store; several may share one. */
export function openApp(
  store: EventStore,
  clock: Clock,
  policy: Policy,
  { account, commands }: ReturnType<typeof bankWith>,
  projections: readonly (typeof balances | typeof total)[] = policy.views ? [balances, total] : [],
) {
  const signals = recorder()
  const app = createApp({
    store,
    clock,
    commands,
    projections,
    observer: signals,
    defaults: {
      aggregate: { compareSnapshotOneIn: 1 },
      memory: { warmStreams: policy.warmStreams, warmRows: policy.warmRows },
      command: { attempts: 100, backoff: { milliseconds: 1 }, longestBackoff: { milliseconds: 2 } },
    },
  })
  return { app, signals, account }
}

/** One request to the bank. */
export interface Request {
  readonly command: 'Open' | 'Deposit' | 'Withdraw' | 'Close'
  readonly id: string
  readonly amounts: readonly number[]
  readonly tenant: string
}

export const requests: fc.Arbitrary<Request> = fc.record({
  command: fc.oneof(
    { weight: 2, arbitrary: fc.constant('Open' as const) },
    { weight: 5, arbitrary: fc.constant('Deposit' as const) },
    { weight: 4, arbitrary: fc.constant('Withdraw' as const) },
    { weight: 1, arbitrary: fc.constant('Close' as const) },
  ),
  id: fc.constantFrom('a', 'b', 'c'),
  amounts: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 4 }),
  tenant: fc.constantFrom('', '', 'acme'),
})

// ── the model: a few lines that are plainly right ──

export type Answer = { readonly events: readonly string[]; readonly version: number } | { readonly no: string; readonly details: unknown }

/** All accounts, as a Map. */
export class Model {
  readonly accounts = new Map<string, { status: 'none' | 'open' | 'closed'; balance: number; version: number; deposited: number }>()

  at({ tenant, id }: Pick<Request, 'tenant' | 'id'>) {
    const key = `${tenant}/${id}`
    const known = this.accounts.get(key) ?? { status: 'none' as const, balance: 0, version: 0, deposited: 0 }
    this.accounts.set(key, known)
    return known
  }

  execute(request: Request): Answer {
    const account = this.at(request)
    const { command, amounts } = request
    const sum = amounts.reduce((a, b) => a + b, 0)
    const written: string[] = []
    if (command === 'Open') {
      if (account.status !== 'none') return { no: 'AlreadyOpen', details: undefined }
      account.status = 'open'
      written.push('AccountOpened')
    } else if (command === 'Close') {
      if (account.status === 'open') written.push('AccountClosed')
      if (account.status === 'open') account.status = 'closed'
    } else if (account.status !== 'open') return { no: 'NotOpen', details: { status: account.status } }
    if (command === 'Withdraw' && account.balance < sum) return { no: 'InsufficientFunds', details: { balance: account.balance } }
    if (command === 'Withdraw') account.balance -= sum
    if (command === 'Open' || command === 'Deposit') account.balance += sum
    if (command !== 'Close') for (const _ of amounts) written.push(command === 'Withdraw' ? 'MoneyWithdrawn' : 'MoneyDeposited')
    account.version += written.length
    return { events: written, version: account.version }
  }
}
