/** Dacapo, as it comes: validation by zod, durability FULL, every index. */
import type { AppendRequest } from 'dacapo'
import { z } from 'zod'
import { aggregate, command, createApp, encodeEvent, event, memory, newId, sql, sqlite } from './built-dacapo.ts'
import { decide, entry, evolve, initial } from './payload.ts'
import type { Open } from './system.ts'

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

export const open: Open = async ({ store: kind, file, warm }) => {
  const durable = kind === 'sqlite' ? sqlite(file) : undefined
  const store = durable ?? memory()
  const app = createApp({ store, commands: [enter], defaults: warm ? {} : { memory: { warmStreams: 1 } } })
  const level = await durable?.transaction?.((tx) => tx.sql(sql`SELECT synchronous FROM pragma_synchronous`))
  const request = (stream: string, events: number): AppendRequest => ({
    stream,
    expectedVersion: 'any',
    events: Array.from({ length: events }, () => encodeEvent(Entered, Entered(entry()), newId(), metadata)),
  })
  const append = async (streams: readonly string[], events: number) => {
    for (const result of await store.append(streams.map((stream) => request(stream, events)))) {
      if (result.kind === 'refused') throw result.error
    }
  }
  const execute = (stream: string) => app.execute(enter({ accountId: idOf(stream) }), { actor })
  const load = async (stream: string) => {
    await app.load(Account, idOf(stream))
  }
  return {
    durability: level ? `synchronous=${level[0]?.['synchronous']}` : 'none',
    async fill(streams, events) {
      for (let from = 0; from < streams.length; from += 100) await append(streams.slice(from, from + 100), events)
    },
    append,
    async command(streams) {
      for (const stream of streams) await execute(stream)
    },
    // A state is warm after its first command, not by having been looked at.
    async keepWarm(streams) {
      for (let from = 0; from < streams.length; from += 100) await Promise.all(streams.slice(from, from + 100).map(execute))
    },
    load,
    async readStream(stream) {
      let count = 0
      for await (const { data } of app.history(Account, idOf(stream))) count += data.amount
      return count
    },
    async readAll(onEvent) {
      let count = 0
      for await (const { data } of app.events({ types: [Entered] })) {
        count += data.amount
        onEvent?.(count)
      }
      return count
    },
    async snapshot(stream) {
      await app.snapshots(Account, idOf(stream)).take()
    },
    close: () => app.stop(),
  }
}
