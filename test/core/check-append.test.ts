import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAppend, expectationHolds } from '../../src/core/check-append.ts'
import { type AppendRequest, appendLimits, type ExpectedVersion } from '../../src/core/event-store.ts'
import type { EventToAppend } from '../../src/core/stored-event.ts'

const event: EventToAppend = { id: '1', type: 'Opened', schemaVersion: 1, data: '{}', metadata: '{}', tags: [] }
const request: AppendRequest = { stream: 'account-7', expectedVersion: 'any', events: [event] }
const check = (change: Partial<AppendRequest>) => () => checkAppend({ ...request, ...change })
const entry = { hash: '', outcome: '', expiresAt: 0 }

test('whole numbers from 0 and the three words are expectations', () => {
  for (const expectedVersion of [0, 1, 2 ** 52, 'none', 'exists', 'any'] as const) check({ expectedVersion })()
  for (const expectedVersion of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 'new', undefined, null] as never[]) {
    assert.throws(check({ expectedVersion }), { code: 'ES_VALIDATION', message: /expected version of account-7/ })
    assert.throws(check({ checks: [{ stream: 'other-1', expectedVersion }] }), {
      code: 'ES_VALIDATION',
      message: /expected version of other-1/,
    })
  }
})

test('what an expectation comes to at a version', () => {
  const table: readonly (readonly [ExpectedVersion, atNothing: boolean, atOne: boolean])[] = [
    ['any', true, true],
    ['none', true, false],
    [0, true, false],
    ['exists', false, true],
    [1, false, true],
    [2, false, false],
  ]
  for (const [expected, atNothing, atOne] of table) {
    assert.deepEqual([expectationHolds(expected, 0), expectationHolds(expected, 1)], [atNothing, atOne], String(expected))
  }
})

test('streams that are written or checked have stream names', () => {
  assert.throws(check({ stream: '$all' }), { code: 'ES_STREAM_NAME' })
  assert.throws(check({ checks: [{ stream: 'account', expectedVersion: 1 }] }), { code: 'ES_STREAM_NAME' })
})

test('an event has an id and a type', () => {
  assert.throws(check({ events: [event, { ...event, id: '' }] }), { code: 'ES_VALIDATION', message: /id: has no id/ })
  assert.throws(check({ events: [{ ...event, type: '' }] }), { code: 'ES_VALIDATION', message: /type: has no type/ })
})

test('an append may have no event, and no more than the limit', () => {
  check({ events: [] })()
  check({ events: Array(appendLimits.events).fill(event) })()
  assert.throws(check({ events: Array(appendLimits.events + 1).fill(event) }), { code: 'ES_TOO_LARGE', message: /10001 events/ })
})

test('data and metadata count together towards the limit of text', () => {
  const half = 'x'.repeat(appendLimits.bytes / 2)
  check({ events: [{ ...event, data: half, metadata: half }] })()
  assert.throws(
    check({
      events: [
        { ...event, data: half, metadata: '' },
        { ...event, data: `${half}x`, metadata: '' },
      ],
    }),
    { code: 'ES_TOO_LARGE' },
  )
})

test('tags are texts of 1–256 characters, at most 64 of them', () => {
  check({ events: [{ ...event, tags: ['a', 'x'.repeat(256)] }] })()
  for (const tag of ['', 'x'.repeat(257), 5, undefined, null]) {
    assert.throws(check({ events: [{ ...event, tags: ['a', tag as string] }] }), { code: 'ES_VALIDATION', message: /^Tags of Opened/ })
  }
  assert.throws(check({ events: [{ ...event, tags: Array.from({ length: 65 }, (_, i) => `t${i}`) }] }), {
    code: 'ES_TOO_LARGE',
    message: /65 tags/,
  })
})

test('an idempotency key has 1–512 characters', () => {
  check({ idempotency: { ...entry, key: 'x'.repeat(512) } })()
  for (const key of ['', 'x'.repeat(513)])
    assert.throws(check({ idempotency: { ...entry, key } }), { code: 'ES_VALIDATION', message: /1–512/ })
})
