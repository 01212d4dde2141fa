import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../src/core/event.ts'
import { processManager } from '../../src/core/process-manager.ts'

const Requested = event('Requested', z.object({ transferId: z.string() }))
const Withdrawn = event('Withdrawn', z.object({ transferId: z.string() }))
const definition = {
  events: [Requested, Withdrawn],
  commands: [],
  correlate: ({ data }: { data: { transferId: string } }) => data.transferId,
  initial: () => ({ amount: 0 }),
  evolve: { Requested: () => ({ amount: 1 }) },
  on: {},
}

test('a process need not fold or react to each of its events', () => {
  const transfer = processManager('transfer-money', definition)
  assert.deepEqual({ ...transfer }, { kind: 'process', name: 'transfer-money', rejected: {}, timeouts: {}, ...definition })
})

const changes: readonly (readonly [what: string, change: object, message: RegExp])[] = [
  ['no events', { events: [] }, /Process manager transfer: events must list/],
  ['the same event twice', { events: [Requested, Requested] }, /lists the event Requested twice/],
  ['an evolver of another event', { evolve: { Gone: () => 0 } }, /Gone, which is not among/],
  ['an initial state instead of a function', { initial: {} }, /initial must be a function/],
  ['no correlate', { correlate: undefined }, /needs correlate/],
]

for (const [what, change, message] of changes) {
  test(`a process manager with ${what} is refused`, () => {
    assert.throws(() => processManager('transfer', { ...definition, ...change } as never), { code: 'ES_DEFINITION', message })
  })
}

test('a process manager has the same kind of name as a projection', () => {
  assert.throws(() => processManager('Transfer', definition), { code: 'ES_DEFINITION', message: /1–63 lower-case letters/ })
})
