/** Dacapo, as it comes: validation by zod, durability FULL, every index. */
import { z } from 'zod'
import { type AppendRequest, aggregate, command, createApp, encodeEvent, event, memory, newId, sql } from '../../dist/index.js'
import { sqlite } from '../../dist/stores/sqlite/index.js'
import { decide, entry, evolve, initial } from './payload.ts'
import type { Opening, System } from './system.ts'

const Entered = event('Entered', z.object({ amount: z.number(), owner: z.string(), reference: z.string(), text: z.string() }))
const Account = aggregate('account', { events: [Entered], initial, evolve: { Entered: (state, { data }) => evolve(state, data) } })
const enter = command(Account, 'Enter', {
  input: z.object({ accountId: z.string() }),
  id: ({ accountId }) => accountId,
  decide: ({ state }) => Entered(decide(state)),
})

const actor = { id: 'ann', roles: [] }
const metadata = JSON.stringify({ actor })
const idOf = (stream: string) => stream.slice('account-'.length)

export async function openDacapo({ store: kind, file, warm }: Opening): Promise<System> {
  const durable = kind === 'sqlite' ? sqlite(file) : undefined
  const store = durable ?? memory()
  const app = createApp({ store, commands: [enter], defaults: warm ? {} : { memory: { warmStreams: 1 } } })
  const level = await durable?.transaction?.((tx) => tx.sql(sql`SELECT synchronous FROM pragma_synchronous`))
  const request = (stream: string, events: number): AppendRequest => ({
    stream,
    expectedVersion: 'any',
    events: Array.from({ length: events }, () => encodeEvent(Entered, Entered(entry()), newId(), metadata)),
  })
  return {
    durability: level ? `synchronous=${level[0]?.['synchronous']}` : 'none',
    async append(streams, events) {
      for (const result of await store.append(streams.map((stream) => request(stream, events)))) {
        if (result.kind === 'refused') throw result.error
      }
    },
    async command(streams) {
      for (const stream of streams) await app.execute(enter({ accountId: idOf(stream) }), { actor })
    },
    async load(stream) {
      await app.load(Account, idOf(stream))
    },
    async readStream(stream) {
      let count = 0
      for await (const { data } of app.history(Account, idOf(stream))) count += data.amount
      return count
    },
    async readAll() {
      let count = 0
      for await (const { data } of app.events({ types: [Entered] })) count += data.amount
      return count
    },
    async snapshot(stream) {
      await app.snapshots(Account, idOf(stream)).take()
    },
    close: () => app.stop(),
  }
}
