/** `dacapo migrate` on PostgreSQL, on every server that there is. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import type { ViewDefinition } from '../../src/core/view-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { freshDatabase, freshSchema } from '../postgres/fresh.ts'
import { type PostgresServer, postgresServers } from '../postgres/servers.ts'
import { append, to } from '../stores/support.ts'
import { dacapo } from './run-command.ts'

/** Runs a script as psql does: one statement after the other, all of them plain SQL. */
async function run(url: string, script: string): Promise<readonly pg.QueryResult[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const answer = (await client.query(script)) as pg.QueryResult | pg.QueryResult[]
    return Array.isArray(answer) ? answer : [answer]
  } finally {
    await client.end()
  }
}

/** Everything in a schema, by the sentences that the server describes it with; without the names of the schema and the times. */
async function contentsOf(url: string, schema: string): Promise<readonly unknown[]> {
  const [answer] = await run(
    url,
    `SELECT 'table' AS kind, relname AS name, relkind::text AS text FROM pg_class WHERE relnamespace = '${schema}'::regnamespace AND relkind <> 'i'
     UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = '${schema}'
     UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = '${schema}'::regnamespace
     UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid::regclass::text LIKE '${schema}.%'
     UNION ALL SELECT 'column', table_name || '.' || column_name, data_type FROM information_schema.columns WHERE table_schema = '${schema}'
     ORDER BY 1, 2, 3`,
  )
  return answer!.rows.map((row) => JSON.stringify(row).replaceAll(schema, 'SCHEMA'))
}

async function schemaOn(server: PostgresServer, t: TestContext): Promise<string> {
  const { name, drop } = await freshSchema(server)
  t.after(drop)
  return name
}

async function appendsTo(url: string, schema: string): Promise<void> {
  const store = postgres(url, { schema })
  try {
    assert.equal((await append(store, to('account-1'))).kind, 'appended')
  } finally {
    await store.close()
  }
}

