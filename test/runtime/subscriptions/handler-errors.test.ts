/** What a handler decides itself about events that have failed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Signal } from '../../../src/core/observer.ts'
import { eventHandler, type FailureDecision, type RetryPolicy } from '../../../src/index.ts'
import { toSettings } from '../../../src/runtime/settings.ts'
import { persistenceOfHandler } from '../../../src/runtime/subscription/persistence.ts'
import { MoneyDeposited } from '../../domain/bank.ts'
import { onEveryStore } from '../on-every-store.ts'
import { appendDeposits, openFollowed, openWithDeposits, range } from './follow.ts'

/** A handler that says no to 2, and to what is then to become of it. */
function deciding(decide: (failure: { readonly attempt: number }) => FailureDecision | undefined, retry: RetryPolicy = { attempts: 3 }) {
  const [done, tried, asked]: [number[], string[], string[]] = [[], [], []]
  const handler = eventHandler('deciding', {
    events: [MoneyDeposited],
    retry,
    handle: ({ data }, { attempt }) => {
      tried.push(`${data.amount}.${attempt}`)
      if (data.amount === 2) throw new Error('not 2')
      done.push(data.amount)
    },
    onError: (error, { data }, failure) => {
      asked.push(`${(error as Error).message}: ${data.amount}.${failure.attempt}`)
      return decide(failure)
    },
  })
  return { handler, done, tried, asked }
}

onEveryStore('an event that is skipped is passed by, which is told once it is committed', async (given) => {
  const { handler, done, asked } = deciding(() => 'skip')
  const positions: number[] = []
  const told: Signal[] = []
  const observer = (signal: Signal) => {
    told.push(signal)
    if (signal.signal === 'handler.skip') positions.push(signal.position)
  }
  const app = openFollowed(given, { handlers: [handler], observer })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  assert.deepEqual([done, asked, positions, app.deadLetters.length], [[1, 3], ['not 2: 2.1'], [3], 0])
  const [skipped] = told.filter(({ signal }) => signal === 'handler.skip')
  assert.deepEqual(skipped, {
    signal: 'handler.skip',
    kind: 'handler',
    name: 'deciding',
    part: '0/1',
    tenant: '',
    key: 'account-a',
    position: 3,
    attempts: 1,
    error: (skipped as { error?: unknown }).error,
  })
  assert.ok(!told.some(({ signal }) => signal === 'handler.dead-letter' || signal === 'handler.retry'))
})

onEveryStore('an event may be skipped at a later attempt, and then what has waited behind it goes on', async (given) => {
  const { handler, done, tried } = deciding(({ attempt }) => (attempt < 3 ? 'retry' : 'skip'), { attempts: 9 })
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  assert.deepEqual([done, app.deadLetters.length], [[1, 3], 0])
  assert.deepEqual(
    tried.filter((one) => one.startsWith('2')),
    ['2.1', '2.2', '2.3'],
  )
  const [{ parked } = { parked: undefined }] = await app.subscriptions.list()
  assert.deepEqual(parked, { retrying: 0, dead: 0 })
})

onEveryStore('an event may be a dead letter at once', async (given) => {
  const { handler, done } = deciding(() => 'dead-letter')
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  assert.deepEqual([done, app.deadLetters.map(({ attempts, waiting }) => [attempts, waiting])], [[1], [[1, 1]]])
})

onEveryStore('a handler may stop as a whole, and goes on there after a restart', async (given) => {
  let isStrict = true
  const { handler, done } = deciding(() => (isStrict ? 'stop' : 'skip'), { attempts: 9 })
  const first = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 4)
  await first.settle()
  const [statistics] = await first.subscriptions.list()
  assert.deepEqual([done, statistics?.state, statistics?.position], [[1], 'failed', 1])
  assert.match(statistics?.error?.message ?? '', /deciding gave up after 1 attempts: not 2/)
  await first.stop({ keepStore: true })
  isStrict = false
  const second = openFollowed(given, { handlers: [handler] })
  await second.settle()
  assert.deepEqual(done, [1, 3, 4])
})

onEveryStore('an attempt comes after the time that the handler says, on the clock of the app', async (given) => {
  const { handler, tried } = deciding(({ attempt }) => ({ retryAfter: { minutes: attempt } }), { attempts: 9 })
  const app = openFollowed(given, { handlers: [handler], defaults: { subscriptions: { retryAtOnce: false } } })
  await openWithDeposits(app, 'a', 2)
  const after = async (seconds: number) => {
    await given.clock.advance({ milliseconds: seconds * 1000 })
    await app.settle()
    return tried.length
  }
  await app.settle()
  assert.deepEqual([tried.length, await after(59), await after(1), await after(119), await after(1)], [1, 1, 2, 2, 3])
})

onEveryStore('no event is tried more often than the policy says, whatever the handler decides', async (given) => {
  for (const decision of ['retry', { retryAfter: { days: 1 } }] as const) {
    const { handler, tried } = deciding(() => decision)
    const named = { ...handler, name: `deciding-${typeof decision}` }
    const app = openFollowed(given, { handlers: [named] })
    if (typeof decision === 'string') await openWithDeposits(app, 'a', 2)
    await app.settle()
    assert.deepEqual(tried, ['2.1', '2.2', '2.3'])
    const letters = await app.deadLetters.list({ handler: named.name })
    assert.deepEqual(
      letters.map(({ attempts }) => attempts),
      [3],
    )
    await app.stop({ keepStore: true })
  }
})

onEveryStore('of a batch only the event that fails alone is judged', async (given) => {
  const asked: number[] = []
  const done: number[] = []
  const handler = eventHandler('batching', {
    events: [MoneyDeposited],
    handleBatch: (events) => {
      if (events.some(({ data }) => data.amount === 7)) throw new Error('not 7')
      done.push(...events.map(({ data }) => data.amount))
    },
    onError: (_, { data }) => {
      asked.push(data.amount)
      return 'skip'
    },
  })
  const app = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 20)
  await app.settle()
  assert.deepEqual([asked, app.deadLetters.length], [[7], 0])
  assert.deepEqual(
    done,
    range(1, 20).filter((n) => n !== 7),
  )
})

const event = { data: { amount: 1 } }
const judged = (onError: unknown) => {
  const handler = eventHandler('judging', { events: [MoneyDeposited], handle: () => {}, onError: onError as never })
  const { judge } = persistenceOfHandler(handler, { random: () => 0, settings: toSettings({}) })
  return judge?.(new Error('no'), { event, key: 'a', slot: 0, attempt: 1 } as never)
}

test('an onError that throws, or answers what cannot be meant, leaves the decision to the policy and says so', (given) => {
  const { mock: said } = given.mock.method(console, 'error', () => {})
  const strange = [() => assert.fail('broken'), () => 'never', () => ({ retryAfter: { seconds: 0 } }), async () => 'skip', () => null]
  for (const onError of strange) assert.equal(judged(onError), 'retry')
  assert.equal(said.callCount(), strange.length)
  assert.match(String(said.calls[0]?.arguments[0]), /onError of event handler judging/)
})

test('a decision is passed on, and none is the policy', () => {
  for (const decision of ['retry', 'skip', 'stop', 'dead-letter'] as const)
    assert.equal(
      judged(() => decision),
      decision,
    )
  assert.equal(
    judged(() => undefined),
    'retry',
  )
  assert.deepEqual(
    judged(() => ({ retryAfter: { seconds: 2 } })),
    { pauseMs: 2000 },
  )
})
