import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../src/core/event.ts'
import { eventHandler } from '../../src/core/event-handler.ts'

const Opened = event('Opened', z.object({ owner: z.string() }))
const definition = { events: [Opened], handle: () => {} }

test('an event handler is its name and its definition, as a value', () => {
  assert.deepEqual({ ...eventHandler('send-receipt', definition) }, { kind: 'handler', name: 'send-receipt', retry: {}, ...definition })
  const retry = { attempts: 3, backoff: { seconds: 1 }, whenExhausted: 'stop' } as const
  assert.equal(eventHandler('send-receipt', { ...definition, retry }).retry, retry)
})

const changes: readonly (readonly [what: string, change: object, message: RegExp])[] = [
  ['no events', { events: [] }, /Event handler send-receipt: events must list/],
  ['the same event twice', { events: [Opened, Opened] }, /lists the event Opened twice/],
  ['no handle', { handle: undefined }, /needs handle/],
  ['0 attempts', { retry: { attempts: 0 } }, /retry\.attempts of event handler send-receipt/],
  ['-1 attempts', { retry: { attempts: -1 } }, /retry\.attempts/],
  ['half an attempt', { retry: { attempts: 0.5 } }, /retry\.attempts/],
  ['a backoff of nothing', { retry: { backoff: { seconds: 0 } } }, /retry\.backoff of event handler send-receipt/],
  ['a backoff into the past', { retry: { backoff: { seconds: -1 } } }, /retry\.backoff/],
  ['a backoff without a unit', { retry: { backoff: 100 } }, /retry\.backoff/],
  ['a longest backoff of nothing', { retry: { maxBackoff: { seconds: 0 } } }, /retry\.maxBackoff of event handler send-receipt/],
  [
    'a backoff longer than the longest',
    { retry: { backoff: { minutes: 2 }, maxBackoff: { minutes: 1 } } },
    /must not be shorter than its backoff/,
  ],
  ['a strategy that there is not', { retry: { strategy: 'linear' } }, /must be 'exponential', 'fixed' or 'immediate'/],
  ['both handle and handleBatch', { handleBatch: () => {} }, /handle: .* or handleBatch: .* not both/],
  ['maxBatch without handleBatch', { maxBatch: 10 }, /maxBatch is for handleBatch/],
  ['batches of nothing', { handle: undefined, handleBatch: () => {}, maxBatch: 0 }, /maxBatch of event handler send-receipt/],
  ['batches that are too large', { handle: undefined, handleBatch: () => {}, maxBatch: 1001 }, /at most 1000/],
  ...[0, -1, 1.5, 65].map(
    (partitions) => [`${partitions} partitions`, { partitions }, /partitions must be a whole number from 1 to 64/] as const,
  ),
  ['a state instead of an init', { init: { count: 0 } }, /init must be a function/],
  ['a word instead of an onError', { onError: 'skip' }, /onError must be a function/],
]

for (const [what, change, message] of changes) {
  test(`an event handler with ${what} is refused`, () => {
    assert.throws(() => eventHandler('send-receipt', { ...definition, ...change } as never), { code: 'ES_DEFINITION', message })
  })
}

test('an event handler has the same kind of name as a projection', () => {
  assert.throws(() => eventHandler('SendReceipt', definition), { code: 'ES_DEFINITION', message: /1–63 lower-case letters/ })
})
