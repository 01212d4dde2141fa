/** Concurrent callers, each with its own share of the calls. */
import { setTimeout as after } from 'node:timers/promises'

export interface Driven {
  readonly succeeded: number
  readonly failed: number
  readonly unanswered: number
  readonly reason: string
  readonly seconds: number
  /** How long each call took that succeeded, where that is wanted. */
  readonly callMs: readonly number[]
}

/** What the callers do. */
export interface Calls {
  readonly callers: number
  /** Of each caller. */
  readonly most: number
  /** Whether each call is to be timed. */
  readonly timed?: boolean
  /** The n-th call of a caller. */
  call(caller: number, n: number): unknown
}

/** How long calls that are under way may take when the time is up; one driver gives up waiting for a lock after a second. */
const patienceSeconds = 5

/**
 * Makes callers that can be driven more than once; each goes on with the call after its last one.
 *
 * @returns lets every caller call for so many seconds, or until each has made so many calls in all; a call that fails is counted, not
 *   repeated.
 */
export function callersOf({ callers, most, timed = false, call }: Calls): (seconds: number, upTo?: number) => Promise<Driven> {
  const made = Array.from({ length: callers }, () => 0)
  return async (seconds, upTo = most) => {
    let [succeeded, failed, underWay, reason] = [0, 0, 0, '']
    const callMs: number[] = []
    const started = performance.now()
    const end = started + seconds * 1000
    const everyone = made.map(async (_, caller) => {
      while ((made[caller] as number) < Math.min(most, upTo) && performance.now() < end) {
        underWay++
        const called = timed ? performance.now() : 0
        try {
          await call(caller, (made[caller] as number)++)
          succeeded++
          if (timed) callMs.push(performance.now() - called)
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
    return { succeeded, failed, unanswered: underWay, reason, seconds: (performance.now() - started) / 1000, callMs }
  }
}

export const nothing: Driven = { succeeded: 0, failed: 0, unanswered: 0, reason: '', seconds: 0, callMs: [] }

export function plus(left: Driven, right: Driven): Driven {
  return {
    succeeded: left.succeeded + right.succeeded,
    failed: left.failed + right.failed,
    unanswered: left.unanswered + right.unanswered,
    reason: left.reason || right.reason,
    seconds: left.seconds + right.seconds,
    callMs: [...left.callMs, ...right.callMs],
  }
}
