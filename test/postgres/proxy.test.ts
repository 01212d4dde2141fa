/** The network that the fault tests of the PostgreSQL store rely on does what it is told, and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { startServer } from '../../scripts/postgres/start-server.ts'
import { freshSchema } from './fresh.ts'
import { type PostgresProxy, startProxy } from './proxy.ts'
import { postgresServers } from './servers.ts'

interface Given {
  readonly proxy: PostgresProxy
  /** Through the proxy, with a table `account(id)`. */
  readonly client: Client
  /** Past the proxy: what the accounts really are. */
  accounts(): Promise<readonly string[]>
  connect(url?: string): Promise<Client>
}

for (const server of await postgresServers()) {
  const onProxy = (sentence: string, run: (given: Given) => Promise<void>) =>
    test(`PostgreSQL ${server.name}: ${sentence}`, async () => {
      const schema = await freshSchema(server)
      const proxy = await startProxy(schema)
      const clients: Client[] = []
      const connect = async (url = proxy.url) => {
        const client = new Client(url)
        client.on('error', () => {}) // a lost connection; the query's promise has it too
        clients.push(client)
        await client.connect()
        return client
      }
      try {
        const client = await connect()
        const direct = await connect(schema.url)
        await client.query('create table account (id text)')
        const accounts = async () => (await direct.query('select id from account order by id')).rows.map(({ id }) => id)
        await run({ proxy, client, accounts, connect })
      } finally {
        await Promise.all(clients.map((client) => client.end().catch(() => {})))
        await proxy.close()
        await schema.drop()
      }
    })

  onProxy('left alone, the proxy passes everything on, large and small', async ({ client }) => {
    const text = 'x'.repeat(3_000_000)
    assert.equal((await client.query('select $1::text as text', [text])).rows[0].text, text)
    assert.equal((await client.query(`select '${text}' as text`)).rows[0].text, text)
    await assert.rejects(client.query('select 1/0'), { code: '22012' })
  })

  onProxy('a cut ends all connections, and new ones are let through', async ({ proxy, client, connect }) => {
    const other = await connect()
    const waiting = [client.query('select pg_sleep(60)'), other.query('select pg_sleep(60)')].map((query) => assert.rejects(query))
    proxy.cut()
    await Promise.all(waiting)
    assert.equal((await (await connect()).query('select 1 as one')).rows[0].one, 1)
  })

  onProxy('while it refuses, nobody gets in, and who is in stays', async ({ proxy, client, connect }) => {
    proxy.refuse()
    await assert.rejects(connect())
    assert.equal((await client.query('select 1 as one')).rows[0].one, 1)
    proxy.accept()
    assert.equal((await (await connect()).query('select 1 as one')).rows[0].one, 1)
  })

  onProxy('a commit whose answer is lost has happened', async ({ proxy, client, accounts }) => {
    const lost = proxy.spoilNext('lose the answer')
    await client.query('begin')
    await client.query(`insert into account values ('A')`)
    await assert.rejects(client.query('commit'))
    await lost
    assert.deepEqual(await accounts(), ['A'])
  })

  onProxy('a commit that never arrives has not happened', async ({ proxy, client, accounts }) => {
    const lost = proxy.spoilNext('lose the request')
    await client.query('begin')
    await client.query(`insert into account values ('A')`)
    await assert.rejects(client.query('commit'))
    await lost
    assert.deepEqual(await accounts(), [])
  })

  onProxy(
    'a statement is known by its SQL also when it has parameters or was prepared before',
    async ({ proxy, client, accounts, connect }) => {
      const insert = { name: 'insert', text: 'insert into account values ($1)' }
      await client.query({ ...insert, values: ['A'] })
      const [first, second] = [proxy.spoilNext('lose the answer', /^insert/), proxy.spoilNext('lose the request', /^insert/)]
      await client.query('select $1::int', [1])
      await assert.rejects(client.query({ ...insert, values: ['B'] }))
      await first
      await assert.rejects((await connect()).query(insert.text, ['C']))
      await second
      await (await connect()).query(insert.text, ['D'])
      assert.deepEqual(await accounts(), ['A', 'B', 'D'])
    },
  )

  onProxy('of requests that were sent together only the one that was meant loses its answer', async ({ proxy, client, accounts }) => {
    const lost = proxy.spoilNext('lose the answer', /'B'/)
    const inserts = ['A', 'B'].map((id) => client.query(`insert into account values ('${id}')`))
    await inserts[0]
    await assert.rejects(inserts[1]!)
    await lost
    assert.deepEqual(await accounts(), ['A', 'B'])
  })

  onProxy('a delay holds answers back and keeps their order', async ({ proxy, client }) => {
    proxy.delayMs = 50
    const started = performance.now()
    const slow = client.query('select generate_series(1, 3) as n')
    assert.deepEqual((await slow).rows, [{ n: 1 }, { n: 2 }, { n: 3 }])
    assert.ok(performance.now() - started >= 49)
    proxy.delayMs = 0
    assert.equal((await client.query('select 1 as one')).rows[0].one, 1)
  })

  onProxy('the last words of a server reach the client', async ({ client }) => {
    const { pid } = (await client.query('select pg_backend_pid() as pid')).rows[0]
    await assert.rejects(client.query('select pg_terminate_backend($1)', [pid]), { code: '57P01' })
  })
}

test('a proxy outlives its server and finds it again', async () => {
  const server = await startServer()
  const proxy = await startProxy(server)
  try {
    await server.kill()
    await assert.rejects(new Client(proxy.url).connect())
    await server.restart()
    const client = new Client(proxy.url)
    await client.connect()
    await client.end()
  } finally {
    await proxy.close()
    await server.end()
  }
})
