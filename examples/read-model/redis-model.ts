/** Rows in Redis: a hash for the rows of a view, and one for its checkpoints, written by one script, which is one write. */
import type { ReadModel } from 'dacapo'

/** What is needed of a client; that of the package `redis` fits as it is. */
export interface RedisClient {
  sendCommand(command: string[]): Promise<unknown>
}

/** A field holds the position and the row, or nothing after the position where the row was deleted. What is not newer is left out. */
const write = `
for i = 3, #ARGV, 3 do
  local there = redis.call('HGET', KEYS[1], ARGV[i])
  if not there or tonumber(string.match(there, '^%d+')) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])`

export function redisModel(client: RedisClient, prefix = 'view'): ReadModel {
  const rowsOf = (view: string) => `${prefix}:{${view}}:rows`
  const checkpointsOf = (view: string) => `${prefix}:{${view}}:checkpoints`
  const idOf = (tenant: string, key: string) => JSON.stringify([tenant, key])
  return {
    async get(view, tenant, key) {
      const field = (await client.sendCommand(['HGET', rowsOf(view), idOf(tenant, key)])) as string | null
      if (field === null) return undefined
      const space = field.indexOf(' ')
      return { position: Number(field.slice(0, space)), row: field.slice(space + 1) || null }
    },
    async write(view, { rows, checkpoint: { share, position: to } }) {
      const fields = rows.flatMap(({ tenant, key, row, position }) => [idOf(tenant, key), `${position}`, row ?? ''])
      await client.sendCommand(['EVAL', write, '2', rowsOf(view), checkpointsOf(view), share, `${to}`, ...fields])
    },
    async checkpoints(view) {
      const script = "return redis.call('HGETALL', KEYS[1])" // a list of names and values, whichever protocol the client speaks
      const flat = (await client.sendCommand(['EVAL', script, '1', checkpointsOf(view)])) as string[]
      return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, Number(flat[i + 1])]] : [])))
    },
  }
}
