/** Dacapo, as it comes: validation by zod, durability FULL, every index. */
import type { AppendRequest, EventStore } from 'dacapo'
import { z } from 'zod'
import { aggregate, command, createApp, encodeEvent, memory, newId, postgres, sql, sqlite } from './built-dacapo.ts'
import { dacapoFollowers } from './dacapo-followers.ts'
import { told } from './durability.ts'
import { Entered } from './entered.ts'
import { decide, entry, evolve, initial } from './payload.ts'
import type { Open, StoreName } from './system.ts'

const Account = aggregate('account', { events: [Entered], initial, evolve: { Entered: (state, { data }) => evolve(state, data) } })
const enter = command(Account, 'Enter', {
  input: z.object({ accountId: z.string() }),
  id: ({ accountId }) => accountId,
  decide: ({ state }) => Entered(decide(state)),
})

const actor = { id: 'ann', roles: [] }
const metadata = JSON.stringify({ actor })
const idOf = (stream: string) => stream.slice('account-'.length)

const storeAt = (kind: StoreName, at: string): EventStore => (kind === 'memory' ? memory() : kind === 'sqlite' ? sqlite(at) : postgres(at))

const settings = {
  sqlite: sql`SELECT synchronous FROM pragma_synchronous`,
  postgres: sql`SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit`,
}

async function durabilityOf(kind: StoreName, store: EventStore): Promise<string> {
  if (kind === 'memory') return 'none'
  const rows = await store.transaction?.((tx) => tx.sql(settings[kind]))
  return told(rows?.[0])
}

export const open: Open = async ({ store: kind, at, warm }) => {
  const store = storeAt(kind, at)
  const app = createApp({ store, commands: [enter], defaults: warm ? {} : { memory: { warmStreams: 1 } } })
  const followers = dacapoFollowers(kind, store)
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
    durability: await durabilityOf(kind, store),
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
    async readPage(after) {
      let count = 0
      for await (const { data } of app.events({ types: [Entered], after, limit: 1000 })) count += data.amount
      return count
    },
    async snapshot(stream) {
      await app.snapshots(Account, idOf(stream)).take()
    },
    followers,
    async close() {
      await followers.stop()
      await app.stop()
    },
  }
}
