/** Where the bank is, how each process reaches it, and what can be done to the way there. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventStore } from 'dacapo'
import { postgres } from 'dacapo/postgres'
import { sqlite } from 'dacapo/sqlite'
import { Client } from 'pg'
import { random } from '../../examples/bank/make/random.ts'
import { type PostgresProxy, startProxy } from '../../test/postgres/proxy.ts'
import type { FaultKind } from './faults.ts'

/** What is done to connections. */
export type ConnectionFault = Extract<FaultKind, 'terminate' | 'cut' | 'lose an answer'>

export interface Place {
  readonly kind: 'sqlite' | 'postgres'
  /** Where the bank is to be found. */
  readonly name: string
  /** For what processes write beside the bank, and for the evidence. */
  readonly folder: string
  /** The bank as a process sees it. */
  at(process: number): string
  /** The bank as it is, for whoever looks on. */
  open(): EventStore
  /**
   * Does something to the connections of a process; absent where there are none.
   *
   * @param hit  called when something was hit: for a lost answer, when a request has come that it could be lost of.
   */
  readonly spoil?: (process: number, fault: ConnectionFault, hit: () => void) => Promise<void>
  /** Removes everything, unless it is to be kept. */
  end(isKept: boolean): Promise<void>
}

export async function onFile(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'dacapo-system-'))
  const file = join(folder, 'bank.db')
  return {
    kind: 'sqlite',
    name: file,
    folder,
    at: () => file,
    open: () => sqlite(file),
    end: (isKept) => (isKept ? Promise.resolve() : rm(folder, { recursive: true, force: true })),
  }
}

/** What makes something durable: a batch of appends, work that follows the log, and either of them when it has statements. */
const worthLosing = [/append_batch/, /commit_work/, /^\s*commit\b/i] as const

let made = 0

/** A database of its own on a server, which every process reaches through a proxy of its own. */
export async function onServer(server: string, processes: number, seed: number): Promise<Place> {
  const database = `dacapo_system_${process.pid}_${++made}`
  await ask(server, `CREATE DATABASE ${database}`)
  const own = new URL(server)
  own.pathname = `/${database}`
  const folder = await mkdtemp(join(tmpdir(), 'dacapo-system-'))
  const proxies = await Promise.all(Array.from({ length: processes }, () => startProxy({ url: own.href })))
  const { pick } = random(seed)
  const nameOf = (process: number) => `${database}_${process}`
  let losses = 0

  /** Returns whether there was one, and it was still there. */
  async function terminateOne(process: number): Promise<boolean> {
    const backends = await ask(server, 'SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid', [nameOf(process)])
    if (backends.length === 0) return false
    const [outcome] = await ask(server, 'SELECT pg_terminate_backend($1) AS "isEnded"', [pick(backends)['pid']])
    return outcome?.['isEnded'] === true
  }

  return {
    kind: 'postgres',
    name: own.href,
    folder,
    at(process) {
      const url = new URL((proxies[process] as PostgresProxy).url)
      url.searchParams.set('application_name', nameOf(process))
      return url.href
    },
    open: () => postgres(own.href, { maxConnections: 4 }),
    async spoil(process, fault, hit) {
      const proxy = proxies[process] as PostgresProxy
      if (fault === 'terminate') {
        if (await terminateOne(process)) hit()
      } else if (fault === 'cut') {
        if (proxy.connections > 0) hit()
        proxy.cut()
      } else void proxy.spoilNext('lose the answer', worthLosing[losses++ % worthLosing.length]).then(hit)
    },
    async end(isKept) {
      await Promise.all(proxies.map((proxy) => proxy.close()))
      if (isKept) return
      await ask(server, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function ask(url: string, sql: string, values: readonly unknown[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {}) // the query's promise has it too
  try {
    await client.connect()
    return (await client.query(sql, [...values])).rows
  } finally {
    await client.end()
  }
}
