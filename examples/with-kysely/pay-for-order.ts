/** A row of the shop and an event of the bank in one commit: both, or neither. */
import { type Actor, createApp } from 'dacapo'
import { postgres } from 'dacapo/postgres'
import type { Pool } from 'pg'
import { balances } from '../bank/domain/balances.ts'
import { deposit, openAccount, withdraw } from '../bank/domain/commands.ts'
import { inTransaction } from './kysely-transaction.ts'
import type { Shop } from './shop.ts'

/** The bank, on the pool that the shop uses. */
export const openBank = (pool: Pool) =>
  createApp({ store: postgres(pool), commands: [openAccount, deposit, withdraw], projections: [balances] })

/** Notes an order down and takes the money for it. Whatever fails, the row or the command, undoes the other one. */
export async function payForOrder(bank: ReturnType<typeof openBank>, pool: Pool, order: Shop['orders'], actor: Actor): Promise<void> {
  await inTransaction<Shop, void>(pool, async (trx, client) => {
    await bank.within(client).execute(withdraw({ accountId: order.account, amount: order.cents }), { actor })
    await trx.insertInto('orders').values(order).execute()
  })
}
