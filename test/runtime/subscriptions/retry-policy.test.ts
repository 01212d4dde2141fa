/** Pauses between attempts: pure arithmetic, so nothing has to run for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RetryPolicy } from '../../../src/core/event-handler.ts'
import { toSettings } from '../../../src/runtime/settings.ts'
import { persistenceOf, persistenceOfHandler } from '../../../src/runtime/subscription/persistence.ts'
import { onDeposits } from './follow.ts'

const settings = toSettings({})

/** The pauses before the second to the seventh attempt. */
function pauses(policy: RetryPolicy, random = 0, atOnce = false): readonly number[] {
  const engine = { random: () => random, settings: { ...settings, retryAtOnce: atOnce } }
  const { pauseMs } = persistenceOf({ ...settings.retry, ...policy }, engine)
  return [2, 3, 4, 5, 6, 7].map(pauseMs)
}

test('without jitter a pause doubles from the backoff up to the longest', () => {
  const policy = { backoff: { seconds: 1 }, maxBackoff: { seconds: 10 }, jitter: false }
  assert.deepEqual(pauses(policy, 0.7), [1000, 2000, 4000, 8000, 10_000, 10_000])
})

test('with jitter a pause is at least half as long, and never longer', () => {
  const policy = { backoff: { seconds: 1 }, maxBackoff: { seconds: 10 } }
  assert.deepEqual(pauses(policy, 0), [500, 1000, 2000, 4000, 5000, 5000])
  assert.deepEqual(pauses(policy, 1), [1000, 2000, 4000, 8000, 10_000, 10_000])
  assert.deepEqual(pauses({ ...policy, strategy: 'fixed' }, 0.5), Array(6).fill(750))
})

test('a fixed pause is the backoff each time, however long', () => {
  assert.deepEqual(pauses({ strategy: 'fixed', backoff: { minutes: 5 }, jitter: false }), Array(6).fill(300_000))
})

test('there is no pause where it is to be immediate, nor in a test app', () => {
  assert.deepEqual(pauses({ strategy: 'immediate', backoff: { minutes: 5 } }, 1), Array(6).fill(0))
  assert.deepEqual(pauses({ strategy: 'fixed', backoff: { minutes: 5 } }, 1, true), Array(6).fill(0))
})

test('by default a pause doubles from 100 milliseconds to 30 seconds, and is not cut short where the backoff is longer', () => {
  const { pauseMs } = persistenceOf(settings.retry, { random: () => 1, settings })
  assert.deepEqual([pauseMs(2), pauseMs(3), pauseMs(10), pauseMs(40)], [100, 200, 25_600, 30_000])
  assert.deepEqual(pauses({ backoff: { minutes: 2 }, jitter: false }), Array(6).fill(120_000))
})

test('what a handler says of its retries goes before what the app says, member by member', () => {
  const app = toSettings({ handlers: { retry: { attempts: 9, backoff: { seconds: 2 }, strategy: 'fixed', jitter: false } } })
  const handler = onDeposits('one', () => {}, { retry: { attempts: 3 } })
  const { attempts, pauseMs, whenExhausted } = persistenceOfHandler(handler, { random: () => 0, settings: app })
  assert.deepEqual([attempts, pauseMs(2), pauseMs(5), whenExhausted], [3, 2000, 2000, 'dead-letter'])
})
