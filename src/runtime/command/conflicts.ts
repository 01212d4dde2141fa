/** Conflicts: refusals that mean "decide again", and the loop that does so. */
import type { DacapoError } from '../../core/errors.ts'
import type { Engine } from '../engine.ts'
import { jitteredMs, pause } from '../timeout.ts'

const conflictCodes: ReadonlySet<string> = new Set(['ES_CONCURRENCY', 'ES_CONDITION_FAILED', 'ES_VIEW_CONFLICT'])

/** Whether somebody else was faster, so that deciding again on what is there now may succeed. */
export function isConflict(error: DacapoError): boolean {
  return conflictCodes.has(error.code)
}

/**
 * Tries until there is no conflict, with full jitter in between.
 *
 * @param laneOf   whom it conflicts with: told by the first conflict, because who meets none waits for nobody.
 * @param tryOnce  answers with the conflict it met, or with its result.
 * @throws the last conflict, after `attempts`.
 */
export async function untilNoConflict<T>(
  { settings, random, counters, lanes }: Engine,
  laneOf: () => string,
  tryOnce: (attempt: number) => Promise<{ readonly conflict: DacapoError } | { readonly value: T }>,
): Promise<T> {
  let leave = () => {}
  try {
    for (let attempt = 1; ; attempt++) {
      const outcome = await tryOnce(attempt)
      if ('value' in outcome) return outcome.value
      counters.conflicts++
      if (attempt >= settings.attempts) throw outcome.conflict
      if (attempt === 1) leave = await lanes.enter(laneOf())
      else await pause(jitteredMs(attempt, settings.backoffMs, settings.longestBackoffMs, random))
    }
  } finally {
    leave()
  }
}
