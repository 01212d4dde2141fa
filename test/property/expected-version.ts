/** What an expected version means, for both models. */
import type { ErrorCode } from '../../src/core/errors.ts'
import type { ExpectedVersion } from '../../src/core/event-store.ts'

/** A version in relation to the one that is there: how programs ask for it, because they do not know that one. */
export interface Relative {
  readonly now: number
}

/** The version that is meant when a stream is at `actual`. */
export function meant(expected: ExpectedVersion | Relative, actual: number): ExpectedVersion {
  return typeof expected === 'object' ? Math.max(0, actual + expected.now) : expected
}

/** What the error of a stream at `actual` must say; nothing when the expectation holds. */
export function violation(
  stream: string,
  expected: ExpectedVersion,
  actual: number,
): { readonly code: ErrorCode; readonly [field: string]: unknown } | undefined {
  if (expected === 'any') return undefined
  if (expected === 'exists') return actual > 0 ? undefined : { code: 'ES_STREAM_NOT_FOUND', stream }
  return actual === (expected === 'none' ? 0 : expected) ? undefined : { code: 'ES_CONCURRENCY', stream, expected, actual }
}
