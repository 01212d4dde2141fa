/** What is derived from the log: the rows of the view and the states with their snapshots equal what the log alone comes to. */
import { copyFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { Account } from '../examples/bank/domain/account.ts'
import { balances } from '../examples/bank/domain/balances.ts'
import { type Bank, openBank } from '../examples/bank/domain/bank.ts'
import { some } from './some.ts'

export async function checkViews(db: string): Promise<readonly string[]> {
  const copy = `${db}-rebuilt`
  await copyFile(db, copy)
  forgetViews(copy)

  await using bank = openBank(db)
  await using rebuilt = openBank(copy)
  const kept = await rowsOf(bank)
  const again = await rowsOf(rebuilt)
  const folded = fold(db)
  const accounts = new Set([...kept.keys(), ...again.keys(), ...folded.keys()])
  const differing = (one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>) =>
    [...accounts].filter((account) => one.get(account) !== other.get(account))

  const states: string[] = []
  for (const account of accounts) {
    const { state } = await bank.load(Account, account)
    const open = state.status === 'open' ? rowText(state) : undefined
    if (open !== folded.get(account)) states.push(account)
  }
  return [
    some(differing(kept, again), 'rows of the view differ from a rebuild'),
    some(differing(kept, folded), 'rows of the view differ from the sums of the log'),
    some(states, 'states differ from the sums of the log'),
  ].filter((problem) => problem !== undefined)
}

/** Whoever opens it next finds no view, and builds it from the whole log. */
function forgetViews(db: string): void {
  using file = new DatabaseSync(db)
  file.exec('DELETE FROM dacapo_view_rows; DELETE FROM dacapo_views')
}

async function rowsOf(bank: Bank): Promise<ReadonlyMap<string, string>> {
  const rows = new Map<string, string>()
  await bank.prepare()
  for (let after: string | undefined, more = true; more; more = after !== undefined) {
    const page = await bank.view(balances).list({ limit: 1000, after })
    for (const { key, row } of page.rows) rows.set(key, rowText(row))
    after = page.next
  }
  return rows
}

/** The same once more, in SQL: a fault in the framework's folds would be in both of the others. */
function fold(db: string): ReadonlyMap<string, string> {
  using file = new DatabaseSync(db, { readOnly: true })
  const rows = file.prepare(sums).all()
  return new Map(rows.map(({ stream, owner, balance }) => [String(stream).slice('account-'.length), rowText({ owner, balance })]))
}

const sums = `
  SELECT stream, max(data ->> 'owner') AS owner,
    sum(CASE type WHEN 'MoneyDeposited' THEN data ->> 'amount' WHEN 'MoneyWithdrawn' THEN -(data ->> 'amount') ELSE 0 END) AS balance
  FROM dacapo_events GROUP BY stream HAVING sum(type = 'AccountClosed') = 0`

function rowText({ owner, balance }: { readonly owner: unknown; readonly balance: unknown }): string {
  return JSON.stringify([owner, balance])
}
