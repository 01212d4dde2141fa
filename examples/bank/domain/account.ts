/** An account: its past, folded into what its commands need to know. */
import { aggregate } from 'dacapo'
import { AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn } from './events.ts'

/** An account that nobody has opened yet has the status `none`. A closed one still knows whose it was. */
export type AccountState =
  | { readonly status: 'none' }
  | { readonly status: 'open' | 'closed'; readonly owner: string; readonly balance: number }

export const Account = aggregate('account', {
  events: [AccountOpened, MoneyDeposited, MoneyWithdrawn, AccountClosed],
  initial: (): AccountState => ({ status: 'none' }),
  evolve: {
    AccountOpened: (_, { data }) => ({ status: 'open', owner: data.owner, balance: 0 }),
    MoneyDeposited: (account, { data }) => moved(account, data.amount),
    MoneyWithdrawn: (account, { data }) => moved(account, -data.amount),
    AccountClosed: (account) => (account.status === 'none' ? account : { ...account, status: 'closed' }),
  },
  snapshot: { everyEvents: 100 },
})

function moved(account: AccountState, cents: number): AccountState {
  return account.status === 'none' ? account : { ...account, balance: account.balance + cents }
}
