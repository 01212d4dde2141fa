/** A bank for random programs: many events a command, any snapshot policy, two projections; and courses, for decisions. */
import fc from 'fast-check'
import { z } from 'zod'
import type { Clock } from '../../../src/core/clock.ts'
import type { EventStore } from '../../../src/core/event-store.ts'
import { aggregate, command, createApp, projection, reject } from '../../../src/index.ts'
import { Account, AccountClosed, AccountOpened, balances, MoneyDeposited, MoneyWithdrawn } from '../../domain/bank.ts'
import { defineCourse, praiseCourse, subscribeStudent } from '../../domain/courses.ts'
import { recorder } from '../../runtime/open-bank.ts'
import { record } from '../records.ts'
import { keepOutcomeMs } from './app-model.ts'

export const teller = { id: 'tom', roles: ['teller'] }
export const stranger = { id: 'sam', roles: [] }
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

export const policies: fc.Arbitrary<Policy> = record({
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
        authorize: ({ actor }) => actor.roles.includes('teller'),
        decide: ({ state }) => (state.status === 'open' ? AccountClosed({ reason: 'random', closedBy: 'tom' }) : undefined),
      }),
      defineCourse,
      praiseCourse,
      subscribeStudent,
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
      command: {
        keepOutcome: { milliseconds: keepOutcomeMs },
        attempts: 100,
        backoff: { milliseconds: 1 },
        longestBackoff: { milliseconds: 2 },
      },
    },
  })
  return { app, signals, account }
}
