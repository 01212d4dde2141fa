/** The floor on SQLite: node:sqlite alone writes the rows that Dacapo writes, into Dacapo's own tables, as durably. */
import { DatabaseSync } from 'node:sqlite'
import { newId, sqlite } from './built-dacapo.ts'
import { decide, type Entry, entry, evolve, initial, type State } from './payload.ts'
import { rawFollowers } from './raw-followers.ts'
import { columns, type EventRow, metadata, parsed, streamColumn } from './raw-rows.ts'
import type { Open } from './system.ts'

export const open: Open = async ({ at: file, warm }) => {
  const store = sqlite(file)
  await store.migrate()
  await store.close()
  const database = new DatabaseSync(file)
  // What Dacapo asks for, too, or its checkpoints would be compared with others.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000')
  const head = database.prepare('SELECT max(position) AS position FROM dacapo_events')
  const version = database.prepare("SELECT version FROM dacapo_events WHERE tenant = '' AND stream = ? ORDER BY version DESC LIMIT 1")
  const insert = database.prepare(
    `INSERT INTO dacapo_events (position, tenant, stream, version, id, type, schema_version, data, metadata, tags, correlation_id, recorded_at, occurred_at)
     VALUES (?, '', ?, ?, ?, 'Entered', 1, ?, ?, NULL, NULL, ?, NULL)`,
  )
  const select = rows("tenant = '' AND stream = ? AND version > ? ORDER BY version")
  const page = rows('position > ? ORDER BY position LIMIT 1000')
  const newest = database.prepare(
    "SELECT version, body FROM dacapo_snapshots WHERE tenant = '' AND stream = ? ORDER BY version DESC LIMIT 1",
  )
  const states = new Map<string, State>()

  /** A statement for whole events, the fastest way that the driver has. */
  function rows(where: string) {
    const statement = database.prepare(`SELECT ${columns} FROM dacapo_events WHERE ${where}`)
    statement.setReturnArrays(true)
    return { all: (...values: readonly (string | number)[]) => statement.all(...values) as unknown as readonly EventRow[] }
  }

  function write(stream: string, entries: readonly Entry[], recordedAt: number): void {
    let position = Number(head.get()?.['position'] ?? 0)
    let at = Number(version.get(stream)?.['version'] ?? 0)
    for (const data of entries) insert.run(++position, stream, ++at, newId(), JSON.stringify(data), metadata, recordedAt)
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
    for (const [, data] of select.all(stream, Number(snapshot?.['version'] ?? 0))) state = evolve(state, JSON.parse(data))
    return state
  }

  function append(streams: readonly string[], events: number): void {
    commit(() => {
      for (const stream of streams) write(stream, Array.from({ length: events }, entry), Date.now())
    })
  }

  const followers = rawFollowers({
    page: (after) => page.all(after),
    streamOf: (row) => String(row[streamColumn]),
    head: () => Number(head.get()?.['position'] ?? 0),
    prepare() {
      database.exec(`DROP TABLE IF EXISTS bench_rows; DROP TABLE IF EXISTS bench_position;
        CREATE TABLE bench_rows (stream TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE bench_position (position INTEGER NOT NULL); INSERT INTO bench_position VALUES (0)`)
    },
    commit(rows, position) {
      const put = database.prepare('INSERT INTO bench_rows VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET row = excluded.row')
      commit(() => {
        for (const [stream, row] of rows) put.run(stream, JSON.stringify(row))
        database.prepare('UPDATE bench_position SET position = ?').run(position)
      })
    },
  })

  return {
    followers,
    durability: `synchronous=${database.prepare('PRAGMA synchronous').get()?.['synchronous']}`,
    fill: append,
    append,
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
    keepWarm(names) {
      for (const stream of names) states.set(stream, load(stream))
    },
    load(stream) {
      load(stream)
    },
    readStream(stream) {
      let count = 0
      for (const row of select.all(stream, 0)) count += parsed(row).amount
      return count
    },
    readAll(onEvent) {
      let count = 0
      for (let after: number | string = 0; ; ) {
        const events = page.all(after)
        for (const row of events) {
          count += parsed(row).amount
          onEvent?.(count)
        }
        const last = events.at(-1)
        if (!last || events.length < 1000) return count
        after = last[0]
      }
    },
    close: () => database.close(),
  }
}
