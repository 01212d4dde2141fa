/** The PostgreSQL servers that tests run on. */
import { Client } from 'pg'
import { installations } from '../../scripts/postgres/installations.ts'
import { type StartedServer, startServer } from '../../scripts/postgres/start-server.ts'

export interface PostgresServer {
  /** The major version. */
  readonly name: string
  /** Of a user who may create schemas and databases. */
  readonly url: string
}

/** Addresses of servers, separated by spaces. */
const VARIABLE = 'DACAPO_TEST_POSTGRES_URL'

/**
 * Those that DACAPO_TEST_POSTGRES_URL names, else the one on the default port if it lets us create databases, else one of each installed
 * version, started now: by `scripts/run-tests.ts` for a whole run, by a test file that runs by itself for as long as it runs.
 *
 * @throws when there is none, so that no test is left out in silence.
 */
export function postgresServers(): Promise<readonly PostgresServer[]> {
  servers ??= find()
  return servers
}

/** Ends what `postgresServers` has started; it would also end with this process. */
export async function endPostgresServers(): Promise<void> {
  await Promise.all(started.map((server) => server.end()))
}

let servers: Promise<readonly PostgresServer[]> | undefined
const started: StartedServer[] = []

async function find(): Promise<readonly PostgresServer[]> {
  const given = process.env[VARIABLE]?.split(/\s+/).filter(Boolean)
  const urls = given?.length ? given : ((await localUrls()) ?? (await startAll()))
  process.env[VARIABLE] = urls.join(' ') // for the processes that a test starts
  return Promise.all(urls.map(async (url) => ({ name: (await ask(url)).version, url })))
}

async function localUrls(): Promise<readonly string[] | undefined> {
  const url = `postgres://${encodeURIComponent(process.env['PGUSER'] ?? 'postgres')}@127.0.0.1:5432/postgres`
  try {
    return (await ask(url)).createsDatabases ? [url] : undefined
  } catch {
    return undefined // nobody answers, or not to us
  }
}

async function startAll(): Promise<readonly string[]> {
  try {
    // No test cuts the power, so nothing needs to wait for the disk.
    const settings = { fsync: 'off', max_connections: '300' }
    const all = (await installations()).map(async ({ version }) => started.push(await startServer({ version, settings })))
    await Promise.all(all)
    return started.toSorted((a, b) => Number(a.version) - Number(b.version)).map(({ url }) => url)
  } catch (error) {
    throw new Error(`No PostgreSQL to test on: install one, or name one in ${VARIABLE}.`, { cause: error })
  }
}

async function ask(url: string): Promise<{ readonly version: string; readonly createsDatabases: boolean }> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the query's promise has it too
  try {
    await client.connect()
    const { rows } = await client.query(`
      select current_setting('server_version_num')::int / 10000 as version, rolsuper or rolcreatedb as creates
      from pg_roles where rolname = current_user`)
    return { version: String(rows[0].version), createsDatabases: rows[0].creates }
  } finally {
    await client.end()
  }
}
