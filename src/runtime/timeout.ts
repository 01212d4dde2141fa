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
 * @param giveUp  told when the caller has stopped waiting, so that work that has not begun need not begin.
 */
export function withPatience<T>(
  work: () => Promise<T>,
  { timeoutMs, signal }: Patience,
  what: string,
  clock: Clock,
  giveUp: () => void = () => {},
): Promise<T> {
  if (timeoutMs === undefined && signal === undefined) return work()
  if (signal?.aborted) return Promise.reject(signal.reason)
  return new Promise<T>((resolve, reject) => {
    const stopWaiting = (error: unknown) => {
      done()
      giveUp()
      reject(error)
    }
    const onAbort = () => stopWaiting(signal?.reason)
    const cancelTimer = timeoutMs === undefined ? () => {} : clock.after(timeoutMs, () => stopWaiting(new TimedOutError(what, timeoutMs)))
    const done = () => {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    work().then(
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

/** A pause between two attempts. Real time, not the app's clock: a test clock must not be needed to get out of a conflict. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

/** Full jitter: a random pause below a limit that doubles with each attempt. */
export function jitteredMs(attempt: number, baseMs: number, capMs: number, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
}
