/** The test clock: it stands still until it is moved, and its timers fire in the order of their times. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testClock } from '../../src/testing/index.ts'

test('it starts at 2030-01-01 or where it is told, and stands still', async () => {
  const clock = testClock()
  assert.equal(new Date(clock.now()).toISOString(), '2030-01-01T00:00:00.000Z')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(new Date(clock.now()).toISOString(), '2030-01-01T00:00:00.000Z')
  assert.equal(testClock(new Date(5)).now(), 5)
})

test('timers fire at their own times, in the order of time, then of making', async () => {
  const clock = testClock(new Date(0))
  const fired: string[] = []
  for (const [name, ms] of [
    ['c', 30],
    ['a', 10],
    ['b1', 20],
    ['b2', 20],
    ['late', 41],
  ] as const) {
    clock.after(ms, () => fired.push(`${name}@${clock.now()}`))
  }
  await clock.advance({ milliseconds: 40 })
  assert.deepEqual(fired, ['a@10', 'b1@20', 'b2@20', 'c@30'])
  assert.equal(clock.now(), 40)
  await clock.advance({ milliseconds: 1 })
  assert.equal(fired.at(-1), 'late@41')
})

test('a timer that a timer sets fires in the same advance, if it is due', async () => {
  const clock = testClock(new Date(0))
  const fired: number[] = []
  const again = () => {
    fired.push(clock.now())
    clock.after(10, again)
  }
  clock.after(10, again)
  await clock.advance({ milliseconds: 35 })
  assert.deepEqual(fired, [10, 20, 30])
})

test('a cancelled timer does not fire', async () => {
  const clock = testClock(new Date(0))
  let fired = 0
  const cancel = clock.after(10, () => fired++)
  clock.after(5, () => cancel())
  await clock.advance({ seconds: 1 })
  assert.equal(fired, 0)
})

test('what a timer starts is finished before the next one fires', async () => {
  let working: Promise<void> = Promise.resolve()
  const clock = testClock(new Date(0), () => working)
  const order: string[] = []
  clock.after(10, () => {
    working = new Promise<void>((resolve) => setImmediate(resolve)).then(() => void order.push('work'))
  })
  clock.after(20, () => void order.push('second'))
  await clock.advance({ seconds: 1 })
  assert.deepEqual(order, ['work', 'second'])
})

test('set moves the wall clock, also backwards, and fires nothing', async () => {
  const clock = testClock(new Date(1000))
  let fired = 0
  clock.after(10, () => fired++)
  clock.set(new Date(5000))
  assert.deepEqual([clock.now(), fired], [5000, 0])
  clock.set(new Date(500))
  assert.equal(clock.now(), 500)
  await assert.rejects(clock.advance({ seconds: 0 }), { code: 'ES_DEFINITION' })
  await clock.advance({ seconds: 1 })
  assert.deepEqual([clock.now(), fired], [1500, 1])
})

test('a timer that is overdue fires at the next advance and does not turn the clock back', async () => {
  const clock = testClock(new Date(0))
  const seen: number[] = []
  clock.after(10, () => seen.push(clock.now()))
  clock.set(new Date(100))
  await clock.advance({ milliseconds: 1 })
  assert.deepEqual([seen, clock.now()], [[100], 101])
})
