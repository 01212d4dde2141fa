/** How an SQLite store differs from the default one. */
import type { Clock } from '../../core/clock.ts'
import { type Duration, toCount, toMs } from '../../core/duration.ts'
import { DefinitionError } from '../../core/errors.ts'
import type { OpenOptions, Synchronous } from './connections.ts'
import type { GroupLimits } from './group-commit.ts'

/** Options of `sqlite`. */
export interface SqliteOptions {
  /**
   * How surely a commit is on the disk when an append resolves. `FULL`, the default: it survives a loss of power.
   * `NORMAL`: faster; a loss of power may take the last commits, a crash of the process does not.
   */
  readonly synchronous?: Synchronous
  /** How long to wait for other processes, or for a transaction of this one. Default 30 seconds. */
  readonly lockTimeout?: Duration
  /** Requests that share one commit, at most. Default 1,000. */
  readonly maxBatchRequests?: number
  /** Characters of JSON that share one commit; a larger request goes alone. Default 16 MiB. */
  readonly maxBatchBytes?: number
  /** How often `changes` looks for commits of other processes, while anybody listens. Default 100 milliseconds. */
  readonly pollInterval?: Duration
  /** Opens the file for reading only; it must be there. */
  readonly readOnly?: boolean
  /** Default: the system's clock. */
  readonly clock?: Pick<Clock, 'now'>
}

/** Options with every default filled in. */
export interface SqliteSettings extends OpenOptions, GroupLimits {
  readonly pollMs: number
  readonly clock: Pick<Clock, 'now'>
}

/** @throws DefinitionError (`ES_DEFINITION`) */
export function settingsOf(options: SqliteOptions): SqliteSettings {
  const { synchronous = 'FULL', lockTimeout = { seconds: 30 }, pollInterval = { milliseconds: 100 }, readOnly = false } = options
  const { maxBatchRequests = 1000, maxBatchBytes = 16 * 1024 * 1024, clock = { now: Date.now } } = options
  if (!['NORMAL', 'FULL', 'EXTRA'].includes(synchronous)) {
    throw new DefinitionError(`synchronous must be 'FULL', 'NORMAL' or 'EXTRA', not ${JSON.stringify(synchronous)}.`)
  }
  return {
    synchronous,
    readOnly,
    clock,
    now: () => clock.now(),
    lockTimeoutMs: toMs(lockTimeout, 'lockTimeout'),
    pollMs: toMs(pollInterval, 'pollInterval'),
    maxBatchRequests: toCount(maxBatchRequests, 'maxBatchRequests'),
    maxBatchBytes: toCount(maxBatchBytes, 'maxBatchBytes'),
  }
}
