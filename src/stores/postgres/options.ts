/** How a PostgreSQL store differs from the default one. */
import type { Clock } from '../../core/clock.ts'
import { type Duration, toCount, toMs } from '../../core/duration.ts'
import { DefinitionError } from '../../core/errors.ts'
import { assertOptions } from '../../core/options.ts'

/** Options of `postgres`. */
export interface PostgresOptions {
  /** The schema that holds the store's tables, made if it is missing. Default `dacapo`. */
  readonly schema?: string
  /**
   * Into how many partitions the event table is split, by a hash of tenant and stream, when the schema is made. 2–1,024; afterwards the
   * number is fixed, and another one is refused. Default: the table is in one piece.
   */
  readonly partitions?: number
  /** Connections that a store which was given a URL opens, at most; 2 or more, and one for listening besides. Default 10. */
  readonly maxConnections?: number
  /** Requests that share one commit, at most. Default 500. */
  readonly maxBatchRequests?: number
  /** Characters of JSON that share one commit; a larger request goes alone. Default 4 MiB. */
  readonly maxBatchBytes?: number
  /** How often a request is tried again whose stream, key or row somebody's transaction holds. Default 20 milliseconds. */
  readonly busyInterval?: Duration
  /** How long to wait for such a transaction. Default 30 seconds. */
  readonly lockTimeout?: Duration
  /** How often `changes` looks for commits of other processes when it is not told, while anybody listens. Default 1 second. */
  readonly pollInterval?: Duration
  /** Default: the system's clock. */
  readonly clock?: Pick<Clock, 'now'>
}

/** Options with every default filled in. */
export interface PostgresSettings {
  readonly schemaName: string
  /** Its name as an SQL identifier. */
  readonly schema: string
  readonly partitions: number | undefined
  readonly maxConnections: number
  readonly maxBatchRequests: number
  readonly maxBatchBytes: number
  readonly busyMs: number
  readonly lockTimeoutMs: number
  readonly pollMs: number
  readonly clock: Pick<Clock, 'now'>
}

const known = [
  'schema',
  'partitions',
  'maxConnections',
  'maxBatchRequests',
  'maxBatchBytes',
  'busyInterval',
  'lockTimeout',
  'pollInterval',
  'clock',
] as const satisfies readonly (keyof PostgresOptions)[]

/** @throws DefinitionError (`ES_DEFINITION`) */
export function settingsOf(options: PostgresOptions): PostgresSettings {
  assertOptions('postgres', options, known)
  const {
    schema = 'dacapo',
    partitions,
    maxConnections = 10,
    maxBatchRequests = 500,
    maxBatchBytes = 4 * 1024 * 1024,
    clock = { now: Date.now },
  } = options
  const { busyInterval = { milliseconds: 20 }, lockTimeout = { seconds: 30 }, pollInterval = { seconds: 1 } } = options
  if (!/^[a-z_][a-z0-9_]{0,49}$/.test(schema)) {
    throw new DefinitionError(
      `schema must be 1–50 lower-case letters, digits and "_", not starting with a digit; ${JSON.stringify(schema)} is not.`,
    )
  }
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 2 && partitions <= 1024)) {
    throw new DefinitionError(`partitions must be a whole number from 2 to 1,024; ${JSON.stringify(partitions)} is not.`)
  }
  assertConnections(maxConnections, 'maxConnections')
  return {
    schemaName: schema,
    schema: `"${schema}"`,
    partitions,
    maxConnections,
    maxBatchRequests: toCount(maxBatchRequests, 'maxBatchRequests'),
    maxBatchBytes: toCount(maxBatchBytes, 'maxBatchBytes'),
    busyMs: toMs(busyInterval, 'busyInterval'),
    lockTimeoutMs: toMs(lockTimeout, 'lockTimeout'),
    pollMs: toMs(pollInterval, 'pollInterval'),
    clock,
  }
}

/** A view is built in one transaction while the log is read on another connection. @throws DefinitionError (`ES_DEFINITION`) */
export function assertConnections(count: number, what: string): void {
  if (toCount(count, what) < 2) throw new DefinitionError(`${what} must be 2 or more: building a view needs two connections at once.`)
}
