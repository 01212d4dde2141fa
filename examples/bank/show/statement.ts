/** One account's history: every event, the balance after it, and the curve of the day. */
import { Account } from '../domain/account.ts'
import type { Bank } from '../domain/bank.ts'
import { formatMoney } from '../domain/money.ts'
import { sparkline } from './sparkline.ts'
import { table } from './table.ts'
import { harmless, paint, width } from './terminal.ts'

interface Entry {
  readonly version: number
  readonly what: string
  readonly change: number
  readonly balance: number
  readonly by: string
}

export interface Statement {
  readonly accountId: string
  readonly entries: readonly Entry[]
}

/** Reads the account's events from the beginning. */
export async function readStatement(bank: Bank, accountId: string): Promise<Statement> {
  const entries: Entry[] = []
  let balance = 0
  for await (const event of bank.history(Account, accountId)) {
    const change = event.type === 'MoneyDeposited' ? event.data.amount : event.type === 'MoneyWithdrawn' ? -event.data.amount : 0
    balance += change
    const transfer = 'transferId' in event.data && event.data.transferId ? paint.dim(` ${harmless(event.data.transferId)}`) : ''
    const { id } = event.metadata.actor as { readonly id: string }
    entries.push({ version: event.version, what: event.type + transfer, change, balance, by: harmless(id) })
  }
  return { accountId, entries }
}

/** The first and the last events as a table, `rows` in all, and the whole day as a line of bars. */
export function drawStatement({ entries }: Statement, rows: number): string {
  const head = entries.slice(0, entries.length > rows ? 3 : rows)
  const tail = entries.slice(Math.max(head.length, entries.length - (rows - head.length)))
  const skipped = entries.length - head.length - tail.length
  const columns = [
    { title: 'version', align: 'right' },
    { title: 'event' },
    { title: 'amount', align: 'right' },
    { title: 'balance', align: 'right' },
    { title: 'by', flexible: true },
  ] as const
  const gap = skipped > 0 ? [['⋮', paint.dim(`${skipped} more`), '⋮', '⋮', '']] : []
  return `${table(columns, [...head.map(row), ...gap, ...tail.map(row)])}\n${curve(entries.map(({ balance }) => balance))}`
}

function curve(balances: readonly number[]): string {
  const low = formatMoney(Math.min(...balances))
  const high = formatMoney(Math.max(...balances))
  const line = sparkline(balances, width - low.length - high.length - 10)
  return `${paint.dim(low)} ${paint.cyan(line)} ${paint.dim(high)}`
}

/** What the account was at a version of its past: the fold of its first events, and of no others. */
export async function describeVersion(bank: Bank, accountId: string, version: number): Promise<string> {
  const { state, ...found } = await bank.load(Account, accountId, { version })
  const was = state.status === 'none' ? 'not there yet' : `${state.status}, with ${paint.bold(formatMoney(state.balance))} on it`
  return `At version ${found.version} it was ${was}.`
}

function row({ version, what, change, balance, by }: Entry): string[] {
  const signed = change === 0 ? '' : change > 0 ? paint.green(`+${formatMoney(change)}`) : paint.red(formatMoney(change))
  return [String(version), what, signed, formatMoney(balance), by]
}
