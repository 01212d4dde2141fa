/** What became of the orders of the evening. */
import { formatMoney } from '../domain/money.ts'
import type { Evening } from '../job/evening.ts'
import { table } from './table.ts'
import { paint, say } from './terminal.ts'

const marks: Readonly<Record<string, string>> = {
  settled: paint.green('✔ settled'),
  compensated: paint.yellow('↩ compensated'),
  failed: paint.red('✘ failed'),
}

export function showEvening({ orders, balances, unprinted, printed }: Evening): void {
  say(
    '',
    paint.bold('In the evening: orders, settled by a process manager'),
    table(
      [
        { title: 'order' },
        { title: 'from' },
        { title: 'to' },
        { title: 'amount', align: 'right' },
        { title: '' },
        { title: '', flexible: true },
      ],
      orders.map(({ orderId, from, to, amount, status, why }) => [orderId, from, to, formatMoney(amount), marks[status] ?? status, why]),
    ),
    `Balances: ${balances.map(({ key, row }) => `${key} ${formatMoney(row.balance)}`).join(', ')}: what was compensated is back.`,
    ...receipts(unprinted.length, printed),
  )
}

function receipts(unprinted: number, printed: number): readonly string[] {
  if (printed === 0) return [paint.dim('Receipts: all of them had been printed before.')]
  if (unprinted === 0) return [`Receipts: ${printed} printed.`]
  return [`Receipts: no paper for ${unprinted}, so they were dead letters; now all ${printed} are printed.`]
}
