/**
 * An account's statement, straight from its events; with --version, also what the account was back then.
 *
 *   npx node examples/bank/statement.ts 1001 --version 7
 */
import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { isDatabase, openBank } from './domain/bank.ts'
import { explain } from './job/explain.ts'
import { placeOf, UsageError } from './job/options.ts'
import { describeVersion, drawStatement, readStatement } from './show/statement.ts'
import { paint, say } from './show/terminal.ts'

const help = 'Usage: npx node examples/bank/statement.ts ACCOUNT [--version N] [--db FILE | --store URL]'

try {
  await main()
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { version: { type: 'string' }, db: { type: 'string' }, store: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  const { version } = values
  const [accountId] = positionals
  if (values.help) return console.log(help)
  if (!accountId) throw new UsageError(help)
  if (version !== undefined && !/^[1-9]\d*$/.test(version)) throw new UsageError(`A version is a whole number from 1, not ${version}.`)

  const db = placeOf(values)
  if (!isDatabase(db)) await stat(db) // no bank is founded by asking it for a statement
  await using bank = openBank(db)
  const statement = await readStatement(bank, accountId)
  if (statement.entries.length === 0) throw new UsageError(`${db} has no account ${accountId}.`)
  say('', paint.bold(`Account ${accountId}`), drawStatement(statement, 40))
  if (version !== undefined) say('', await describeVersion(bank, accountId, Number(version)))
  say('')
}
