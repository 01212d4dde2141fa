/** The view of the cases: balances by account, set beside two deposits. */
import type { AppendResult, EventStore } from '../../core/event-store.ts'
import type { BuiltRow, ViewStore, ViewWrite } from '../../core/view-store.ts'
import { append, deposits, to } from './bank.ts'

/** A row of the view `balances`. */
export const balance = (key: string, expectedRowVersion: number, amount: number | null): ViewWrite => ({
  view: 'balances',
  key,
  expectedRowVersion,
  row: amount === null ? null : JSON.stringify({ owner: 'Zoë 😀', balance: amount }),
})

/** Sets rows with an append. */
export const set = (store: EventStore, ...views: readonly ViewWrite[]): Promise<AppendResult> =>
  append(store, to('account-1', deposits(2), { views }))

/** Balance and row version; no balance for a deleted row, nothing for one that was never written. */
export const amountOf = async (store: { readonly views: Pick<ViewStore, 'get'> }, key: string) => {
  const found = await store.views.get('', 'balances', key)
  return found && [found.row === null ? null : JSON.parse(found.row).balance, found.rowVersion]
}

/** A row that a rebuild makes. */
export const built = (key: string, amount: number): BuiltRow => ({ tenant: '', key, row: JSON.stringify({ balance: amount }) })
