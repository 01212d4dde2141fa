/** The rules of the bank, for the model: an account is what has happened in its stream. */
import type { Happened, Rule } from './app-model.ts'

interface Input {
  readonly id: string
  readonly amounts: readonly number[]
}

/** An account as its events leave it. */
export function accountOf(events: readonly Happened[]): { readonly status: 'none' | 'open' | 'closed'; readonly balance: number } {
  let status: 'none' | 'open' | 'closed' = 'none'
  let balance = 0
  for (const { type, amount = 0 } of events) {
    if (type === 'AccountOpened') [status, balance] = ['open', 0]
    if (type === 'AccountClosed') status = 'closed'
    if (status === 'open' && type === 'MoneyDeposited') balance += amount
    if (status === 'open' && type === 'MoneyWithdrawn') balance -= amount
  }
  return { status, balance }
}

const stream = ({ id }: Input) => `account-${id}`
const accountIn = (seen: readonly Happened[], input: Input) => accountOf(seen.filter((event) => event.stream === stream(input)))
const sum = (amounts: readonly number[]) => amounts.reduce((a, b) => a + b, 0)
const each = (type: string, amounts: readonly number[]) => amounts.map((amount) => ({ type, amount }))

export const bankRules: Readonly<Record<string, Rule>> = {
  Open: {
    stream,
    decide(seen, input: Input) {
      if (accountIn(seen, input).status !== 'none') return { no: 'AlreadyOpen' }
      return [{ type: 'AccountOpened' }, ...each('MoneyDeposited', input.amounts)]
    },
  },
  Deposit: {
    stream,
    decide(seen, input: Input) {
      const { status } = accountIn(seen, input)
      return status === 'open' ? each('MoneyDeposited', input.amounts) : { no: 'NotOpen', details: { status } }
    },
  },
  Withdraw: {
    stream,
    decide(seen, input: Input) {
      const { status, balance } = accountIn(seen, input)
      if (status !== 'open') return { no: 'NotOpen', details: { status } }
      return balance < sum(input.amounts) ? { no: 'InsufficientFunds', details: { balance } } : each('MoneyWithdrawn', input.amounts)
    },
  },
  Close: {
    stream,
    isForTellers: true,
    decide: (seen, input: Input) => (accountIn(seen, input).status === 'open' ? [{ type: 'AccountClosed' }] : []),
  },
}
