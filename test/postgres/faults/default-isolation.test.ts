/** Roles and databases whose transactions have another isolation level unless they name one: appends keep their speed, and the log its order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import type { EventStore } from '../../../src/core/event-store.ts'
import { type PostgresOptions, postgres } from '../../../src/stores/postgres/index.ts'
import { freshSchema } from '../fresh.ts'
import { startProxy } from '../proxy.ts'
import { postgresServers } from '../servers.ts'
import { deposit, idsOf } from './requests.ts'
import { ask, assertSound, storedLog } from './stored-log.ts'

interface Given {
  /** Through the proxy, on connections with the other level. */
  readonly store: EventStore
  readonly proxy: Awaited<ReturnType<typeof startProxy>>
  /** Of connections with the usual level. */
  readonly url: string
  readonly schema: string
  /** A client with the usual level, which is ended with the test. */
  client(): Promise<Client>
}

for (const server of await postgresServers()) {
  for (const level of ['serializable', 'repeatable read']) {
    const onLevel = (sentence: string, run: (given: Given) => Promise<void>, layout: PostgresOptions = {}) =>
      test(`PostgreSQL ${server.name}, ${level} by default: ${sentence}`, async () => {
        const { url, name: schema, drop } = await freshSchema(server)
        const proxy = await startProxy({ url })
        const other = new URL(proxy.url)
        other.searchParams.set('options', `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`)
        const store = postgres(other.href, { schema, ...layout })
        const clients: Client[] = []
        const client = async () => {
          const made = new Client(url)
          clients.push(made)
          await made.connect()
          return made
        }
        try {
          await store.migrate()
          await run({ store, proxy, url, schema, client })
        } finally {
          await Promise.all(clients.map((one) => one.end()))
          await store.close()
          await proxy.close()
          await drop()
        }
      })

    onLevel('appends that arrive together share commits', async ({ store, url, schema }) => {
      for (let round = 0; round < 3; round++) {
        const requests = Array.from({ length: 100 }, (_, i) => deposit(`account-${i}`))
        const answers = await Promise.all(requests.map((request) => store.append([request])))
        assert.ok(answers.every(([result]) => result?.kind === 'appended'))
      }
      const log = await storedLog(url, schema)
      assert.equal(log.length, 300)
      assertSound(log)
      // Two batches at a time.
      const commits = await ask(url, `select count(distinct xmin::text)::int as commits from ${schema}.events`)
      assert.deepEqual(commits, [{ commits: 6 }])
    })

    onLevel('a batch whose answer is lost is answered as appended, and was once', async ({ store, proxy, url, schema }) => {
      await store.append([deposit('account-a')])
      const requests = ['a', 'b'].map((id) => deposit(`account-${id}`))
      const lost = proxy.spoilNext('lose the answer', /^\s*commit/i)
      const results = await Promise.all(requests.map((request) => store.append([request])))
      await lost
      assert.deepEqual(
        results.map(([result]) => result?.kind),
        ['appended', 'appended'],
      )
      assert.deepEqual(
        (await storedLog(url, schema)).slice(1).map(({ id }) => id),
        idsOf(requests),
      )
    })

    for (const [name, layout] of [
      ['in one piece', {}],
      ['in partitions', { partitions: 2 }],
    ] as const) {
      onLevel(
        `a position is given once, whoever waits for the order lock (${name})`,
        async ({ store, url, schema, client }) => {
          const [holder, caller] = [await client(), await client()]
          await holder.query('begin; select take_order_lock()')
          await caller.query('begin')
          await store.within!(caller).append(deposit('account-late'))
          await caller.query('commit')
          const head = store.head() // sees the late event without a position, and waits
          while (!(await isWaiting(url))) await pause(5)
          await holder.query(`insert into events (position, recorded_at, tenant, stream, version, id, type, schema_version, data, metadata)
            values (1, 1, '', 'account-early', 1, 'early', 'MoneyDeposited', 1, '{}', '{}')`)
          await holder.query('commit')
          assert.equal(await head, 2)
          const log = await storedLog(url, schema)
          assertSound(log)
          assert.deepEqual(
            log.map(({ stream }) => stream),
            ['account-early', 'account-late'],
          )
        },
        layout,
      )
    }

    onLevel("the caller's own transaction is not given a log that would not be complete", async ({ store, client }) => {
      const caller = await client()
      await caller.query(`begin isolation level ${level}`)
      await assert.rejects(Array.fromAsync(store.within!(caller).readAll()), { code: 'ES_DEFINITION', message: /READ COMMITTED/ })
    })
  }
}

/** Whether somebody waits for an advisory lock; tests of one file run one after the other, and those of others have other schemas. */
async function isWaiting(url: string): Promise<boolean> {
  const text = `select count(*)::int as waiting from pg_locks l join pg_stat_activity using (pid)
    where l.locktype = 'advisory' and not l.granted and query like 'SELECT "' || current_schema() || '".head%'`
  return ((await ask(url, text)) as readonly { waiting: number }[])[0]!.waiting > 0
}
