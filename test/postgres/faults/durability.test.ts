/** A server that is killed right after an answer, with a role whose commits do not wait for the disk: what was told is there all the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { installations } from '../../../scripts/postgres/installations.ts'
import { startServer } from '../../../scripts/postgres/start-server.ts'
import type { EventStore } from '../../../src/core/event-store.ts'
import { sql } from '../../../src/core/sql.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { deposit } from './requests.ts'
import { ask, assertSound, storedLog } from './stored-log.ts'

/** What is done, each by a role of its own, and then the server is killed. */
const works: readonly (readonly [what: string, work: (store: EventStore) => Promise<unknown>])[] = [
  ['a batch', (store) => store.append([deposit('account-a')])],
  ['an append with a statement', (store) => store.append([deposit('account-a', 1, { statements: [sql`select 1`] })])],
  ['a transaction', (store) => store.transaction!((transaction) => transaction.append(deposit('account-a')))],
]

for (const { version } of await installations()) {
  test(`PostgreSQL ${version}: synchronous_commit = off on the role loses nothing that was told`, async (t) => {
    // Nobody else writes the log down while the test runs; nothing here cuts the power.
    const server = await startServer({ version, settings: { fsync: 'off', wal_writer_delay: '10s', bgwriter_lru_maxpages: '0' } })
    const as = (role: string) => server.url.replace('postgres@', `${role}@`)
    /** @param work  on a store that is not closed before the server is killed: its last connection would write down everything. */
    const killAfter = async (url: string, schema: string, work: (store: EventStore) => Promise<unknown>) => {
      const store = postgres(url, { schema })
      await store.migrate()
      await work(store)
      await server.kill()
      await store.close()
      await server.restart()
    }
    try {
      await ask(server.url, 'create role hasty superuser login; alter role hasty set synchronous_commit = off')

      for (const [i, [what, work]] of works.entries()) {
        await t.test(`${what} that was answered is stored`, async () => {
          await killAfter(as('hasty'), `bank_${i}`, work)
          const log = await storedLog(server.url, `bank_${i}`)
          assert.equal(log.length, 1)
          assertSound(log)
        })
      }

      await t.test('a position that was told stays the one of its event', async () => {
        await killAfter(as('hasty'), 'told', async (store) => {
          for (const stream of ['account-a', 'account-b']) {
            const client = new Client(as('hasty'))
            await client.connect()
            await client.query('begin')
            await store.within!(client).append(deposit(stream))
            await client.query('commit')
            await client.end()
          }
          assert.equal(await store.head(), 2)
        })
        assertSound(await storedLog(server.url, 'told'))
        assert.equal((await storedLog(server.url, 'told')).length, 2)
      })

      await t.test('control: what the role writes itself is lost', async () => {
        await ask(server.url, 'create table account (id text)')
        await ask(as('hasty'), "insert into account values ('A')")
        await server.kill()
        await server.restart()
        assert.deepEqual(await ask(server.url, 'select id from account'), [])
      })

      await t.test('who waits for more than the disk still does', async () => {
        await ask(server.url, 'create role careful superuser login; alter role careful set synchronous_commit = remote_apply')
        const client = new Client(as('careful'))
        await client.connect()
        await client.query('begin; select told.commit_durably()')
        assert.equal((await client.query('show synchronous_commit')).rows[0].synchronous_commit, 'remote_apply')
        await client.end()
      })
    } finally {
      await server.end()
    }
  })
}
