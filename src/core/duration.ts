/** Spans of time whose unit is visible where they are written: `{ seconds: 30 }`. */
import { DefinitionError } from './errors.ts'

/** A span of time. Its members add up; a bare number would hide its unit. */
export interface Duration {
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
  readonly milliseconds?: number
}

const unitMs: Readonly<Record<keyof Duration, number>> = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
}

/**
 * The length of a duration in whole milliseconds, the nearest ones, always above zero: stores keep no parts of them.
 *
 * @param what  names the option in the error, e.g. `retry.backoff`.
 * @throws DefinitionError (`ES_DEFINITION`) zero, negative, not finite, or an unknown unit.
 */
export function toMs(duration: Duration, what: string): number {
  if (typeof duration !== 'object' || duration === null) {
    throw new DefinitionError(`${what} must be a duration such as { seconds: 30 }, not ${String(duration)}.`)
  }
  let ms = 0
  for (const [unit, amount] of Object.entries(duration)) {
    const factor = unitMs[unit as keyof Duration]
    if (factor === undefined) {
      throw new DefinitionError(`${what} has the unit "${unit}"; the units are ${Object.keys(unitMs).join(', ')}.`)
    }
    ms += (amount ?? 0) * factor
  }
  if (!(ms > 0) || !Number.isFinite(ms)) throw new DefinitionError(`${what} must be longer than zero, not ${JSON.stringify(duration)}.`)
  return Math.max(1, Math.round(ms))
}

/**
 * A count that has to be a whole number above zero.
 *
 * @throws DefinitionError (`ES_DEFINITION`) anything else.
 */
export function toCount(count: number, what: string): number {
  if (!Number.isSafeInteger(count) || count <= 0) throw new DefinitionError(`${what} must be a whole number above 0, not ${String(count)}.`)
  return count
}
