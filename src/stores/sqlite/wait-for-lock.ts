/** Patience with other processes: SQLite's own waiting would block the event loop, and with it whoever holds the lock here. */
import { isBusy } from './driver-errors.ts'

const longestPauseMs = 15

/**
 * Repeats what ends in SQLITE_BUSY, until it does not or the time is up. The last error is thrown as it is.
 *
 * @param attempt  synchronous, and leaves nothing half done when it fails.
 */
export async function waitForLock<T>(attempt: () => T, timeoutMs: number): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error
    }
    // Jitter, or those who wait together would come back together.
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())))
  }
}
