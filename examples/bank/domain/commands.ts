/** What the bank can be asked to do. Each command: parse → authorize → validate → decide. */
import { type Actor, command, reject } from 'dacapo'
import { z } from 'zod'
import { Account, type AccountState } from './account.ts'
import { AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn } from './events.ts'
import { amount, formatMoney } from './money.ts'

const accountId = z.string().min(1).max(64)
const limit = 10_000_00
const movement = z.object({ accountId, amount, transferId: z.string().optional() })

export const openAccount = command(Account, 'OpenAccount', {
  input: z.object({ accountId, owner: z.string().min(1) }),
  id: (input) => input.accountId,
  authorize: ({ actor, input }) => isTeller(actor) || actor.id === input.owner,
  decide: ({ state, input }) => (state.status === 'none' ? AccountOpened({ owner: input.owner }) : reject('AlreadyOpen')),
})

// No authorize: anyone may pay in.
export const deposit = command(Account, 'Deposit', {
  input: movement,
  id: (input) => input.accountId,
  decide: ({ state, input }) =>
    state.status === 'open'
      ? MoneyDeposited({ amount: input.amount, transferId: input.transferId })
      : reject('AccountNotOpen', { status: state.status }),
})

export const withdraw = command(Account, 'Withdraw', {
  input: movement,
  id: (input) => input.accountId,
  authorize: ({ actor, state }) => isTeller(actor) || mayUse(actor, state),
  validate: ({ input }) => (input.amount > limit ? [`the limit is ${formatMoney(limit)} at a time`] : undefined),
  decide: ({ state, input }) => {
    if (state.status !== 'open') return reject('AccountNotOpen', { status: state.status })
    if (state.balance < input.amount) return reject('InsufficientFunds', { balance: state.balance })
    return MoneyWithdrawn({ amount: input.amount, transferId: input.transferId })
  },
})

export const closeAccount = command(Account, 'CloseAccount', {
  input: z.object({ accountId, reason: z.string() }),
  id: (input) => input.accountId,
  authorize: ({ actor }) => isTeller(actor),
  decide: ({ state, input, actor }) => {
    if (state.status === 'none') return reject('AccountNotOpen', { status: state.status })
    if (state.status === 'closed') return [] // it is as asked: nothing happens
    if (state.balance > 0) return reject('BalanceNotZero', { balance: state.balance })
    return AccountClosed({ reason: input.reason, closedBy: actor.id })
  },
})

function isTeller(actor: Actor): boolean {
  return actor.roles.includes('teller')
}

/** The owner may. An account that does not exist belongs to nobody: that is for `decide` to say. */
function mayUse(actor: Actor, account: AccountState): boolean {
  return account.status === 'none' || account.owner === actor.id
}
