/** What a person wants to know after a run. */
import { balances } from '../domain/balances.ts'
import { type Bank, isDatabase } from '../domain/bank.ts'
import { formatMoney } from '../domain/money.ts'
import type { Run } from '../job/run.ts'
import type { Tally } from '../job/tally.ts'
import { describeVersion, drawStatement, readStatement } from './statement.ts'
import { table } from './table.ts'
import { harmless, paint, say } from './terminal.ts'

export const count = (n: number) => n.toLocaleString('en')
const heading = (text: string) => ['', paint.bold(text)]

/** The run in numbers. */
export function showRun({ tally, seconds }: Run): void {
  const rejections = [...tally.rejected].sort(([, a], [, b]) => b - a)
  say(
    ...heading(`What became of ${count(tally.lines)} lines`),
    table(
      [{ title: '' }, { title: '', align: 'right' }, { title: '', flexible: true }],
      [
        [paint.green('✔ accepted'), count(tally.accepted), `${count(tally.events)} events`],
        ...rejections.map(([code, n], i) => [i === 0 ? paint.yellow('✘ rejected') : '', count(n), code]),
        [paint.red('! invalid'), count(tally.invalid.length), paint.dim("the sender's mistake")],
        [paint.cyan('↻ duplicate'), count(tally.duplicates), paint.dim('settled before, under the same key')],
      ],
    ),
    `${count(Math.round(tally.lines / seconds))} lines a second, ${seconds.toFixed(1)} s in all; what is accepted is on the disk.`,
  )
  if (tally.events === 0 && tally.duplicates > 0) say('', paint.green('Nothing changed: everything here had been settled before.'))
}

/** The first lines that could not be read as a request. */
export function showInvalid({ invalid }: Tally, atMost = 10): void {
  if (invalid.length === 0) return
  const more = invalid.length - atMost
  say(
    ...heading('Invalid lines'),
    table(
      [
        { title: 'line', align: 'right' },
        { title: 'reason', flexible: true },
      ],
      invalid.slice(0, atMost).map(({ line, reason }) => [count(line), harmless(reason)]),
    ),
    ...(more > 0 ? [paint.dim(`… and ${count(more)} more: --json lists all of them.`)] : []),
  )
}

/** The largest balances, and the story of the busiest account among them: returns its id and its lowest point. */
export async function showBank(bank: Bank): Promise<{ readonly accountId: string; readonly version: number } | undefined> {
  const { rows } = await bank.view(balances).list({ orderBy: 'balance', descending: true, limit: 10 })
  if (rows.length === 0) return undefined
  say(
    ...heading('The largest balances'),
    table(
      [{ title: 'account' }, { title: 'owner', flexible: true }, { title: 'balance', align: 'right' }],
      rows.map(({ key, row }) => [key, harmless(row.owner), formatMoney(row.balance)]),
    ),
  )

  const statements = await Promise.all(rows.map(({ key }) => readStatement(bank, key)))
  const busiest = statements.reduce((a, b) => (b.entries.length > a.entries.length ? b : a))
  const { accountId, entries } = busiest
  const [, , ...later] = entries // it is opened, it gets its first money, and then its life begins
  const { version } = (later.length > 0 ? later : entries).reduce((a, b) => (b.balance < a.balance ? b : a))
  say(
    ...heading(
      `The ${count(entries.length)} events of account ${accountId}, ${harmless(rows.find(({ key }) => key === accountId)!.row.owner)}`,
    ),
    drawStatement(busiest, 10),
    paint.dim('Its lowest point, folded again from the beginning:'),
    await describeVersion(bank, accountId, version),
  )
  return { accountId, version }
}

/**
 * Lines to copy.
 *
 * @param args  what this run was started with.
 */
export function showNext(
  example: { readonly accountId: string; readonly version: number } | undefined,
  args: readonly string[],
  db: string,
): void {
  const npmStart = (options: readonly string[]) => ['npm start', ...(options.length > 0 ? ['--', ...options.map(quote)] : [])].join(' ')
  const statement = (of: { readonly accountId: string; readonly version: number }) =>
    `npx node examples/bank/statement.ts ${quote(of.accountId)} --version ${of.version}${db === 'bank.db' ? '' : ` ${isDatabase(db) ? '--store' : '--db'} ${quote(db)}`}`
  const next: readonly (readonly [command: string, why: string])[] = [
    [npmStart(args), 'Again: each line is known by its key, and nothing changes.'],
    ...(example ? [[statement(example), 'An account as it was at a version of its past.'] as const] : []),
    [npmStart(['--db', 'second.db']), 'A second bank: press Ctrl-C in the middle, then start it again.'],
    [npmStart([...args, '--json']), 'For programs: one JSON object.'],
  ]
  say(...heading('Try next'), ...next.flatMap(([command, why]) => [paint.dim(`# ${why}`), paint.cyan(command)]), '')
}

function quote(text: string): string {
  return /^[\w./=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
