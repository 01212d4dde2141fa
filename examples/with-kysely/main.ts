/** `node main.ts postgres://localhost/shop`: orders of Ann, of which one is too dear, and one comes twice. */
import { Pool } from 'pg'
import { balances } from '../bank/domain/balances.ts'
import { deposit, openAccount } from '../bank/domain/commands.ts'
import { openBank, payForOrder } from './pay-for-order.ts'
import { createTables } from './shop.ts'

const ann = { id: 'Ann', roles: [] }
const pool = new Pool({ connectionString: process.argv[2] ?? 'postgres://localhost/shop' })
const bank = openBank(pool)
await createTables(pool)
await bank.execute(openAccount({ accountId: 'A', owner: 'Ann' }), { actor: ann, idempotencyKey: 'open' })
await bank.execute(deposit({ accountId: 'A', amount: 50_00 }), { actor: ann, idempotencyKey: 'salary' })

for (const [id, cents] of [
  ['a book', 20_00],
  ['a piano', 900_00],
  ['a book', 20_00],
  ['a pen', 3_00],
] as const) {
  const outcome = await payForOrder(bank, pool, { id, account: 'A', cents }, ann).then(
    () => 'paid',
    (error) => error.rejection?.code ?? error.message,
  )
  const { balance } = (await bank.view(balances).get('A'))!
  console.log(`${id}: ${outcome}, ${balance / 100} left`)
}

await bank.stop()
await pool.end()
