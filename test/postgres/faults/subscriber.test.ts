/** A subscriber that asks for `position > last` only, while batches and transactions of any length come and go: it misses nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { EventStore } from '../../../src/core/event-store.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshSchema } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import { deposit } from './requests.ts'
import { assertSound, storedLog } from './stored-log.ts'
import { subscribe } from './subscriber.ts'

const seconds = 4
const clients = 6
const streams = 12

/** Any of a few things that a client does over and over, each with the number of events that it commits. */
interface Writer {
  /** Two events at once. */
  batch(stream: string): Promise<number>
  /** An event at the beginning of a transaction, one at its end, which is a while later. */
  transaction(stream: string, openMs: number, undo: boolean): Promise<number>
}

/** A third of the work is done in transactions that are open for 1–60 ms, a quarter of which is undone. */
async function load(writer: Writer): Promise<number> {
  const end = performance.now() + seconds * 1000
  const int = (below: number) => Math.floor(Math.random() * below)
  const client = async () => {
    let committed = 0
    while (performance.now() < end) {
      const stream = `account-${int(streams)}`
      committed += int(3) === 0 ? await writer.transaction(stream, 1 + int(60), int(4) === 0) : await writer.batch(stream)
      await pause(int(10))
    }
    return committed
  }
  return (await Promise.all(Array.from({ length: clients }, client))).reduce((sum, count) => sum + count)
}

class Undone extends Error {}

function writerOf(store: EventStore): Writer {
  return {
    async batch(stream) {
      const [result] = await store.append([deposit(stream, 2)])
      assert.equal(result!.kind, 'appended')
      return 2
    },
    async transaction(stream, openMs, undo) {
      const work = store.transaction!(async (transaction) => {
        assert.equal((await transaction.append(deposit(stream))).kind, 'appended')
        await pause(openMs)
        assert.equal((await transaction.append(deposit(stream))).kind, 'appended')
        if (undo) throw new Undone()
      })
      return work.then(
        () => 2,
        (error) => {
          if (error instanceof Undone) return 0
          throw error
        },
      )
    },
  }
}

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: a subscriber sees each committed event once, in order, while transactions commit in any order`, async () => {
    const { url, name: schema, drop } = await freshSchema(server)
    const store = postgres(url, { schema })
    await store.migrate()
    // Another store as in another process: it has no way to hear of a commit but to look.
    const reader = postgres(url, { schema, maxConnections: 2 })
    const subscriber = subscribe(reader)
    const committed = await load(writerOf(store))
    const delivered = await subscriber.end()
    const log = await storedLog(url, schema)
    assertSound(log)
    assert.equal(log.length, committed)
    assert.deepEqual(delivered, log)
    await Promise.all([store.close(), reader.close()])
    await drop()
  })

  test(`PostgreSQL ${server.name}: control: the same subscriber loses events of a table that is numbered by a sequence`, async () => {
    const { url, drop } = await freshSchema(server)
    const pool = new pg.Pool({ connectionString: url, max: clients + 1 })
    await pool.query('create table log (position bigserial primary key, stream text)')
    const insert = 'insert into log (stream) values ($1)'
    const writer: Writer = {
      async batch(stream) {
        await pool.query(`${insert}, ($1)`, [stream])
        return 2
      },
      async transaction(stream, openMs, undo) {
        const client = await pool.connect()
        await client.query('begin')
        await client.query(insert, [stream])
        await pause(openMs)
        await client.query(insert, [stream])
        await client.query(undo ? 'rollback' : 'commit')
        client.release()
        return undo ? 0 : 2
      },
    }
    let delivered = 0
    let last = 0
    const look = async () => {
      const { rows } = await pool.query('select position::float8 from log where position > $1 order by position', [last])
      delivered += rows.length
      last = rows.at(-1)?.position ?? last
    }
    let ended = false
    const polling = (async () => {
      while (!ended) {
        await look()
        await pause(1)
      }
    })()
    const committed = await load(writer)
    ended = true
    await polling
    await look()
    assert.ok(delivered < committed, `${delivered} of ${committed} were delivered`)
    await pool.end()
    await drop()
  })
}
