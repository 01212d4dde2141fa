/** The example with Kysely: an order and its payment are both there, or neither, whatever fails. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { Account } from '../../examples/bank/domain/account.ts'
import { deposit, openAccount, withdraw } from '../../examples/bank/domain/commands.ts'
import { inTransaction } from '../../examples/with-kysely/kysely-transaction.ts'
import { openBank, payForOrder } from '../../examples/with-kysely/pay-for-order.ts'
import { createTables, type Shop } from '../../examples/with-kysely/shop.ts'
import { freshDatabase } from '../postgres/fresh.ts'
import { postgresServers } from '../postgres/servers.ts'

const example = join(import.meta.dirname, '../../examples/with-kysely')
const ann = { id: 'Ann', roles: [] }
const order = { id: 'a book', account: 'A', cents: 20_00 }

interface Given {
  readonly bank: ReturnType<typeof openBank>
  readonly pool: pg.Pool
  readonly url: string
  /** Orders that are noted down, and what is left of 50. */
  state(): Promise<readonly [orders: number, cents: number]>
}

for (const server of await postgresServers()) {
  const onShop = (sentence: string, run: (given: Given) => Promise<void>) =>
    test(`PostgreSQL ${server.name}: ${sentence}`, async () => {
      const { url, drop } = await freshDatabase(server)
      const pool = new pg.Pool({ connectionString: url, max: 5 })
      pool.on('error', () => {}) // a connection that a test has ended
      const bank = openBank(pool)
      const state = async () => {
        const account = (await bank.load(Account, 'A')).state
        assert.ok(account.status === 'open')
        return [(await pool.query('select from orders')).rowCount!, account.balance] as const
      }
      try {
        await createTables(pool)
        await bank.execute(openAccount({ accountId: 'A', owner: 'Ann' }), { actor: ann })
        await bank.execute(deposit({ accountId: 'A', amount: 50_00 }), { actor: ann })
        await run({ bank, pool, url, state })
        while (pool.idleCount < pool.totalCount) await new Promise((resolve) => setTimeout(resolve, 5)) // hangs if a client was not given back
      } finally {
        await bank.stop()
        await pool.end()
        await drop()
      }
    })

  onShop('an order is noted down with its payment', async ({ bank, pool, state }) => {
    await payForOrder(bank, pool, order, ann)
    assert.deepEqual(await state(), [1, 30_00])
  })

  onShop('a payment that is rejected leaves no order', async ({ bank, pool, state }) => {
    await assert.rejects(payForOrder(bank, pool, { ...order, cents: 900_00 }, ann), { code: 'ES_REJECTED' })
    assert.deepEqual(await state(), [0, 50_00])
  })

  onShop('a payment that is rejected after the order was noted down takes it along', async ({ bank, pool, state }) => {
    const paying = inTransaction<Shop, void>(pool, async (trx, client) => {
      await trx.insertInto('orders').values(order).execute()
      await bank.within(client).execute(withdraw({ accountId: 'A', amount: 900_00 }), { actor: ann })
    })
    await assert.rejects(paying, { code: 'ES_REJECTED' })
    assert.deepEqual(await state(), [0, 50_00])
  })

  onShop('an order that cannot be noted down costs nothing', async ({ bank, pool, state }) => {
    await payForOrder(bank, pool, order, ann)
    await assert.rejects(payForOrder(bank, pool, order, ann), { code: '23505' })
    assert.deepEqual(await state(), [1, 30_00])
  })

  onShop('a connection that breaks in the middle leaves neither', async ({ bank, pool, state }) => {
    const paying = inTransaction<Shop, void>(pool, async (trx, client) => {
      client.on('error', () => {}) // the next statement fails, too
      await trx.insertInto('orders').values(order).execute()
      await bank.within(client).execute(withdraw({ accountId: 'A', amount: 20_00 }), { actor: ann })
      const { rows } = await client.query('select pg_backend_pid() as pid')
      await pool.query('select pg_terminate_backend($1)', [rows[0].pid])
      await trx.selectFrom('orders').select('id').execute()
    })
    await assert.rejects(paying)
    assert.deepEqual(await state(), [0, 50_00])
  })

  onShop('many orders at once are paid one by one, until the money is gone', async ({ bank, pool, state }) => {
    const orders = Array.from({ length: 8 }, (_, i) => ({ ...order, id: `order ${i}` }))
    const paid = await Promise.allSettled(orders.map((one) => payForOrder(bank, pool, one, ann)))
    assert.equal(paid.filter(({ status }) => status === 'fulfilled').length, 2)
    assert.deepEqual(await state(), [2, 10_00])
  })

  test(`PostgreSQL ${server.name}: the program prints what its page says`, async () => {
    const { url, drop } = await freshDatabase(server)
    const { stdout } = await promisify(execFile)(process.execPath, [join(example, 'main.ts'), url])
    assert.ok(readFileSync(join(example, 'README.md'), 'utf8').includes(`\`\`\`\n${stdout}\`\`\``), stdout)
    await drop()
  })
}
