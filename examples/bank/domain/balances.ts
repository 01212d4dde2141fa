/** One row for each open account, changed in the same commit as the events: never behind, never ahead. */
import { projection } from 'dacapo'
import { AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn } from './events.ts'

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
