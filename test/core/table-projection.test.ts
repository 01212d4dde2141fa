import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../src/core/event.ts'
import { sql } from '../../src/core/sql.ts'
import { tableProjection } from '../../src/core/table-projection.ts'

const Opened = event('Opened', z.object({ owner: z.string() }))
const definition = {
  events: [Opened],
  consistency: 'transactional' as const,
  tables: { owners: 'create table if not exists owners (owner text)' },
  apply: () => undefined,
}

test('a table projection is its name and its definition, as a value', () => {
  const owners = tableProjection('owners', definition)
  assert.deepEqual({ ...owners }, { kind: 'table-projection', name: 'owners', ...definition })
})

test('statements keep values apart from their text', () => {
  const owners = tableProjection('owners', {
    ...definition,
    apply: (event, tag) => tag`insert into owners values (${event.data.owner})`,
  })
  const statement = owners.apply({ data: { owner: "x'); drop table owners; --" } }, sql)
  assert.ok(statement && 'parts' in statement)
  assert.deepEqual([...statement.parts], ['insert into owners values (', ')'])
  assert.deepEqual(statement.values, ["x'); drop table owners; --"])
})

const changes: readonly (readonly [what: string, change: object, message: RegExp])[] = [
  ['no events', { events: [] }, /Table projection owners: events must list/],
  ['the same event twice', { events: [Opened, Opened] }, /lists the event Opened twice/],
  ['another consistency', { consistency: 'sync' }, /'transactional' or 'async'/],
  ['no tables', { tables: {} }, /needs tables/],
  ['tables missing', { tables: undefined }, /needs tables/],
  ['no apply', { apply: undefined }, /needs apply/],
]

for (const [what, change, message] of changes) {
  test(`a table projection with ${what} is refused`, () => {
    assert.throws(() => tableProjection('owners', { ...definition, ...change } as never), { code: 'ES_DEFINITION', message })
  })
}

test('a table projection has the same kind of name as a projection', () => {
  assert.throws(() => tableProjection('Owners', definition), { code: 'ES_DEFINITION', message: /1–63 lower-case letters/ })
})
