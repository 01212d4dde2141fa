import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Duration, toCount, toMs } from '../../src/core/duration.ts'

test('every unit has its length, and units add up', () => {
  const lengths: readonly [Duration, number][] = [
    [{ milliseconds: 1 }, 1],
    [{ seconds: 1 }, 1000],
    [{ minutes: 1 }, 60_000],
    [{ hours: 1 }, 3_600_000],
    [{ days: 1 }, 86_400_000],
    [{ minutes: 1, seconds: 30, milliseconds: 5 }, 90_005],
    [{ seconds: 0.5 }, 500],
    [{ hours: 1.1 }, 3_960_000],
  ]
  for (const [duration, ms] of lengths) assert.equal(toMs(duration, 'x'), ms)
})

test('a length is a whole number of milliseconds, the nearest one, and never zero', () => {
  const lengths: readonly [Duration, number][] = [
    [{ days: 1 / 7 }, 12_342_857],
    [{ milliseconds: 1.5 }, 2],
    [{ milliseconds: 0.1 }, 1],
  ]
  for (const [duration, ms] of lengths) assert.equal(toMs(duration, 'x'), ms)
})

const notDurations: readonly unknown[] = [
  {},
  { seconds: 0 },
  { seconds: -1 },
  { seconds: 1, minutes: -1 },
  { seconds: Number.NaN },
  { days: Number.POSITIVE_INFINITY },
  { weeks: 1 },
  { second: 1 },
  [],
  5,
  '5s',
  null,
  undefined,
]

for (const duration of notDurations) {
  test(`${JSON.stringify(duration)} is not a duration, and the refusal names the option`, () => {
    assert.throws(() => toMs(duration as Duration, 'retry.backoff'), { code: 'ES_DEFINITION', message: /^retry\.backoff / })
  })
}

test('an unknown unit is answered with the known ones', () => {
  assert.throws(() => toMs({ weeks: 1 } as Duration, 'x'), /"weeks".*days, hours, minutes, seconds, milliseconds/)
})

test('a count is a whole number above zero', () => {
  assert.equal(toCount(1, 'x'), 1)
  for (const count of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1' as never, undefined as never]) {
    assert.throws(() => toCount(count, 'snapshot.keep'), { code: 'ES_DEFINITION', message: /^snapshot\.keep / })
  }
})
