/** Where the stores of a run lie: in files of a folder, or in databases of a server that are named after the folder. */
import { rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Client } from 'pg'

export interface Place {
  /** Of one run alone, beside the sources: a folder for temporary files may be in memory, and a sync must reach a disk. */
  readonly folder: string
  /** The URL of a PostgreSQL server, where the stores are there. */
  readonly server: string | undefined
}

/** A store in its place, whoever writes it. */
export interface Site {
  /** The path of its file, or the URL of its database. */
  readonly at: string
  bytes(): Promise<number>
  /** After it was filled: what the engine would do by itself within a minute, and which nobody is to be measured without. */
  settle(): Promise<void>
  /** Transactions that the server has counted there so far; it tells within some seconds. */
  transactions(): Promise<number>
}

/** @param made  whether it is there already. */
export async function siteOf({ folder, server }: Place, name: string, made: boolean): Promise<Site> {
  if (server === undefined) {
    const at = join(folder, `${name}.db`)
    return { at, bytes: async () => statSync(at).size, settle: async () => {}, transactions: async () => 0 }
  }
  const database = `${prefixOf(folder)}${name}`
  if (!made) await ask(server, `CREATE DATABASE "${database}"`)
  const at = new URL(server)
  at.pathname = `/${database}`
  return {
    at: at.href,
    bytes: async () => Number((await ask(at.href, 'SELECT pg_database_size(current_database())'))[0]?.[0]),
    settle: async () => void (await ask(at.href, 'ANALYZE')),
    transactions: async () => Number((await ask(server, transactionsIn, [database]))[0]?.[0]),
  }
}

const transactionsIn = 'SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1'

/** Drops the databases of a run, with whoever is still connected. */
export async function dropDatabases({ folder, server }: Place): Promise<void> {
  if (server === undefined) return
  const own = await ask(server, 'SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [prefixOf(folder)])
  for (const [name] of own) await ask(server, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
}

export function removeFolder(folder: string): void {
  // A process that has just been killed may still be there for a moment.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
}

const prefixOf = (folder: string) => `dacapo_bench_${basename(folder)}_`

async function ask(url: string, sql: string, values: readonly unknown[] = []): Promise<readonly (readonly unknown[])[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {}) // the query's promise has it too
  try {
    await client.connect()
    return (await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}
