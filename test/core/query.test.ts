import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matches, type Query } from '../../src/core/query.ts'
import { check } from '../property/check.ts'

const tag = fc.constantFrom('course:1', 'course:2', 'student:1', 'student:2', 'year:2030')
const tags = fc.array(tag, { maxLength: 5 })
const type = fc.constantFrom('CourseDefined', 'StudentSubscribed', 'CourseClosed')
const event = fc.record({ type, tags })
const item = fc.record({ types: fc.array(type, { maxLength: 3 }), tags: fc.array(tag, { maxLength: 3 }) }, { requiredKeys: [] })
const query = fc.array(item, { maxLength: 4 })

const allOf = (all: readonly string[]): Query => [{ tags: all }]
const anyOf = (any: readonly string[]): Query => any.map((one) => ({ tags: [one] }))
const law = <T extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  holds: (...values: T) => boolean,
) => test(name, (t) => check(t, fc.property(...(arbitraries as never as [fc.Arbitrary<any>]), holds as never)))

law('a query without items matches everything', [event], (e) => matches([], e))
law('an item without types and tags matches everything', [event], (e) => matches([{}], e) && matches([{ types: [], tags: [] }], e))
law(
  'tags that must all be there may be asked for in any order',
  [tags, event],
  (all, e) => matches(allOf(all), e) === matches(allOf(all.toReversed()), e),
)
law('alternatives may stand in any order', [query, event], (q, e) => matches(q, e) === matches(q.toReversed(), e))
law(
  'types of one item may stand in any order',
  [fc.array(type, { minLength: 1 }), event],
  (types, e) => matches([{ types }], e) === matches([{ types: types.toReversed() }], e),
)
law(
  'an event that has all of some tags has any of them',
  [fc.array(tag, { minLength: 1 }), event],
  (some, e) => !matches(allOf(some), e) || matches(anyOf(some), e),
)
law(
  'one tag that all must have is one tag that any must have',
  [tag, event],
  (one, e) => matches(allOf([one]), e) === matches(anyOf([one]), e),
)
law('saying an alternative twice changes nothing', [query, event], (q, e) => matches(q, e) === matches([...q, ...q], e))
law('saying a tag twice changes nothing', [tags, event], (all, e) => matches(allOf(all), e) === matches(allOf([...all, ...all]), e))
law(
  'an event matches all and any of its own tags',
  [event],
  (e) => matches(allOf(e.tags), e) && (e.tags.length === 0 || matches(anyOf(e.tags), e)),
)
law(
  'tags that an event does not have never match',
  [event],
  (e) => !matches(allOf(['unknown:1']), e) && !matches(anyOf(['unknown:1', 'unknown:2']), e),
)
law(
  'items are alternatives',
  [query, query, event],
  (a, b, e) => a.length === 0 || b.length === 0 || matches([...a, ...b], e) === (matches(a, e) || matches(b, e)),
)
law(
  'types and tags of one item must both fit',
  [type, tags, event],
  (one, all, e) => matches([{ types: [one], tags: all }], e) === (e.type === one && matches(allOf(all), e)),
)
law('one more tag narrows, one more alternative widens', [tags, tag, query, item, event], (all, one, q, i, e) => {
  const narrows = !matches(allOf([...all, one]), e) || matches(allOf(all), e)
  const widens = q.length === 0 || !matches(q, e) || matches([...q, i], e)
  return narrows && widens
})

test('the boundary of a course and of a student is met by either', () => {
  const boundary: Query = [{ tags: ['course:1'] }, { types: ['StudentSubscribed'], tags: ['student:1'] }]
  assert.ok(matches(boundary, { type: 'CourseDefined', tags: ['course:1'] }))
  assert.ok(matches(boundary, { type: 'StudentSubscribed', tags: ['course:2', 'student:1'] }))
  assert.ok(!matches(boundary, { type: 'StudentLeft', tags: ['course:2', 'student:1'] }))
  assert.ok(!matches(boundary, { type: 'StudentSubscribed', tags: ['course:2', 'student:2'] }))
})
