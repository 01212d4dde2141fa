/** The bank that the guides talk about. Copy it beside a guide's code, and the code runs. */
import { aggregate, command, event, projection, reject } from 'dacapo'
import { z } from 'zod'

export const AccountOpened = event('AccountOpened', z.object({ owner: z.string() }))
export const MoneyDeposited = event('MoneyDeposited', z.object({ amount: z.int().positive() }))
export const MoneyWithdrawn = event('MoneyWithdrawn', z.object({ amount: z.int().positive() }))
export const AccountClosed = event('AccountClosed', z.object({ reason: z.string() }))

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
})

export const openAccount = command(Account, 'OpenAccount', {
  input: z.object({ accountId: z.string(), owner: z.string() }),
  id: (input) => input.accountId,
  decide: ({ state, input }) => (state.status === 'none' ? AccountOpened({ owner: input.owner }) : reject('AlreadyOpen')),
})

export const deposit = command(Account, 'Deposit', {
  input: z.object({ accountId: z.string(), amount: z.int().positive() }),
  id: (input) => input.accountId,
  decide: ({ state, input }) =>
    state.status === 'open' ? MoneyDeposited({ amount: input.amount }) : reject('AccountNotOpen', { status: state.status }),
})

export const withdraw = command(Account, 'Withdraw', {
  input: z.object({ accountId: z.string(), amount: z.int().positive() }),
  id: (input) => input.accountId,
  decide: ({ state, input }) => {
    if (state.status !== 'open') return reject('AccountNotOpen', { status: state.status })
    if (state.balance < input.amount) return reject('InsufficientFunds', { balance: state.balance })
    return MoneyWithdrawn({ amount: input.amount })
  },
})

export const closeAccount = command(Account, 'CloseAccount', {
  input: z.object({ accountId: z.string(), reason: z.string() }),
  id: (input) => input.accountId,
  decide: ({ state, input }) => (state.status === 'open' ? AccountClosed({ reason: input.reason }) : undefined),
})

export const balances = projection('balances', {
  events: [AccountOpened, MoneyDeposited, MoneyWithdrawn, AccountClosed],
  consistency: 'transactional',
  key: (event) => event.subject,
  initial: () => ({ owner: '', balance: 0 }),
  evolve: {
    AccountOpened: (row, { data }) => ({ ...row, owner: data.owner }),
    MoneyDeposited: (row, { data }) => ({ ...row, balance: row.balance + data.amount }),
    MoneyWithdrawn: (row, { data }) => ({ ...row, balance: row.balance - data.amount }),
    AccountClosed: () => null,
  },
  indexes: { owner: 'text', balance: 'number' },
})

export const commands = [openAccount, deposit, withdraw, closeAccount]
export const ann = { id: 'ann', roles: [] }
export const teller = { id: 'tina', roles: ['teller'] }
