/** The floor on SQLite: node:sqlite alone writes the rows that Dacapo writes, into Dacapo's own tables, as durably. */
import { DatabaseSync } from 'node:sqlite'
import { newId } from '../../dist/index.js'
import { sqlite } from '../../dist/stores/sqlite/index.js'
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import type { Opening, System } from './system.ts'

const metadata = JSON.stringify({ actor: { id: 'ann', roles: [] } })

export async function openRawSqlite({ file, warm }: Opening): Promise<System> {
  const store = sqlite(file)
  await store.migrate()
  await store.close()
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const head = database.prepare('SELECT max(position) AS position FROM dacapo_events')
  const version = database.prepare("SELECT version, first_position FROM dacapo_streams WHERE tenant = '' AND stream = ?")
  const insert = database.prepare(
    `INSERT INTO dacapo_events (position, tenant, stream, version, id, type, schema_version, data, metadata, tags, correlation_id, recorded_at, occurred_at)
     VALUES (?, '', ?, ?, ?, 'Entered', 1, ?, ?, NULL, NULL, ?, NULL)`,
  )
  const upsert = database.prepare(
    `INSERT INTO dacapo_streams (tenant, stream, version, first_position, last_position, recorded_at) VALUES ('', ?, ?, ?, ?, ?)
     ON CONFLICT (tenant, stream) DO UPDATE SET version = excluded.version, last_position = excluded.last_position, recorded_at = excluded.recorded_at`,
  )
  const select = database.prepare("SELECT data FROM dacapo_events WHERE tenant = '' AND stream = ? AND version > ? ORDER BY version")
  const page = database.prepare('SELECT position, data FROM dacapo_events WHERE position > ? ORDER BY position LIMIT 1000')
  const newest = database.prepare(
    "SELECT version, body FROM dacapo_snapshots WHERE tenant = '' AND stream = ? ORDER BY version DESC LIMIT 1",
  )
  const states = new Map<string, State>()

  function write(stream: string, entries: readonly Entry[], recordedAt: number): void {
    let position = Number(head.get()?.['position'] ?? 0)
    const known = version.get(stream)
    const first = Number(known?.['first_position'] ?? position + 1)
    let at = Number(known?.['version'] ?? 0)
    for (const data of entries) insert.run(++position, stream, ++at, newId(), JSON.stringify(data), metadata, recordedAt)
    upsert.run(stream, at, first, position, recordedAt)
  }

  function commit(work: () => void): void {
    database.exec('BEGIN IMMEDIATE')
    work()
    database.exec('COMMIT')
  }

  function load(stream: string): State {
    const warmState = states.get(stream)
    if (warmState) return warmState
    const snapshot = newest.get(stream)
    let state = snapshot ? (JSON.parse(String(snapshot['body'])) as State) : initial()
    for (const { data } of select.all(stream, Number(snapshot?.['version'] ?? 0))) state = evolve(state, JSON.parse(String(data)))
    return state
  }

  return {
    durability: `synchronous=${database.prepare('PRAGMA synchronous').get()?.['synchronous']}`,
    append(streams, events) {
      commit(() => {
        for (const stream of streams) write(stream, Array.from({ length: events }, entry), Date.now())
      })
    },
    command(streams) {
      commit(() => {
        for (const stream of streams) {
          const state = load(stream)
          const data = decide(state)
          write(stream, [data], Date.now())
          if (warm) states.set(stream, evolve(state, data))
        }
      })
    },
    load(stream) {
      const state = load(stream)
      if (warm) states.set(stream, state)
    },
    readStream(stream) {
      let count = 0
      for (const { data } of select.all(stream, 0)) count += (JSON.parse(String(data)) as Entry).amount
      return count
    },
    readAll() {
      let count = 0
      for (let after = 0; ; ) {
        const rows = page.all(after)
        for (const { data } of rows) count += (JSON.parse(String(data)) as Entry).amount
        if (rows.length < 1000) return count
        after = Number(rows.at(-1)?.['position'])
      }
    },
    close: () => database.close(),
  }
}
