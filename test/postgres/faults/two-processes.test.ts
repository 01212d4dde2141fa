/** Two processes on one schema, which meet in the same streams all the time. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { freshDatabase } from '../fresh.ts'
import { postgresServers } from '../servers.ts'
import type { Orders, Report } from './appender.ts'
import { ask, assertSound, storedLog } from './stored-log.ts'
import { subscribe } from './subscriber.ts'

const batches = Number(process.env['DACAPO_TEST_BATCHES'] ?? 10_000)
const program = join(import.meta.dirname, 'appender.ts')

async function appender(orders: Orders): Promise<Report> {
  const child = fork(program, [JSON.stringify(orders)])
  const [[report]] = await Promise.all([once(child, 'message'), once(child, 'exit')])
  return report
}

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: of ${batches} batches that two processes append to the same streams, none is lost, doubled or torn`, async () => {
    const { url, drop } = await freshDatabase(server)
    const schema = 'bank'
    const store = postgres(url, { schema, maxConnections: 2 })
    await store.migrate()
    const deadlocks = () => ask(url, 'select deadlocks::int from pg_stat_database where datname = current_database()')
    const before = await deadlocks()
    const subscriber = subscribe(store)
    const reports = await Promise.all([1, 2].map(() => appender({ url, schema, batches: batches / 2 })))
    const delivered = await subscriber.end()

    assert.deepEqual(
      reports.flatMap(({ errors }) => errors),
      [],
    )
    assert.deepEqual(await deadlocks(), before)
    const log = await storedLog(url, schema)
    assertSound(log)
    // Read by position while both were writing: the order of positions is the order of commits.
    assert.deepEqual(delivered, log)
    const at = new Map(log.map(({ stream, version, id }) => [`${stream} ${version}`, id]))
    let acknowledged = 0
    for (const [stream, first, ids] of reports.flatMap(({ appended }) => appended)) {
      for (const [i, id] of ids.entries()) assert.equal(at.get(`${stream} ${first + i}`), id)
      acknowledged += ids.length
    }
    assert.equal(acknowledged, log.length)
    assert.ok(
      reports.every(({ appended, refused }) => appended.length > batches / 4 && refused > 0),
      'both wrote, and both met the other',
    )
    await store.close()
    await drop()
  })
}
