/** From a retry policy to how often something is tried, and with which pauses. */
import { toMs } from '../../core/duration.ts'
import type { RetryPolicy } from '../../core/event-handler.ts'
import type { Engine } from '../engine.ts'
import { jitteredMs } from '../timeout.ts'
import type { Persistence } from './subscription.ts'

/** Pauses double from the policy's backoff up to 30 seconds, half of each by chance. */
export function persistenceOf({ attempts, backoff, whenExhausted }: Required<RetryPolicy>, { random, settings }: Engine): Persistence {
  const baseMs = toMs(backoff, 'retry.backoff')
  return {
    attempts,
    whenExhausted,
    pauseMs: (attempt) => {
      if (settings.retryAtOnce) return 0
      const longest = Math.min(longestPauseMs, baseMs * 2 ** (attempt - 2))
      return longest / 2 + jitteredMs(1, longest / 2, longest / 2, random)
    },
  }
}

const longestPauseMs = 30_000
