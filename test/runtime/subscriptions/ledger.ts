/** A view in which no two rows may come from different folds: every deposit is booked twice, and the books must balance at any time. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'
import { projection } from '../../../src/index.ts'
import { MoneyDeposited } from '../../domain/bank.ts'

interface Side {
  readonly amount: number
  readonly factor: number
}

/** Folds of one name that differ by a factor in every row. The sources of their functions must differ, too. */
const evolvers = {
  1: (row: Side, event: { readonly data: { readonly amount: number } }, key: string): Side => ({
    amount: row.amount + (key.startsWith('credit') ? 1 : -1) * event.data.amount,
    factor: 1,
  }),
  2: (row: Side, event: { readonly data: { readonly amount: number } }, key: string): Side => ({
    amount: row.amount + (key.startsWith('credit') ? 2 : -2) * event.data.amount,
    factor: 2,
  }),
} as const

export type Factor = keyof typeof evolvers

/** Each deposit is a credit of its account and a debit of one of three tills. */
export function ledger(factor: Factor, more: { readonly partitions?: number; readonly rebuild?: 'auto' } = {}) {
  return projection('ledger', {
    events: [MoneyDeposited],
    consistency: 'async',
    ...more,
    key: ({ subject, data }) => [`credit-${subject}`, `debit-${data.amount % 3}`],
    initial: (): Side => ({ amount: 0, factor: 0 }),
    evolve: { MoneyDeposited: evolvers[factor] },
    indexes: { amount: 'number' },
  })
}

const question = { where: [], orderBy: 'amount', descending: false, limit: 1000, after: undefined }

/** Its rows as they are stored, read at once. */
export async function ledgerRows(store: EventStore, tenant = ''): Promise<Record<string, Side>> {
  const definition = { view: 'ledger', indexes: { amount: 'number' as const }, fingerprint: '' }
  const rows = await store.views.list(tenant, definition, question)
  return Object.fromEntries(rows.map(({ key, row }) => [key, JSON.parse(row)]))
}

/** The rows are of one fold, and nobody sees one side of a deposit without the other. With more than one part, the sides may be apart. */
export function assertBalanced(rows: Record<string, Side>, partitions: number): void {
  const sides = Object.values(rows)
  assert.ok(new Set(sides.map(({ factor }) => factor)).size <= 1, `rows of two folds: ${JSON.stringify(rows)}`)
  if (partitions === 1)
    assert.equal(
      sides.reduce((sum, { amount }) => sum + amount, 0),
      0,
      JSON.stringify(rows),
    )
}

/** What the rows must be: the log, folded from the beginning. */
export async function foldedLedger(store: EventStore, factor: Factor, tenant = ''): Promise<Record<string, Side>> {
  const rows: Record<string, Side> = {}
  for await (const { events } of store.readAll({ tenant, query: [{ types: ['MoneyDeposited'] }] })) {
    for (const { stream, data } of events) {
      const { amount } = JSON.parse(data) as { readonly amount: number }
      for (const key of [`credit-${stream.replace('account-', '')}`, `debit-${amount % 3}`]) {
        rows[key] = evolvers[factor](rows[key] ?? { amount: 0, factor: 0 }, { data: { amount } }, key)
      }
    }
  }
  return rows
}

/** Every generation of rows that there is. */
export async function generationsOf(store: EventStore): Promise<readonly number[]> {
  const found: number[] = []
  for (let generation = 0; generation < 30; generation++) {
    const { rows } = await store.work.scan({ view: 'ledger', generation, after: undefined, limit: 1, subscription: 'projection:ledger' })
    if (rows.length > 0) found.push(generation)
  }
  return found
}

/** Reads all the time, and looks whether what it reads could ever have been there. */
export function watchLedger(store: EventStore, partitions: number) {
  let isOver = false
  let error: unknown
  const factors = new Set<number>()
  let reads = 0
  async function read(): Promise<void> {
    const rows = await ledgerRows(store)
    assertBalanced(rows, partitions)
    for (const { factor } of Object.values(rows)) factors.add(factor)
    reads++
  }
  const watching = (async () => {
    while (!isOver) {
      await read()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })().catch((caught) => {
    error = caught
  })
  return {
    factors,
    get reads() {
      return reads
    },
    /** @throws what it has seen that could not be. */
    async end(): Promise<void> {
      isOver = true
      await watching
      if (error !== undefined) throw error
      await read()
    },
  }
}

/** Waits until something is so. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
