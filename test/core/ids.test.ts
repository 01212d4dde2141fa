import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { hybridLogicalIds, type IdParts, timeOfId } from '../../src/core/ids.ts'
import { check } from '../property/check.ts'

const start = Date.parse('2030-01-31T09:30:00.123Z')
const random32 = () => randomInt(0x1_0000_0000)
const ids = (parts: Partial<IdParts> = {}) => hybridLogicalIds({ now: () => start, random32, ...parts })
const many = (count: number, source = ids()) => Array.from({ length: count }, () => source.next())

test('ids are UUIDs of version 7 and of the RFC variant, whatever the random bits', () => {
  for (const bits of [0, 0xffff_ffff, 0x8000_0000, 0x1234_5678]) {
    const id = ids({ random32: () => bits }).next()
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
})

test('an id carries its time', async (t) => {
  assert.equal(timeOfId(ids().next()), start)
  await check(
    t,
    fc.property(fc.integer({ min: 1, max: 2 ** 48 - 1 }), (ms) => assert.equal(timeOfId(ids({ now: () => ms }).next()), ms)),
  )
})

test('time, counter and randomness are where the RFC wants them', () => {
  const source = ids({ now: () => 0x0123_4567_89ab, random32: () => 0xffff_ffff })
  assert.equal(source.next(), '01234567-89ab-7000-bfff-ffffffffffff')
  assert.equal(source.next(), '01234567-89ab-7001-bfff-ffffffffffff')
})

test('100,000 ids of a clock that stands still are unique and sorted', () => {
  const made = many(100_000)
  assert.equal(new Set(made).size, 100_000)
  assert.deepEqual(made.toSorted(), made)
})

test('a full counter moves the logical time ahead by one millisecond', () => {
  const made = many(4097)
  assert.equal(timeOfId(made[4095] as string), start)
  assert.equal(timeOfId(made[4096] as string), start + 1)
})

test('ids never go back, whatever the clock does', async (t) => {
  await check(
    t,
    fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 2, maxLength: 200 }), (steps) => {
      const clock = [...steps]
      const made = many(steps.length, ids({ now: () => start + (clock.shift() ?? 0), random32: () => 0 }))
      assert.deepEqual(made.toSorted(), made)
      assert.equal(new Set(made).size, made.length)
    }),
  )
})

test('a clock that is set back is waited for, and followed again once it has caught up', () => {
  const clock = [start, start - 60_000, start - 59_000, start, start + 1]
  assert.deepEqual(many(5, ids({ now: () => clock.shift() as number })).map(timeOfId), [start, start, start, start, start + 1])
})

test('a node id stands in each id, so that processes can be told apart', () => {
  for (const id of many(10, ids({ nodeId: 0xcafe_babe }))) {
    assert.equal(id.slice(21, 23), 'ca')
    assert.equal(id.slice(24, 30), 'febabe')
  }
})

test('two processes with the same clock and counter differ by their random bits', () => {
  const [one, other] = [many(20_000), many(20_000)]
  assert.equal(new Set([...one, ...other]).size, 40_000)
})
