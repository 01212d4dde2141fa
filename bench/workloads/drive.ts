/** Concurrent callers, each with its own share of the calls. */
import { setTimeout as after } from 'node:timers/promises'

export interface Driven {
  readonly succeeded: number
  readonly failed: number
  readonly unanswered: number
  readonly reason: string
  readonly seconds: number
}

/** What the callers do. */
export interface Calls {
  readonly callers: number
  /** Of each caller. */
  readonly most: number
  /** The n-th call of a caller. */
  call(caller: number, n: number): unknown
}

/** How long calls that are under way may take when the time is up; one driver gives up waiting for a lock after a second. */
const patienceSeconds = 5

/**
 * Makes callers that can be driven more than once; each goes on with the call after its last one.
 *
 * @returns lets every caller call for so many seconds; a call that fails is counted, not repeated.
 */
export function callersOf({ callers, most, call }: Calls): (seconds: number) => Promise<Driven> {
  const made = Array.from({ length: callers }, () => 0)
  return async (seconds) => {
    let [succeeded, failed, underWay, reason] = [0, 0, 0, '']
    const started = performance.now()
    const end = started + seconds * 1000
    const everyone = made.map(async (_, caller) => {
      while ((made[caller] as number) < most && performance.now() < end) {
        underWay++
        try {
          await call(caller, (made[caller] as number)++)
          succeeded++
        } catch (error) {
          failed++
          reason ||= error instanceof Error ? error.message : String(error)
          // A call that fails at once must not keep the others from their turn.
          await new Promise((resolve) => setImmediate(resolve))
        }
        underWay--
      }
    })
    const patience = new AbortController()
    const impatient = after((seconds + patienceSeconds) * 1000, undefined, { signal: patience.signal }).catch(() => {})
    await Promise.race([Promise.all(everyone), impatient])
    patience.abort()
    return { succeeded, failed, unanswered: underWay, reason, seconds: (performance.now() - started) / 1000 }
  }
}

export const nothing: Driven = { succeeded: 0, failed: 0, unanswered: 0, reason: '', seconds: 0 }

export function plus(left: Driven, right: Driven): Driven {
  return {
    succeeded: left.succeeded + right.succeeded,
    failed: left.failed + right.failed,
    unanswered: left.unanswered + right.unanswered,
    reason: left.reason || right.reason,
    seconds: left.seconds + right.seconds,
  }
}
