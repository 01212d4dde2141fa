import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { decision } from '../../src/core/decision.ts'
import { event } from '../../src/core/event.ts'

const Defined = event('Defined', z.object({ courseId: z.string() }))
const Subscribed = event('Subscribed', z.object({ courseId: z.string() }))
const definition = {
  input: z.object({ courseId: z.string() }),
  stream: ({ courseId }: { courseId: string }) => `course-${courseId}`,
  events: [Defined, Subscribed],
  boundary: ({ courseId }: { courseId: string }) => [{ tags: [`course:${courseId}`] }],
  initial: () => 0,
  evolve: { Defined: (count: number) => count, Subscribed: (count: number) => count + 1 },
  decide: () => undefined,
}

test('a decision keeps its query, its fold and where its events go', () => {
  const { boundary } = decision('Subscribe', definition as never)
  assert.ok(boundary.kind === 'query')
  assert.deepEqual(boundary.query({ courseId: '1' }), [{ tags: ['course:1'] }])
  assert.equal(boundary.stream({ courseId: '1' }), 'course-1')
  assert.equal(boundary.initial(), 0)
  assert.equal(boundary.evolve.Subscribed?.(1, {}, {}), 2)
})

const changes: readonly (readonly [what: string, change: object, message: RegExp])[] = [
  ['no events', { events: [] }, /Decision Subscribe: events must list/],
  ['the same event twice', { events: [Defined, Defined] }, /Decision Subscribe lists the event Defined twice/],
  ['a missing evolver', { evolve: { Defined: () => 0 } }, /no function for Subscribed/],
  ['an evolver of another event', { evolve: { ...definition.evolve, Gone: () => 0 } }, /Gone, which is not among/],
  ['an initial state instead of a function', { initial: 0 }, /initial must be a function/],
  ['no stream', { stream: undefined }, /needs stream/],
  ['no boundary', { boundary: undefined }, /needs boundary/],
  ['no input schema', { input: undefined }, /needs a Standard Schema/],
  ['no decide', { decide: undefined }, /needs decide/],
]

for (const [what, change, message] of changes) {
  test(`a decision with ${what} is refused`, () => {
    assert.throws(() => decision('Subscribe', { ...definition, ...change } as never), { code: 'ES_DEFINITION', message })
  })
}

test('a decision without a name is refused', () => {
  assert.throws(() => decision('', definition as never), { code: 'ES_DEFINITION', message: /needs a name/ })
})
