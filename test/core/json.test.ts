import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromJson, toJson } from '../../src/core/json.ts'
import { check } from '../property/check.ts'

class Money {
  cents = 5
}

const cycle: { self?: unknown } = {}
cycle.self = cycle
const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) })

const refused: readonly (readonly [what: string, value: unknown, path: string, reason: RegExp])[] = [
  ['undefined', undefined, '', /it is undefined/],
  ['NaN', { a: Number.NaN }, 'a', /a is NaN/],
  ['an infinite number', { a: [1, Number.NEGATIVE_INFINITY] }, 'a[1]', /is -Infinity/],
  ['a bigint', { a: { b: 1n } }, 'a.b', /is a bigint/],
  ['a symbol', { a: Symbol('x') }, 'a', /is a symbol/],
  ['a function', { a: () => 1 }, 'a', /is a function/],
  ['undefined in an array', { list: [1, undefined] }, 'list[1]', /is undefined/],
  // biome-ignore lint/suspicious/noSparseArray: the hole is the point
  ['a hole in an array', { list: [1, , 3] }, 'list[1]', /is undefined/],
  ['an empty array of a length', [new Array(2)], '[0][0]', /is undefined/],
  ['a Date', { at: new Date(0) }, 'at', /is a Date/],
  ['a Map', { rates: new Map() }, 'rates', /is a Map/],
  ['a Set', [[new Set()]], '[0][0]', /is a Set/],
  ['a RegExp', { a: /x/ }, 'a', /is a RegExp/],
  ['bytes', { a: new Uint8Array(1) }, 'a', /is a Uint8Array/],
  ['a class instance', { price: new Money() }, 'price', /is a Money/],
  ['a boxed string', { a: new String('x') }, 'a', /is a String/],
  ['an error', new Error('x'), '', /it is a Error/],
  ['a toJSON method', { a: { toJSON: () => 1 } }, 'a.toJSON', /is a function/],
  ['a cycle', cycle, Array(201).fill('self').join('.'), /contains itself/],
]

for (const [what, value, path, reason] of refused) {
  test(`${what} is refused with the path to it`, () => {
    assert.throws(() => toJson(value, 'data of Opened'), { code: 'ES_SERIALIZATION', path, message: reason })
  })
}

test('a refusal says whose data it is', () => {
  assert.throws(
    () => toJson({ at: new Date(0) }, 'data of Opened'),
    /^SerializationError: data of Opened cannot be kept as JSON: at is a Date/,
  )
})

test('nesting is allowed up to a depth that no domain needs, and refused beyond', () => {
  assert.deepEqual(fromJson(toJson(nested(200), 'x')), nested(200))
  assert.throws(() => toJson(nested(202), 'x'), /nested deeper than 200 levels/)
})

test('the same object twice is no cycle', () => {
  const shared = { a: 1 }
  assert.equal(toJson([shared, shared], 'x'), '[{"a":1},{"a":1}]')
})

test('undefined members are dropped, as JSON does', () => {
  assert.equal(toJson({ a: 1, b: undefined, c: { d: undefined } }, 'x'), '{"a":1,"c":{}}')
})

test('objects without a prototype are plain', () => {
  assert.equal(toJson(Object.assign(Object.create(null), { a: 1 }), 'x'), '{"a":1}')
})

test('JSON comes back as it was', async (t) => {
  await check(
    t,
    fc.property(fc.jsonValue(), (value) => assert.deepEqual(fromJson(toJson(value, 'x')), JSON.parse(JSON.stringify(value)))),
  )
})

test('any value is either kept as JSON.stringify and JSON.parse would keep it without loss, or refused', async (t) => {
  await check(
    t,
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withSparseArray: true }), (value) => {
      let text: string
      try {
        text = toJson(value, 'x')
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ES_SERIALIZATION')
        return
      }
      assert.equal(toJson(fromJson(text), 'x'), text)
    }),
  )
})
