/** How much was paid into an account, and taken out of it: a view that is kept by a model, wherever that is. */
import { projection, type ReadModel } from 'dacapo'
import { AccountClosed, MoneyDeposited, MoneyWithdrawn } from '../bank/domain/events.ts'

export const turnoverIn = (readModel: ReadModel) =>
  projection('turnover', {
    events: [MoneyDeposited, MoneyWithdrawn, AccountClosed],
    consistency: 'async',
    readModel,
    key: (event) => event.subject,
    initial: () => ({ paidIn: 0, takenOut: 0 }),
    evolve: {
      MoneyDeposited: (row, { data }) => ({ ...row, paidIn: row.paidIn + data.amount }),
      MoneyWithdrawn: (row, { data }) => ({ ...row, takenOut: row.takenOut + data.amount }),
      AccountClosed: () => null,
    },
  })
