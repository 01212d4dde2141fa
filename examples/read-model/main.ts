/** `node main.ts [redis://localhost]`: a view in a Map, or in Redis; and what is there after a restart. */
import { rmSync } from 'node:fs'
import { createApp } from 'dacapo'
import { sqlite } from 'dacapo/sqlite'
import { deposit, openAccount, withdraw } from '../bank/domain/commands.ts'
import { mapModel } from './map-model.ts'
import { type RedisClient, redisModel } from './redis-model.ts'
import { turnoverIn } from './turnover.ts'

const file = process.env['BANK_FILE'] ?? 'turnover.db'
const [, , url] = process.argv
const ann = { id: 'Ann', roles: [] }

/** Whoever has Redis has its client; this repository does not. */
async function connect(): Promise<RedisClient & { close(): unknown }> {
  const client: string = 'redis'
  const { createClient } = await import(client)
  return createClient({ url }).connect()
}

const redis = url === undefined ? undefined : await connect()
await redis?.sendCommand(['DEL', 'view:{turnover}:rows', 'view:{turnover}:checkpoints'])
rmSync(file, { force: true })

for (const day of ['Monday', 'Tuesday']) {
  const turnover = turnoverIn(redis ? redisModel(redis) : mapModel())
  const bank = createApp({ store: sqlite(file), commands: [openAccount, deposit, withdraw], projections: [turnover] })
  await bank.start()
  if (day === 'Monday') await bank.execute(openAccount({ accountId: 'A', owner: 'Ann' }), { actor: ann })
  await bank.execute(deposit({ accountId: 'A', amount: 50_00 }), { actor: ann })
  const { position } = await bank.execute(withdraw({ accountId: 'A', amount: 20_00 }), { actor: ann })
  const row = await bank.view(turnover).get('A', { atLeast: position })
  console.log(`${day}: ${(row?.paidIn ?? 0) / 100} in, ${(row?.takenOut ?? 0) / 100} out`)
  await bank.stop()
}
await redis?.close()
