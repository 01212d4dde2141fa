/** Where in the log something begins. */
import { DefinitionError } from './errors.ts'

/**
 * A place in the log: before the first event; before the event at a position (1 or more); or before the first event that was recorded at
 * a time or later.
 */
export type LogPlace = 'beginning' | { readonly position: number } | { readonly at: Date }

/** Where a subscription begins that was never there before; `'now'`: with what is appended from then on. */
export type StartFrom = LogPlace | 'now'

/** Whether a value is a place in the log. */
export function isLogPlace(value: unknown): value is LogPlace {
  if (value === 'beginning') return true
  const { position, at, ...others } = Object(value)
  if (Object.keys(others).length > 0 || (position === undefined) === (at === undefined)) return false
  return at === undefined ? Number.isSafeInteger(position) && position > 0 : at instanceof Date && !Number.isNaN(+at)
}

/** @throws DefinitionError (`ES_DEFINITION`) anything else. */
export function assertStartFrom(what: string, startFrom: unknown): void {
  if (startFrom === undefined || startFrom === 'now' || isLogPlace(startFrom)) return
  throw new DefinitionError(`${what}: startFrom is 'beginning', 'now', { position } from 1 on, or { at: a date }.`)
}
