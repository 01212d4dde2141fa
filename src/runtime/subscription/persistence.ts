/** How long to wait before an event is tried again, and who decides what becomes of it. */
import { type Duration, toMs } from '../../core/duration.ts'
import type { AnyEventHandler, FailureDecision, RetryPolicy } from '../../core/event-handler.ts'
import { type Engine, report } from '../engine.ts'
import { jitteredMs } from '../timeout.ts'
import type { Persistence, Verdict } from './subscription.ts'

/** A retry policy in the engine's units. With jitter a pause is at least half as long as it could be. */
export function persistenceOf(
  { attempts, backoff, maxBackoff, strategy, jitter, whenExhausted }: Required<RetryPolicy>,
  { random, settings }: Pick<Engine, 'random' | 'settings'>,
): Persistence {
  const baseMs = toMs(backoff, 'retry.backoff')
  const mostMs = Math.max(baseMs, toMs(maxBackoff, 'retry.maxBackoff'))
  const isImmediate = settings.retryAtOnce || strategy === 'immediate'
  return {
    attempts,
    whenExhausted,
    pauseMs(attempt) {
      if (isImmediate) return 0
      const longest = strategy === 'fixed' ? baseMs : Math.min(mostMs, baseMs * 2 ** (attempt - 2))
      return jitter ? longest / 2 + jitteredMs(1, longest / 2, longest / 2, random) : longest
    },
  }
}

/** The same, where a handler's `onError` has a say in it. What it throws, or cannot mean, leaves the decision to the policy. */
export function persistenceOfHandler({ name, retry, onError }: AnyEventHandler, engine: Pick<Engine, 'random' | 'settings'>): Persistence {
  const { settings } = engine
  const policy = persistenceOf({ ...settings.retry, ...retry }, engine)
  if (!onError) return policy
  return {
    ...policy,
    judge(failure, { event, attempt }) {
      try {
        return toVerdict(onError(failure, event, { attempt }), settings.retryAtOnce)
      } catch (error) {
        report(`onError of event handler ${name}: its retry policy decides instead`, error)
        return 'retry'
      }
    },
  }
}

function toVerdict(decision: FailureDecision | undefined, isAtOnce: boolean): Verdict {
  if (decision === undefined) return 'retry'
  if (typeof decision === 'object' && decision !== null && 'retryAfter' in decision) {
    const pauseMs = toMs(decision.retryAfter as Duration, 'retryAfter')
    return { pauseMs: isAtOnce ? 0 : pauseMs }
  }
  if (decision === 'retry' || decision === 'skip' || decision === 'stop' || decision === 'dead-letter') return decision
  throw new TypeError(`It must answer 'retry', { retryAfter }, 'skip', 'stop' or 'dead-letter', not ${String(decision)}.`)
}
