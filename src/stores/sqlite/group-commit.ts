/**
 * Group commit: whatever is waiting when the write lock is there shares one transaction, and so one sync of the disk.
 *
 * Each piece of work wins or loses alone. The first attempt is made without savepoints, because nearly all work either succeeds or
 * is refused before it has written anything. When a piece fails half-way after all, everything is undone
 * and done again, now with a savepoint around each. Between begin and commit there is no await, so nobody sees a half-filled batch.
 */
import type { Clock } from '../../core/clock.ts'
import { Batch } from './batch.ts'
import type { Connections } from './connections.ts'
import { isConstraint, isFatal, storeError, TransactionLost } from './driver-errors.ts'
import { takeTurn, type WriteTurn } from './write-turn.ts'

/** Something to do in a shared transaction. Does nothing but reading and writing there: it may be done twice. */
export interface Work<T> {
  /** A measure of what it writes. */
  readonly bytes: number
  /** Whether it may well fail half-way, so that it gets a savepoint at once. */
  readonly guarded: boolean
  run(batch: Batch): T
  /** The answer when it failed and is undone; may throw. */
  explain(error: unknown, batch: Batch): T
}

/** Takes work and commits it in groups. */
export interface GroupCommit {
  /** Resolves when it is committed; rejects when nobody can say whether it is, or when it failed by itself. */
  submit<T>(work: Work<T>): Promise<T>
}

/** How large a group may become. */
export interface GroupLimits {
  readonly maxBatchRequests: number
  readonly maxBatchBytes: number
  readonly lockTimeoutMs: number
}

interface Waiting {
  readonly work: Work<unknown>
  readonly resolve: (value: any) => void
  readonly reject: (error: unknown) => void
}

/** @param committed  told after every commit that moved the head. */
export function groupCommit(
  connections: () => Promise<Connections>,
  clock: Pick<Clock, 'now'>,
  limits: GroupLimits,
  committed: (connections: Connections) => void,
): GroupCommit {
  const queue: Waiting[] = []
  const knownTypes = new Set<string>()
  let flushing = false

  async function flush(): Promise<void> {
    flushing = true
    while (queue.length > 0) {
      // Whoever is resumed by the last commit may have more to write: it gets in here, before the next one.
      await new Promise((resolve) => setImmediate(resolve))
      let turn: WriteTurn
      let opened: Connections
      try {
        opened = await connections()
        turn = await takeTurn(opened, limits.lockTimeoutMs)
      } catch (error) {
        for (const { reject } of queue.splice(0)) reject(error)
        continue
      }
      await commitGroup(opened, turn, takeGroup(queue, limits))
    }
    flushing = false
  }

  async function commitGroup(opened: Connections, turn: WriteTurn, group: Waiting[]): Promise<void> {
    for (let careful = false; ; careful = true) {
      const settle: (() => void)[] = []
      let batch: Batch | undefined
      let current = 0
      try {
        batch = new Batch(opened.writer, clock, knownTypes)
        const head = batch.position
        for (current = 0; current < group.length; current++) settle.push(attempt(group[current] as Waiting, batch, careful))
        turn.commit()
        for (const answer of settle) answer()
        if (batch.position > head) committed(opened)
        return
      } catch (error) {
        batch?.forget()
        try {
          if (error instanceof TransactionLost) {
            // One statement has undone everybody's work: its owner is told, the others are done again without it.
            const [lost] = group.splice(current, 1)
            lost?.reject(storeError(error, opened.file))
          } else if (isConstraint(error) && current === group.length) {
            // A constraint that is checked at the end only (`deferrable initially deferred`): who broke it shows when each commits alone.
            turn.rollback()
            await commitAlone(opened, group, error)
            return
          } else if (careful || isFatal(error) || current === group.length) {
            throw error
          }
          await turn.restart()
        } catch (failure) {
          turn.rollback()
          for (const { reject } of group) reject(storeError(failure, opened.file))
          return
        }
      }
    }
  }

  async function commitAlone(opened: Connections, group: readonly Waiting[], error: unknown): Promise<void> {
    const [only] = group
    if (only && group.length === 1) {
      attemptToExplain(only, error, new Batch(opened.writer, clock))
      return
    }
    for (const one of group) {
      try {
        await commitGroup(opened, await takeTurn(opened, limits.lockTimeoutMs), [one])
      } catch (failure) {
        one.reject(failure)
      }
    }
  }

  return {
    submit: (work) =>
      new Promise((resolve, reject) => {
        queue.push({ work, resolve, reject })
        if (!flushing) void flush()
      }),
  }
}

/** Does one piece of work; the answer is given when the commit is there. */
function attempt({ work, resolve, reject }: Waiting, batch: Batch, careful: boolean): () => void {
  if (!careful && !work.guarded) {
    const value = work.run(batch)
    return () => resolve(value)
  }
  return batch.guard(
    () => {
      const value = work.run(batch)
      return () => resolve(value)
    },
    (error) => {
      try {
        const value = work.explain(error, batch)
        return () => resolve(value)
      } catch (failure) {
        return () => reject(failure)
      }
    },
  )
}

function attemptToExplain({ work, resolve, reject }: Waiting, error: unknown, batch: Batch): void {
  try {
    resolve(work.explain(error, batch))
  } catch (failure) {
    reject(failure)
  }
}

function takeGroup(queue: Waiting[], { maxBatchRequests, maxBatchBytes }: GroupLimits): Waiting[] {
  let count = 0
  let bytes = 0
  for (const { work } of queue) {
    if (count > 0 && (count >= maxBatchRequests || bytes + work.bytes > maxBatchBytes)) break
    count++
    bytes += work.bytes
  }
  return queue.splice(0, count)
}
