/** Act, as it comes, without the pause of 100 ms that its memory store makes in each call to resemble a distant one. */
import type { Store } from '@rotorsoft/act'
import { z } from 'zod'
import { decide, type Entry, entry, evolve, initial } from './payload.ts'
import type { Open } from './system.ts'

// Act reads these when it is imported.
Object.assign(process.env, { NODE_ENV: 'production', LOG_LEVEL: 'fatal', SLEEP_MS: '0' })
const { act, InMemoryCache, InMemoryStore, SNAP_EVENT, state } = await import('@rotorsoft/act')

const Entered = z.object({ amount: z.number(), owner: z.string(), reference: z.string(), text: z.string() })
const Account = state({ Account: z.object({ entries: z.number(), balance: z.number() }) })
  .init(initial)
  .emits({ Entered })
  .patch({ Entered: ({ data }, before) => evolve(before, data) })
  // Conflicts are not tried again unless it is told to; its documentation advises this form for a stream with many writers.
  .on({ enter: z.object({ accountId: z.string() }) }, { maxRetries: 3, backoff: { strategy: 'exponential', baseMs: 5, jitter: true } })
  .emit((_, snapshot) => ['Entered', decide(snapshot.state)])
  .build()

const actor = { id: 'ann', name: 'ann' }
const meta = { correlation: 'bench', causation: {} }

export const open: Open = async ({ store: kind, at, warm }) => {
  const { store, durability } = kind === 'memory' ? { store: new InMemoryStore() as Store, durability: 'none' } : await openSqlite(at)
  // As many streams stay warm as with Dacapo.
  const cache = new InMemoryCache({ maxSize: warm ? 10_000 : 1 })
  const app = act().withState(Account).build({ scoped: { store, cache } })
  const append = async (stream: string, events: number) => {
    const committed = await store.commit(
      stream,
      Array.from({ length: events }, () => ({ name: 'Entered', data: entry() })),
      meta,
    )
    return committed.at(-1)
  }
  const fillStream = async (stream: string, events: number) => {
    const last = await append(stream, events)
    if (!warm || !last) return
    // What its commands leave behind in its cache; in memory, a load would look through the whole log for each stream.
    const [entries, event_id] = [last.version + 1, last.id]
    await cache.set(stream, { stream, state: { entries, balance: entries }, version: last.version, event_id, patches: entries, snaps: 0 })
  }
  return {
    durability,
    async fill(streams, events) {
      if (kind === 'memory') await Promise.all(streams.map((stream) => fillStream(stream, events)))
      else for (const stream of streams) await fillStream(stream, events)
    },
    async append(streams, events) {
      for (const stream of streams) await append(stream, events)
    },
    async command(streams) {
      for (const stream of streams) await app.do('enter', { stream, actor }, { accountId: stream })
    },
    async load(stream) {
      await app.load(Account, stream)
    },
    async readStream(stream) {
      let count = 0
      await store.query<{ Entered: Entry }>(
        ({ data }) => {
          count += data.amount
        },
        { stream, stream_exact: true },
      )
      return count
    },
    async readAll(onEvent) {
      let count = 0
      for (let after = -1; ; ) {
        const found = await store.query<{ Entered: Entry }>(
          ({ id, data }) => {
            count += data.amount
            after = id
            onEvent?.(count)
          },
          { after, limit: 1000 },
        )
        if (found < 1000) return count
      }
    },
    // As its own snapshots are written: an event of a reserved name that holds the state.
    async snapshot(stream) {
      const { state: data } = await app.load(Account, stream)
      await store.commit(stream, [{ name: SNAP_EVENT, data }], meta)
    },
    close: () => store.dispose(),
  }
}

async function openSqlite(file: string): Promise<{ store: Store; durability: string }> {
  const { SqliteStore } = await import('@rotorsoft/act-sqlite')
  const store = new SqliteStore({ url: `file:${file}` })
  await store.seed()
  const [level] = (await store['client'].execute('PRAGMA synchronous')).rows
  return { store, durability: `synchronous=${level?.['synchronous']}` }
}
