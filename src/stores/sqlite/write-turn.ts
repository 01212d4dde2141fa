/** A turn to write: alone among the writers of this process, then with the file's write lock. */
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Gate } from '../../core/gate.ts'
import type { Connections } from './connections.ts'
import { storeError } from './driver-errors.ts'
import { waitForLock } from './wait-for-lock.ts'

/** An open write transaction. Whoever has it must commit it or roll it back, whatever happens. */
export interface WriteTurn {
  /** @throws StoreUnavailableError what the commit came to is unknown; it is rolled back if it can be. */
  commit(): void
  rollback(): void
  /** Undoes everything and begins again, in the same turn. */
  restart(): Promise<void>
}

/** @throws StoreUnavailableError (retryable) the turn did not come in time; nothing was written. */
export async function takeTurn({ file, writer, shared }: Connections, lockTimeoutMs: number): Promise<WriteTurn> {
  const leave = await enter(shared.writers, file, lockTimeoutMs)
  const begin = () => waitForLock(() => writer.exec('BEGIN IMMEDIATE'), lockTimeoutMs)
  const undo = () => {
    try {
      writer.exec('ROLLBACK')
    } catch {
      // SQLite has already done it by itself, as it does after some errors.
    }
  }
  try {
    await begin()
  } catch (error) {
    leave()
    throw storeError(error, file)
  }
  return {
    commit() {
      try {
        writer.exec('COMMIT')
      } catch (error) {
        undo()
        throw error
      } finally {
        leave()
      }
    },
    rollback() {
      undo()
      leave()
    },
    async restart() {
      undo()
      await begin()
    },
  }
}

async function enter(gate: Gate, file: string, timeoutMs: number): Promise<() => void> {
  const entered = gate.enter()
  try {
    return await inTime(entered, file, timeoutMs)
  } catch (error) {
    // The turn still comes, and must be passed on.
    void entered.then((leave) => leave())
    throw error
  }
}

/** Waits for a transaction of this process to end, but not for ever: it may be waiting for who waits here. */
export async function inTime<T>(ended: Promise<T>, file: string, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    // The longest delay of a timer; a longer one would fire at once.
    const delayMs = Math.min(timeoutMs, 2 ** 31 - 1)
    timer = setTimeout(() => {
      const message = `A transaction of this process has kept ${file} for more than ${timeoutMs} ms: does it wait for a call from outside it?`
      reject(new StoreUnavailableError('sqlite', message))
    }, delayMs)
  })
  try {
    return await Promise.race([ended, late])
  } finally {
    clearTimeout(timer)
  }
}
