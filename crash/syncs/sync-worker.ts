/**
 * A writing process to be watched from outside: it asks one thing at a time, and writes a mark into a file before it asks and as
 * soon as it is answered. Marks and syncs then stand in one trace, in the order in which the system saw them.
 */
import { openSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { createApp } from 'dacapo'
import { sqlite } from 'dacapo/sqlite'
import { balances } from '../../examples/bank/domain/balances.ts'
import { type Bank, openBank } from '../../examples/bank/domain/bank.ts'
import { deposit, openAccount, withdraw } from '../../examples/bank/domain/commands.ts'
import { transfer } from '../../examples/bank/domain/transfer.ts'

/** What it is told at its start. */
export interface SyncOrders {
  readonly db: string
  readonly marks: string
  readonly rounds: number
  /** The control: an open handle, whose owner turns its syncs off behind the store's back. */
  readonly synchronousOff: boolean
}

const { db, marks, rounds, synchronousOff }: SyncOrders = JSON.parse(process.argv[2] as string)
const actor = { id: 'tom', roles: ['teller'] }
const fd = openSync(marks, 'a')

const bank = synchronousOff ? await openWithoutSyncs() : openBank(db)
await bank.prepare()
let number = 0
for (const accountId of ['A', 'B']) await marked(() => bank.execute(openAccount({ accountId, owner: 'Ann' }), { actor }))
for (let round = 0; round < rounds; round++) {
  await marked(() => bank.execute(deposit({ accountId: 'A', amount: 3 }), { actor }))
  await marked(() => bank.execute(withdraw({ accountId: 'A', amount: 1 }), { actor }))
  await marked((key) => transfer(bank, { from: 'A', to: 'B', amount: 1, transferId: key }, { actor, idempotencyKey: key }))
}
await bank.stop()

async function marked(work: (key: string) => Promise<unknown>): Promise<void> {
  const key = String(++number)
  writeSync(fd, `asked ${key}\n`)
  await work(key)
  writeSync(fd, `answered ${key}\n`)
}

async function openWithoutSyncs(): Promise<Bank> {
  const handle = new DatabaseSync(db)
  const commands = [openAccount, deposit, withdraw] as const
  const bank = createApp({ store: sqlite(handle), commands, projections: [balances] }) as unknown as Bank
  await bank.prepare() // sets synchronous = FULL
  handle.exec('PRAGMA synchronous = OFF')
  return bank
}
