/** Bounded waiting: a timeout and an AbortSignal in front of a promise, and pauses on the app's clock. */
import type { Clock } from '../core/clock.ts'
import { TimedOutError } from '../core/errors.ts'

/** How long a caller is ready to wait. */
export interface Patience {
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Settles like the work, or earlier: with TimedOutError after the timeout, with the signal's reason when it aborts.
 *
 * @param work  is given a signal that aborts, with the same reason, when its caller has stopped waiting; none when the caller
 *              waits as long as it takes.
 */
export function withPatience<T>(
  work: (abandoned: AbortSignal | undefined) => Promise<T>,
  { timeoutMs, signal }: Patience,
  what: string,
  clock: Clock,
): Promise<T> {
  if (timeoutMs === undefined && signal === undefined) return work(undefined)
  if (signal?.aborted) return Promise.reject(signal.reason)
  const abandon = new AbortController()
  return new Promise<T>((resolve, reject) => {
    const stopWaiting = (error: unknown) => {
      done()
      abandon.abort(error)
      reject(error)
    }
    const onAbort = () => stopWaiting(signal?.reason)
    const timesUp = () => stopWaiting(new TimedOutError(what, timeoutMs as number))
    const cancelTimer = timeoutMs === undefined ? () => {} : clock.after(timeoutMs, timesUp, true)
    const done = () => {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    work(abandon.signal).then(
      (value) => {
        done()
        resolve(value)
      },
      (error) => {
        done()
        reject(error)
      },
    )
  })
}

/** Settles like the work, unless it is abandoned: before it has begun, or while it runs, which then nobody waits for. */
export async function unlessAbandoned<T>(abandoned: AbortSignal | undefined, work: () => T | Promise<T>): Promise<T> {
  if (!abandoned) return work()
  abandoned.throwIfAborted()
  let stopWaiting = () => {}
  const over = new Promise<never>((_, reject) => {
    stopWaiting = () => reject(abandoned.reason)
    abandoned.addEventListener('abort', stopWaiting, { once: true })
  })
  try {
    return await Promise.race([over, work()])
  } finally {
    abandoned.removeEventListener('abort', stopWaiting)
  }
}

/** Whether a promise settles within some milliseconds; its outcome is left to whoever awaits it. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const settled = promise.then(
    () => true,
    () => true,
  )
  const result = await Promise.race([settled, late])
  clearTimeout(timer)
  return result
}

/**
 * A pause between two attempts. Real time, not the app's clock: a test clock must not be needed to get out of a conflict.
 *
 * @param signal  ends it early.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}

/** Lets everybody else in who waits for a turn of the event loop; an await alone does not. */
export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Full jitter: a random pause below a limit that doubles with each attempt. */
export function jitteredMs(attempt: number, baseMs: number, capMs: number, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
}
