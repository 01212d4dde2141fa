import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../src/core/event.ts'
import { projection } from '../../src/core/projection.ts'

const Opened = event('Opened', z.object({ owner: z.string() }))
const Closed = event('Closed', z.object({}))
const definition = {
  events: [Opened, Closed],
  consistency: 'async' as const,
  key: () => 'one',
  initial: () => ({ owner: '', count: 0 }),
  evolve: { Opened: () => ({ owner: 'ann', count: 1 }), Closed: () => null },
}

test('a projection is its name and its definition, as a value', () => {
  const people = projection('people', { ...definition, indexes: { owner: 'text', count: 'number' } })
  assert.deepEqual({ ...people }, { kind: 'projection', name: 'people', ...definition, indexes: { owner: 'text', count: 'number' } })
})

test('a name becomes tables, keys and spans, so it is kebab-case of at most 63 characters', () => {
  for (const name of ['p', 'transfer-report', 'a_1', 'x'.repeat(63)]) projection(name, definition)
  for (const name of ['', 'Balances', '1st', '-a', 'a b', 'ä', 'a.b', 'x'.repeat(64), undefined]) {
    assert.throws(() => projection(name as string, definition), { code: 'ES_DEFINITION', message: /1–63 lower-case letters/ })
  }
})

const changes: readonly (readonly [what: string, change: object, message: RegExp])[] = [
  ['no events', { events: [] }, /Projection people: events must list/],
  ['the same event twice', { events: [Opened, Closed, Opened] }, /lists the event Opened twice/],
  ['a missing evolver', { evolve: { Opened: () => null } }, /no function for Closed/],
  ['an evolver of another event', { evolve: { ...definition.evolve, Gone: () => null } }, /Gone, which is not among/],
  ['an initial row instead of a function', { initial: {} }, /initial must be a function/],
  ['another consistency', { consistency: 'eventual' }, /'transactional' or 'async', not "eventual"/],
  ['no consistency', { consistency: undefined }, /'transactional' or 'async'/],
  ['no key', { key: undefined }, /needs key/],
  ['an index of another type', { indexes: { owner: 'date' } }, /index owner must be 'text' or 'number'/],
  ['an index on what is no identifier', { indexes: { 'a.b': 'text' } }, /"a\.b" must be an identifier/],
  ['an index that would be SQL', { indexes: { "x'); drop table t; --": 'text' } }, /must be an identifier/],
]

for (const [what, change, message] of changes) {
  test(`a projection with ${what} is refused`, () => {
    assert.throws(() => projection('people', { ...definition, ...change } as never), { code: 'ES_DEFINITION', message })
  })
}