for (const server of await postgresServers()) {
  const { url } = server
  const about = `PostgreSQL ${server.name}:`

  test(`${about} in an empty database the schema is made, told by --status, and found done the next time`, async (t) => {
    const database = await freshDatabase(server)
    t.after(database.drop)
    const on = (...args: readonly string[]) => dacapo(['migrate', ...args], { DACAPO_STORE: database.url })
    assert.deepEqual(await on('--status'), {
      code: 0,
      stdout: 'schema dacapo\n  1  store  missing\n  2  work  missing\n  3  views  missing\n',
      stderr: '',
    })
    assert.deepEqual(await on(), { code: 0, stdout: 'schema dacapo: 3 steps applied\n', stderr: '' })
    assert.deepEqual(await on(), { code: 0, stdout: 'schema dacapo: nothing to do\n', stderr: '' })
    assert.match(
      (await on('--status')).stdout,
      /^schema dacapo\n {2}1 {2}store {2}applied \d{4}-\d\d-\d\dT[\d:.]+Z\n {2}2 {2}work {2}applied /,
    )
    await appendsTo(database.url, 'dacapo')
  })

  test(`${about} eight processes at once: one applies the steps, the others find nothing to do`, async (t) => {
    const database = await freshDatabase(server)
    t.after(database.drop)
    const ran = await Promise.all(Array.from({ length: 8 }, () => dacapo(['migrate', '--store', database.url])))
    const said = ran.map(({ stdout, stderr }) => stdout + stderr).sort()
    assert.deepEqual(said, ['schema dacapo: 3 steps applied\n', ...Array(7).fill('schema dacapo: nothing to do\n')])
    await appendsTo(database.url, 'dacapo')
  })

  for (const layout of [[], ['--partitions', '4']]) {
    const what = [about, ...layout].join(' ')

    test(`${what} what is printed makes the same schema as the store does, and leaves it nothing to do`, async (t) => {
      const [own, printed] = [await schemaOn(server, t), await schemaOn(server, t)]
      assert.equal((await dacapo(['migrate', '--store', url, '--schema', own, ...layout])).code, 0)
      const { stdout } = await dacapo(['migrate', '--print', '--schema', printed, ...layout])
      await run(url, stdout)
      assert.deepEqual(await contentsOf(url, printed), await contentsOf(url, own))
      const again = await dacapo(['migrate', '--store', url, '--schema', printed, ...layout])
      assert.equal(again.stdout, `schema ${printed}: nothing to do\n`)
      await appendsTo(url, printed)
    })

    test(`${what} what is printed with --down leaves nothing of the store, and what is somebody else's`, async (t) => {
      const schema = await schemaOn(server, t)
      await dacapo(['migrate', '--store', url, '--schema', schema, ...layout])
      await appendsTo(url, schema)
      await run(url, `CREATE TABLE ${schema}.clients (name text)`)
      const { stdout } = await dacapo(['migrate', '--print', '--down', '--schema', schema, ...layout])
      assert.match(stdout, /^-- THIS DESTROYS EVERY EVENT/m)
      await run(url, stdout)
      assert.deepEqual(await contentsOf(url, schema), [
        '{"kind":"column","name":"clients.name","text":"text"}',
        '{"kind":"table","name":"clients","text":"r"}',
      ])
      assert.equal((await dacapo(['migrate', '--store', url, '--schema', schema])).stdout, `schema ${schema}: 3 steps applied\n`)
    })
  }

  test(`${about} what is printed, run a second time, changes nothing`, async (t) => {
    const schema = await schemaOn(server, t)
    const { stdout } = await dacapo(['migrate', '--print', '--schema', schema])
    await run(url, stdout)
    await appendsTo(url, schema)
    const before = await contentsOf(url, schema)
    await assert.rejects(run(url, stdout), /already exists/)
    assert.deepEqual(await contentsOf(url, schema), before)
    await appendsTo(url, schema)
  })

  test(`${about} a schema that a newer version made is refused by the command and by the store, and stays as it is`, async (t) => {
    const schema = await schemaOn(server, t)
    await dacapo(['migrate', '--store', url, '--schema', schema])
    await run(url, `INSERT INTO ${schema}.migrations (id, name, applied_at) VALUES (99, 'later', 0)`)
    const sentence = `The schema ${schema} was made by a newer version of Dacapo (step 99, this version knows 3): upgrade dacapo. Nothing was changed.`
    for (const how of [[], ['--status']]) {
      const ran = await dacapo(['migrate', '--store', url, '--schema', schema, ...how])
      assert.deepEqual(ran, { code: 1, stdout: '', stderr: `dacapo: ${sentence} (ES_STORE_FORMAT)\n` })
    }
    await assert.rejects(appendsTo(url, schema), { code: 'ES_STORE_FORMAT', message: sentence })
  })

  test(`${about} another number of partitions than the one it was made with is refused, by the command and by the store`, async (t) => {
    const [split, whole] = [await schemaOn(server, t), await schemaOn(server, t)]
    await dacapo(['migrate', '--store', url, '--schema', split, '--partitions', '4'])
    await dacapo(['migrate', '--store', url, '--schema', whole])
    const refused = async (schema: string, partitions: number, found: string) => {
      const sentence = `The event table of the schema ${schema} was made ${found}, not with ${partitions}, and cannot be changed: leave the option partitions out. Nothing was changed.`
      const { code, stderr } = await dacapo(['migrate', '--store', url, '--schema', schema, '--partitions', String(partitions)])
      assert.deepEqual([code, stderr], [1, `dacapo: ${sentence} (ES_STORE_FORMAT)\n`])
      const store = postgres(url, { schema, partitions })
      await assert.rejects(store.head(), { code: 'ES_STORE_FORMAT', message: sentence })
      await store.close()
    }
    await refused(split, 8, 'with 4 partitions')
    await refused(whole, 4, 'without partitions')
    await appendsTo(url, split) // who does not say a number takes what is there
  })

  test(`${about} a role that may make nothing is told how to go on; once somebody else has migrated, it runs the store`, async (t) => {
    const database = await freshDatabase(server)
    const role = `dacapo_role_${randomBytes(6).toString('hex')}`
    const limited = new URL(database.url)
    Object.assign(limited, { username: role, password: 'secret' })
    await run(database.url, `CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
    t.after(async () => {
      await database.drop()
      await run(url, `DROP ROLE ${role}`)
    })

    const refused = await dacapo(['migrate', '--store', limited.href])
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    const name = database.name
    assert.equal(
      refused.stderr,
      `dacapo: This role may not make the tables of the store in the schema dacapo: permission denied for database ${name}. Let somebody who may run what "npx dacapo migrate --print" prints. (ES_STORE_UNAVAILABLE)\n`,
    )
    await assert.rejects(appendsTo(limited.href, 'dacapo'), { code: 'ES_STORE_UNAVAILABLE', retryable: false, message: /migrate --print/ })

    await run(database.url, (await dacapo(['migrate', '--print'])).stdout)
    const notGranted = await dacapo(['migrate', '--store', limited.href])
    assert.match(notGranted.stderr, /^dacapo: PostgreSQL does not permit it: permission denied for [^\n]* \(ES_STORE_UNAVAILABLE\)\n$/)

    await run(
      database.url,
      `GRANT USAGE ON SCHEMA dacapo TO ${role};
       GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dacapo TO ${role};
       GRANT USAGE ON ALL SEQUENCES IN SCHEMA dacapo TO ${role};`,
    )
    assert.equal((await dacapo(['migrate', '--store', limited.href])).stdout, 'schema dacapo: nothing to do\n')
    await appendsTo(limited.href, 'dacapo')
    const views = async (as: string, indexes: ViewDefinition['indexes']) => {
      const store = postgres(as)
      const definition = { view: 'balances', fingerprint: JSON.stringify(indexes), indexes }
      await store.views!.rebuild(definition, async () => []).finally(() => store.close())
    }
    await assert.rejects(views(limited.href, { balance: 'number' }), { code: 'ES_STORE_UNAVAILABLE', message: /must be owner/ })
    await views(database.url, { balance: 'number' })
    await views(limited.href, { balance: 'number' })
    for (const text of ['UPDATE dacapo.events SET version = 7', 'DELETE FROM dacapo.events']) {
      await assert.rejects(run(limited.href, text), /events are never changed or deleted/)
    }
  })

  test(`${about} a server that refuses the connection is told in one sentence, without the password`, async () => {
    const wrong = new URL(url)
    wrong.pathname = '/no_such_database'
    wrong.password = 'secret'
    const { code, stdout, stderr } = await dacapo(['migrate', '--store', wrong.href])
    assert.deepEqual([code, stdout], [1, ''])
    assert.equal(
      stderr,
      'dacapo: PostgreSQL refuses the connection: database "no_such_database" does not exist. Check the URL. (ES_STORE_UNAVAILABLE)\n',
    )
  })
}

test('a server that is not there is told in one sentence, with what to do next', async () => {
  const { code, stdout, stderr } = await dacapo(['migrate', '--store', 'postgres://postgres:secret@127.0.0.1:1/bank'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(
    stderr,
    /^dacapo: PostgreSQL cannot be reached[^\n]* Check the address and the server, then run it again\. \(ES_STORE_UNAVAILABLE\)\n$/,
  )
  assert.doesNotMatch(stderr, /secret/)
})
