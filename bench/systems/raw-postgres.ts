/** The floor on PostgreSQL: `pg` alone, on one connection, writes the rows that Dacapo writes, into Dacapo's own tables, as durably. */
import { Client } from 'pg'
import { newId, postgres } from './built-dacapo.ts'
import { settingsQuery, told } from './durability.ts'
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import { rawFollowers } from './raw-followers.ts'
import { columns, type EventRow, metadata, parsed, streamColumn } from './raw-rows.ts'
import type { Open } from './system.ts'

export const open: Open = async ({ at: url, warm }) => {
  const store = postgres(url)
  await store.migrate()
  await store.close()
  const client = new Client({ connectionString: url })
  await client.connect()
  const insert = statement(
    'insert',
    `INSERT INTO dacapo.events (position, tenant, stream, version, id, type, schema_version, data, metadata, tags, correlation_id, recorded_at, occurred_at)
     SELECT $1::bigint + n, '', stream, version, id, 'Entered', 1, data, metadata, NULL, NULL, $2, NULL
     FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY AS e(stream, version, id, data, metadata, n)`,
  )
  const stream = rows('stream', "tenant = '' AND stream = $1 AND version > $2 ORDER BY version")
  const several = rows('several', "tenant = '' AND stream = ANY ($1) ORDER BY stream, version")
  const page = rows('page', 'position > $1 ORDER BY position LIMIT 1000')
  const newest = statement(
    'newest',
    "SELECT version, body FROM dacapo.snapshots WHERE tenant = '' AND stream = $1 ORDER BY version DESC LIMIT 1",
  )
  /** What it has written is known without a look: it is alone. */
  const versions = new Map<string, number>()
  let head = Number((await client.query('SELECT max(position) AS head FROM dacapo.events')).rows[0].head ?? 0)
  const states = new Map<string, State>()

  /** Planned once; answers with whole rows, as arrays. */
  function statement(name: string, text: string) {
    return async (values: readonly unknown[]): Promise<readonly (readonly unknown[])[]> =>
      (await client.query({ name, text, values: [...values], rowMode: 'array' })).rows
  }

  function rows(name: string, where: string) {
    return statement(name, `SELECT ${columns} FROM dacapo.events WHERE ${where}`) as (
      values: readonly unknown[],
    ) => Promise<readonly EventRow[]>
  }

  /** In one statement, which is a commit and a round trip. */
  async function write(events: readonly (readonly [stream: string, data: Entry])[]): Promise<void> {
    const places = events.map(([name]) => {
      const version = (versions.get(name) ?? 0) + 1
      versions.set(name, version)
      return version
    })
    const before = head
    head += events.length
    await insert([
      before,
      Date.now(),
      events.map(([name]) => name),
      places,
      events.map(() => newId()),
      events.map(([, data]) => JSON.stringify(data)),
      events.map(() => metadata),
    ])
  }

  const append = (streams: readonly string[], events: number) =>
    write(streams.flatMap((name) => Array.from({ length: events }, () => [name, entry()] as const)))

  async function load(name: string): Promise<State> {
    const [snapshot] = await newest([name])
    let state = snapshot ? (JSON.parse(String(snapshot[1])) as State) : initial()
    for (const [, data] of await stream([name, snapshot?.[0] ?? 0])) state = evolve(state, JSON.parse(data))
    return state
  }

  /** All that are not warm in one round trip. */
  async function statesOf(names: readonly string[]): Promise<Map<string, State>> {
    const found = new Map(names.map((name) => [name, states.get(name) ?? initial()]))
    const cold = names.filter((name) => !states.has(name))
    if (cold.length === 0) return found
    for (const row of await several([cold])) {
      const name = row[streamColumn] as string
      found.set(name, evolve(found.get(name) as State, JSON.parse(row[1])))
    }
    return found
  }

  const put = statement(
    'put',
    `WITH step AS (UPDATE bench_position SET position = $1)
     INSERT INTO bench_rows SELECT * FROM unnest($2::text[], $3::text[]) ON CONFLICT (stream) DO UPDATE SET row = excluded.row`,
  )
  const followers = rawFollowers({
    page: (after) => page([after]),
    streamOf: (row) => String(row[streamColumn]),
    head: () => head,
    async prepare() {
      await client.query(`DROP TABLE IF EXISTS bench_rows, bench_position;
        CREATE TABLE bench_rows (stream text COLLATE "C" PRIMARY KEY, row text NOT NULL);
        CREATE TABLE bench_position (position bigint NOT NULL); INSERT INTO bench_position VALUES (0)`)
    },
    commit: async (rows, position) => void (await put([position, [...rows.keys()], [...rows.values()].map((row) => JSON.stringify(row))])),
  })

  return {
    followers,
    durability: told((await client.query(settingsQuery)).rows[0]),
    async fill(names, events) {
      for (let from = 0; from < names.length; from += 100) await append(names.slice(from, from + 100), events)
    },
    append,
    async command(names) {
      const running = await statesOf(names)
      const events = names.map((name) => {
        const state = running.get(name) as State
        const data = decide(state)
        running.set(name, evolve(state, data))
        return [name, data] as const
      })
      await write(events)
      if (warm) for (const [name, state] of running) states.set(name, state)
    },
    async keepWarm(names) {
      for (let from = 0; from < names.length; from += 100) {
        for (const [name, state] of await statesOf(names.slice(from, from + 100))) states.set(name, state)
      }
    },
    async load(name) {
      await load(name)
    },
    async readStream(name) {
      let count = 0
      for (const row of await stream([name, 0])) count += parsed(row).amount
      return count
    },
    async readPage(after) {
      return (await page([after])).map(parsed).length
    },
    async readAll(onEvent) {
      let count = 0
      for (let after: number | string = 0; ; ) {
        const events = await page([after])
        for (const row of events) {
          count += parsed(row).amount
          onEvent?.(count)
        }
        const last = events.at(-1)
        if (!last || events.length < 1000) return count
        after = last[0]
      }
    },
    close: () => client.end(),
  }
}
