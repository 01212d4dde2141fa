import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertStreamName, categoryOf, isCategory, longestStreamName, streamName, subjectOf } from '../../src/core/stream-name.ts'
import { check } from '../property/check.ts'

const good = [
  'account-7',
  'a-b-c',
  'Billing.invoice_2-%_"\'',
  'account-ünï😀',
  'account- 7',
  'account-7-',
  `a-${'x'.repeat(longestStreamName - 2)}`,
]
const bad = [
  '',
  'account',
  '-7',
  'account-',
  '$all',
  '$account-7',
  'acc ount-7',
  'konto/süd-7',
  'account-a\nb',
  'account-\u0000',
  'account-\u0085',
  'account-\u2028',
  `a-${'x'.repeat(longestStreamName - 1)}`,
]

for (const name of good) {
  test(`${name.slice(0, 40)} (${name.length} characters) is a stream name`, () => assertStreamName(name))
}

for (const name of bad) {
  test(`${JSON.stringify(name.slice(0, 40))} (${name.length} characters) is no stream name`, () => {
    assert.throws(() => assertStreamName(name), { code: 'ES_STREAM_NAME' })
  })
}

test('a refusal of a very long name does not repeat all of it', () => {
  assert.throws(
    () => assertStreamName(`a-${'x'.repeat(100_000)}`),
    (error: Error) => error.message.length < 200,
  )
})

test('what is not text is no stream name', () => {
  for (const name of [undefined, null, 7, {}]) assert.throws(() => assertStreamName(name as never), { code: 'ES_STREAM_NAME' })
})

test('the first hyphen separates: ids may have hyphens', () => {
  assert.equal(streamName('account', '2030-01-31'), 'account-2030-01-31')
  assert.equal(categoryOf('account-2030-01-31'), 'account')
  assert.equal(subjectOf('account-2030-01-31'), '2030-01-31')
})

test('a name is made only of parts that make one', () => {
  for (const [category, id] of [
    ['', '7'],
    ['account', ''],
    ['a b', '7'],
    ['$a', '7'],
    ['account', 'a\tb'],
  ] as const) {
    assert.throws(() => streamName(category, id), { code: 'ES_STREAM_NAME' })
  }
  assert.ok(isCategory('Billing.invoice_2') && !isCategory('a-b') && !isCategory('') && !isCategory('a b'))
})

test('every stream name is its category, a hyphen and its subject', async (t) => {
  await check(
    t,
    fc.property(fc.stringMatching(/^[A-Za-z0-9_.]{1,20}$/), fc.stringMatching(/^[\x20-\x7e]{1,40}$/), (category, id) => {
      const name = streamName(category, id)
      assert.deepEqual([categoryOf(name), subjectOf(name)], [category, id])
    }),
  )
})
