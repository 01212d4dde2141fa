/** Where the store's connections come from: a pool that it was given, or one of its own. */
import { DriverMissingError, StoppedError } from '../../core/errors.ts'
import { storeError } from './driver-errors.ts'
import type { PgClient, PgPool, PgPoolClient } from './pg.ts'

/** Lends connections, from the first use to the end. */
export interface Connections {
  /** @throws StoppedError after `close`; StoreUnavailableError when there is no connection to be had; what the work throws, as it is. */
  use<T>(work: (client: PgPoolClient) => Promise<T>): Promise<T>
  /** The same, and still while `close` flushes. */
  useToTheEnd<T>(work: (client: PgPoolClient) => Promise<T>): Promise<T>
  /** Whether one can be kept for listening without anybody having to wait for it. */
  readonly canSpareOne: boolean
  /** Flushes, then waits for what is under way; closes the pool only if the store has opened it. */
  close(flush: () => Promise<void>): Promise<void>
}

/** @param prepare  what has to be done on the first connection, e.g. migrations; tried again by the next use when it fails. */
export function makeConnections(
  source: string | PgPool,
  maxConnections: number,
  prepare: (client: PgClient) => Promise<void>,
): Connections {
  /** Whether a connection is still of use, for each that was ever lent. */
  const healthy = new WeakMap<PgPoolClient, boolean>()
  let opening: Promise<PgPool> | undefined
  let prepared: Promise<void> | undefined
  let closing: Promise<void> | undefined
  let closed = false
  let underWay = 0
  let idle = () => {}

  async function pool(): Promise<PgPool> {
    if (typeof source !== 'string') return source
    opening ??= openPool(source, maxConnections + 1)
    return opening
  }

  async function connect(): Promise<PgPoolClient> {
    try {
      return await (await pool()).connect()
    } catch (error) {
      throw storeError(error)
    }
  }

  async function lend<T>(work: (client: PgPoolClient) => Promise<T>): Promise<T> {
    const client = await connect()
    if (!healthy.has(client)) {
      // A connection that breaks while it is lent fails its statement, too; whoever runs that one is told.
      client.on('error', () => healthy.set(client, false))
      client.on('end', () => healthy.set(client, false))
    }
    healthy.set(client, true)
    try {
      return await work(client)
    } finally {
      client.release(!healthy.get(client))
    }
  }

  async function ready(): Promise<void> {
    prepared ??= lend(prepare)
    try {
      await prepared
    } catch (error) {
      prepared = undefined
      throw storeError(error)
    }
  }

  async function useToTheEnd<T>(work: (client: PgPoolClient) => Promise<T>): Promise<T> {
    if (closed) throw new StoppedError('The PostgreSQL store')
    underWay++
    try {
      await ready()
      return await lend(work)
    } finally {
      if (--underWay === 0) idle()
    }
  }

  async function end(flush: () => Promise<void>): Promise<void> {
    await flush()
    closed = true
    if (underWay > 0) {
      await new Promise<void>((resolve) => {
        idle = resolve
      })
    }
    const own = await opening?.catch(() => undefined) // one that could not be opened need not be closed
    await own?.end()
  }

  return {
    async use(work) {
      if (closing) throw new StoppedError('The PostgreSQL store')
      return useToTheEnd(work)
    },
    useToTheEnd,
    canSpareOne: typeof source === 'string' || (source.options?.max ?? 0) > 3,
    close(flush) {
      closing ??= end(flush)
      return closing
    },
  }
}

async function openPool(url: string, max: number): Promise<PgPool> {
  let Pool: new (options: object) => PgPool
  try {
    const module = (await import('pg' as string)) as { default?: { Pool: typeof Pool }; Pool?: typeof Pool }
    Pool = (module.Pool ?? module.default?.Pool) as typeof Pool
  } catch (cause) {
    throw new DriverMissingError('pg', 'The PostgreSQL store needs the package pg: npm install pg.', { cause })
  }
  const pool = new Pool({ connectionString: url, max, application_name: 'dacapo', keepAlive: true })
  pool.on('error', () => {}) // an idle connection broke: the pool has let it go, and opens another one when it is needed
  return pool
}
