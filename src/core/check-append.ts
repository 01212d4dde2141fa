/** What every store checks of a request before it touches anything: names, limits, and the shape of expectations. */
import { TooLargeError, ValidationError } from './errors.ts'
import { type AppendRequest, appendLimits, type ExpectedVersion } from './event-store.ts'
import { assertStreamName, assertTenant } from './stream-name.ts'

/**
 * Refuses a request that no store could keep. Cheap: one pass over the events.
 *
 * @throws StreamNameError, TooLargeError, ValidationError
 */
export function checkAppend(request: AppendRequest): void {
  if (request.tenant) assertTenant(request.tenant)
  assertStreamName(request.stream)
  assertExpectedVersion(request.expectedVersion, request.stream)
  for (const check of request.checks ?? []) {
    assertStreamName(check.stream)
    assertExpectedVersion(check.expectedVersion, check.stream)
  }
  const { events, idempotency } = request
  if (events.length > appendLimits.events)
    throw new TooLargeError(`An append to ${request.stream}`, events.length, appendLimits.events, 'events')
  let size = 0
  for (const event of events) {
    for (const path of ['id', 'type'] as const) {
      if (!event[path]) throw new ValidationError(`An event for ${request.stream}`, [{ message: `has no ${path}`, path: [path] }])
      if (!event[path].isWellFormed())
        throw new ValidationError(`An event for ${request.stream}`, [{ message: notWellFormed, path: [path] }])
    }
    size += event.data.length + event.metadata.length
    if (event.tags.length > 0) checkTags(event.type, event.tags)
  }
  if (size > appendLimits.bytes) throw new TooLargeError(`An append to ${request.stream}`, size, appendLimits.bytes, 'characters of JSON')
  if (idempotency) assertIdempotencyKey(idempotency.key)
  for (const { key } of request.views ?? []) {
    if (!key.isWellFormed()) throw new ValidationError('The key of a row', [notWellFormed])
  }
}

/** @throws ValidationError */
export function assertIdempotencyKey(key: unknown): asserts key is string {
  if (typeof key === 'string' && key.length > 0 && key.length <= appendLimits.keyLength && key.isWellFormed()) return
  throw new ValidationError('idempotencyKey', [
    `it must be text of 1–${appendLimits.keyLength} characters, without half of a surrogate pair`,
  ])
}

/** Stores that keep UTF-8 could not tell one such text from another. */
const notWellFormed = 'it has half of a surrogate pair'

/** What a satisfied or violated expectation comes to. */
export function expectationHolds(expected: ExpectedVersion, actual: number): boolean {
  switch (expected) {
    case 'any':
      return true
    case 'none':
      return actual === 0
    case 'exists':
      return actual > 0
    default:
      return actual === expected
  }
}

/** @throws ValidationError what is no expectation at all, as opposed to one that does not hold. */
export function assertExpectedVersion(expected: ExpectedVersion, of: string): void {
  if (typeof expected === 'number' ? Number.isSafeInteger(expected) && expected >= 0 : ['none', 'exists', 'any'].includes(expected)) return
  throw new ValidationError(`The expected version of ${of}`, [
    `it must be a whole number from 0, 'none', 'exists' or 'any', not ${String(expected)}`,
  ])
}

function checkTags(type: string, tags: readonly string[]): void {
  if (tags.length > appendLimits.tags) throw new TooLargeError(`An event ${type}`, tags.length, appendLimits.tags, 'tags')
  for (const tag of tags) {
    if (typeof tag !== 'string' || tag.length === 0 || tag.length > appendLimits.tagLength || !tag.isWellFormed()) {
      throw new ValidationError(`Tags of ${type}`, [`a tag is text of 1–${appendLimits.tagLength} characters, not ${JSON.stringify(tag)}`])
    }
  }
}
