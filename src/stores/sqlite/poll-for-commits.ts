/** Notices commits of other processes: SQLite has no notifications, but a number that changes with each of them. */
import type { Handle } from './handle.ts'

/** A poll that runs only while somebody listens, and keeps no process alive. */
export function pollForCommits(everyMs: number, handle: () => Handle | undefined, noticed: () => void): { start(): void; stop(): void } {
  let timer: ReturnType<typeof setInterval> | undefined
  let last: unknown

  function look(): void {
    try {
      const version = handle()?.first('PRAGMA data_version')?.[0]
      if (version === last) return
      last = version
      noticed()
    } catch {
      // Busy or closing: the next look will tell, and a wake-up is never needed for truth.
    }
  }

  return {
    start() {
      timer ??= setInterval(look, everyMs).unref()
    },
    stop() {
      clearInterval(timer)
      timer = undefined
    },
  }
}
