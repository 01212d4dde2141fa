/** What tests on a shared server rely on: nobody meets what is somebody else's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { freshDatabase, freshSchema } from './fresh.ts'
import { postgresServers } from './servers.ts'

async function ask(url: string, sql: string, values: readonly unknown[] = []): Promise<readonly unknown[]> {
  const client = new Client(url)
  await client.connect()
  try {
    return (await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows.flat()
  } finally {
    await client.end()
  }
}

const places = {
  schema: { fresh: freshSchema, exists: 'select 1 from pg_namespace where nspname = $1' },
  database: { fresh: freshDatabase, exists: 'select 1 from pg_database where datname = $1' },
}

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: the server is of the version that it is called by`, async () => {
    assert.deepEqual(await ask(server.url, `select current_setting('server_version_num')::int / 10000`), [Number(server.name)])
  })

  for (const [kind, { fresh, exists }] of Object.entries(places)) {
    test(`PostgreSQL ${server.name}: tables of the same name in two fresh ${kind}s have nothing to do with each other`, async () => {
      const [one, other] = await Promise.all([fresh(server), fresh(server)])
      await ask(one.url, `create table account as select 'A' as id`)
      await ask(other.url, `create table account as select 'B' as id`)
      assert.deepEqual(await ask(one.url, 'select id from account'), ['A'])
      await Promise.all([one.drop(), other.drop()])
    })

    test(`PostgreSQL ${server.name}: a fresh ${kind} is gone when it is dropped, with everything in it`, async () => {
      const { name, url, drop } = await fresh(server)
      await ask(url, `create table account as select 'A' as id`)
      assert.deepEqual(await ask(server.url, exists, [name]), [1])
      await drop()
      assert.deepEqual(await ask(server.url, exists, [name]), [])
    })
  }
}
