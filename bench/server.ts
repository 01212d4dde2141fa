/** The PostgreSQL server on which everybody is measured. */
import { join } from 'node:path'
import { Client } from 'pg'
import { localInstallations } from '../scripts/postgres/installations.ts'
import { type StartedServer, startServer } from '../scripts/postgres/start-server.ts'

/** Of a server that is there; its user may create databases. */
export const serverVariable = 'DACAPO_BENCH_POSTGRES_URL'

/** What a server in production is given; everything else is as PostgreSQL comes, and so waits for the disk. */
const settings = {
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  dynamic_shared_memory_type: 'posix', // which is what PostgreSQL chooses itself on most systems
}

export interface BenchServer {
  readonly url: string
  /** In words, with its version. */
  readonly name: string
}

let own: StartedServer | undefined

/** The server that is named, or one of the bench's own until this process ends, with its data beside the sources. */
export async function benchServer(): Promise<BenchServer> {
  const given = process.env[serverVariable]
  // The newest that is installed here; without one, what the npm package brings.
  const version = localInstallations().at(-1)?.version
  if (!given) own = await startServer({ version, settings, folderPrefix: join(import.meta.dirname, 'run-postgres-') })
  const url = given || (own as StartedServer).url
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('SHOW server_version')
  await client.end()
  return { url, name: `PostgreSQL ${String(rows[0].server_version).split(' ')[0]}` }
}

/** Stops what was started; a guard would do it as well when this process has ended. */
export async function endServer(): Promise<void> {
  await own?.end()
  own = undefined
}
