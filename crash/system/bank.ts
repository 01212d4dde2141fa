/** The bank of the campaign: everything that can follow the log, in several parts each. */
import { appendFileSync } from 'node:fs'
import { createApp, type EventStore, eventHandler, type Observer, projection, tableProjection } from 'dacapo'
import { balances } from '../../examples/bank/domain/balances.ts'
import { deposit, openAccount, withdraw } from '../../examples/bank/domain/commands.ts'
import { AccountOpened, MoneyDeposited, MoneyWithdrawn } from '../../examples/bank/domain/events.ts'
import {
  approveTransfer,
  completeTransfer,
  failTransfer,
  requestTransfer,
  TransferApproved,
  TransferCompleted,
  TransferFailed,
  TransferRequested,
  transfers,
} from './transfers.ts'

/** How long a process may show no sign of life. Some are frozen for longer. */
export const leaseMs = 1000

export const accounts = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
/** Where the bank pays a cent for each transfer that was completed. */
export const rewards = 'rewards'
export const teller = { id: 'tom', roles: ['teller'] }

export const commands = [openAccount, deposit, withdraw, requestTransfer, approveTransfer, completeTransfer, failTransfer] as const

/** What is in an account, behind its events. */
export const sums = projection('sums', {
  events: [MoneyDeposited, MoneyWithdrawn],
  consistency: 'async',
  partitions: 3,
  key: (event) => event.subject,
  initial: () => ({ sum: 0, count: 0 }),
  evolve: {
    MoneyDeposited: (row, { data }) => ({ sum: row.sum + data.amount, count: row.count + 1 }),
    MoneyWithdrawn: (row, { data }) => ({ sum: row.sum - data.amount, count: row.count + 1 }),
  },
})

/** Transfers by how they stand: statements that are not idempotent, so that one too many or too few shows. */
export const tallies = tableProjection('tallies', {
  events: [TransferRequested, TransferCompleted, TransferFailed],
  consistency: 'async',
  tables: { transfer_tallies: 'create table if not exists transfer_tallies (type text primary key, events integer not null)' },
  apply: ({ type }, sql) =>
    sql`insert into transfer_tallies values (${type}, 1) on conflict (type) do update set events = transfer_tallies.events + 1`,
})

/** Executes a command because of an event. */
const payRewards = eventHandler('pay-rewards', {
  events: [TransferCompleted],
  handle: async ({ id }, { execute }) => {
    await execute(deposit({ accountId: rewards, amount: 1 }), { actor: teller, idempotencyKey: `reward-${id}` })
  },
})

/** @param witnessed  a file that every event is written into, by whoever handles it. */
const witness = (witnessed: string) =>
  eventHandler('witness', {
    events: [AccountOpened, MoneyDeposited, MoneyWithdrawn, TransferRequested, TransferApproved, TransferCompleted, TransferFailed],
    partitions: 4,
    // One write, which the system makes whole, behind those of all others.
    handle: ({ stream, version, id }) => appendFileSync(witnessed, `${stream} ${version} ${id}\n`),
  })

/** A bank that follows its own log once it is started. */
export function openBank(store: EventStore, witnessed: string, observer: Observer) {
  return createApp({
    store,
    commands,
    projections: [balances, sums, tallies],
    handlers: [payRewards, witness(witnessed)],
    processes: [transfers],
    observer,
    defaults: { subscriptions: { lease: { milliseconds: leaseMs }, audit: { every: { seconds: 5 } } } },
  })
}

export type SystemBank = ReturnType<typeof openBank>
