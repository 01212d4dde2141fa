import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventHandler, processManager, projection, tableProjection } from '../../src/index.ts'
import { MoneyDeposited, withdraw } from '../domain/bank.ts'

const events = [MoneyDeposited]
const fold = { initial: () => ({}), evolve: { MoneyDeposited: () => ({}) } }

const makers: Readonly<Record<string, (startFrom: any) => { readonly startFrom?: unknown }>> = {
  'an event handler': (startFrom) => eventHandler('x', { events, handle: () => {}, startFrom }),
  'a process manager': (startFrom) =>
    processManager('x', { ...fold, events, commands: [withdraw], correlate: () => 'x', on: {}, startFrom }),
  'a projection': (startFrom) => projection('x', { ...fold, events, consistency: 'async', key: () => 'x', startFrom }),
  'a table projection': (startFrom) =>
    tableProjection('x', { events, consistency: 'async', tables: { x: 'create table x (y)' }, apply: () => [], startFrom }),
}

for (const [what, make] of Object.entries(makers)) {
  test(`${what} says where it starts`, () => {
    for (const place of ['beginning', 'now', { position: 1 }, { position: 9e15 }, { at: new Date(0) }]) {
      assert.deepEqual(make(place).startFrom, place)
    }
  })

  test(`${what} that starts nowhere is refused`, () => {
    const wrong = ['end', 5, {}, { position: 0 }, { position: 1.5 }, { position: '1' }, { at: 1 }, { at: new Date('x') }, null]
    for (const place of [...wrong, { position: 1, at: new Date(0) }, { position: 1, after: 2 }]) {
      assert.throws(() => make(place), { code: 'ES_DEFINITION', message: /startFrom is 'beginning', 'now', \{ position \}/ })
    }
  })
}

test('a transactional projection sees every event, so it starts nowhere else', () => {
  assert.throws(() => projection('x', { ...fold, events, consistency: 'transactional', key: () => 'x', startFrom: 'now' }), {
    code: 'ES_DEFINITION',
    message: /need 'async'/,
  })
  const tables = { x: 'create table x (y)' }
  assert.throws(() => tableProjection('x', { events, consistency: 'transactional', tables, apply: () => [], startFrom: 'now' }), {
    code: 'ES_DEFINITION',
    message: /startFrom needs 'async'/,
  })
})
