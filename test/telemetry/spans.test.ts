/** What spans say: names, kinds, attributes by the conventions, and errors. */
import assert from 'node:assert/strict'
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { eventHandler, projection } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { deposit, MoneyDeposited, openAccount, withdraw } from '../domain/bank.ts'
import { defineCourse, subscribeStudent } from '../domain/courses.ts'
import { inFrontOf } from '../runtime/in-front-of.ts'
import { onEveryStore } from '../runtime/on-every-store.ts'
import { ann } from '../runtime/open-bank.ts'
import { onDeposits, openFollowed, openWithDeposits, payIn, sums } from '../runtime/subscriptions/follow.ts'
import { recorded } from './recorded.ts'

const idle = onDeposits('idle', () => {})
const bob = { id: 'bob', roles: [] }
const systems: Readonly<Record<string, string>> = { memory: 'memory', sqlite: 'sqlite', postgres: 'postgresql' }

/** What a span says, with what differs from run to run only by its type. */
function saying({ kind, attributes, status }: ReadableSpan, ...odd: readonly string[]): object {
  const plain = Object.entries(attributes).map(([name, value]) => [name, odd.includes(name) ? typeof value : value])
  return { kind, ok: status.code !== SpanStatusCode.ERROR, ...Object.fromEntries(plain) }
}

onEveryStore('spans have few names, and say what was done and what came of it', async (given) => {
  const { store, clock, tend, storeName } = given
  const seen = recorded()
  const parts = { commands: [openAccount, deposit, defineCourse, subscribeStudent], handlers: [idle], projections: [sums] }
  const app = tend(testApp({ store, clock, telemetry: seen.telemetry, ...parts }))
  const acme = app.forTenant('acme')
  for (const accountId of ['a', 'b']) {
    await acme.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann, correlationId: 'c' })
    await acme.execute(deposit({ accountId, amount: 5 }), { actor: ann, correlationId: 'c', idempotencyKey: accountId })
  }
  await acme.execute(deposit({ accountId: 'b', amount: 5 }), { actor: ann, correlationId: 'c', idempotencyKey: 'b' })
  await app.execute(defineCourse({ courseId: 'c', capacity: 1 }), { actor: ann })
  await app.execute(subscribeStudent({ courseId: 'c', studentId: 's' }), { actor: ann })
  await app.settle()

  const database = { kind: SpanKind.CLIENT, ok: true, 'db.system.name': systems[storeName] }
  const messaging = {
    kind: SpanKind.CONSUMER,
    ok: true,
    'messaging.system.name': 'dacapo',
    'messaging.operation.type': 'process',
  }
  const tenant = { 'dacapo.tenant': 'acme' }
  const command = { kind: SpanKind.INTERNAL, ok: true, 'dacapo.execution.id': 'string' }
  const first = (name: string, ...odd: readonly string[]) => saying(seen.spans(name)[0]!, ...odd)
  assert.deepEqual(first('execute OpenAccount', 'dacapo.execution.id', 'dacapo.position'), {
    ...command,
    ...tenant,
    'dacapo.command': 'OpenAccount',
    'dacapo.correlation.id': 'c',
    'dacapo.outcome': 'accepted',
    'dacapo.events': 1,
    'dacapo.stream.version': 1,
    'dacapo.position': 'number',
  })
  assert.equal(seen.spans('execute Deposit').at(-1)?.attributes['dacapo.duplicate'], true)
  assert.deepEqual(first('load account'), {
    ...database,
    ...tenant,
    'db.operation.name': 'load',
    'dacapo.stream': 'account-a',
    'dacapo.stream.version': 0,
  })
  assert.deepEqual(first('append account'), {
    ...database,
    ...tenant,
    'db.operation.name': 'append',
    'dacapo.stream': 'account-a',
    'dacapo.events': 1,
  })
  assert.deepEqual(first('query SubscribeStudent'), {
    ...database,
    'db.operation.name': 'query',
    'dacapo.command': 'SubscribeStudent',
  })
  assert.deepEqual(first('handle idle', 'messaging.message.id', 'dacapo.position'), {
    ...messaging,
    ...tenant,
    'messaging.operation.name': 'handle',
    'messaging.destination.name': 'account',
    'messaging.destination.subscription.name': 'idle',
    'messaging.message.id': 'string',
    'messaging.message.conversation_id': 'c',
    'dacapo.event.type': 'MoneyDeposited',
    'dacapo.stream': 'account-a',
    'dacapo.position': 'number',
    'dacapo.attempt': 1,
  })
  assert.deepEqual(first('project sums', 'messaging.batch.message_count'), {
    ...messaging,
    'messaging.operation.name': 'project',
    'messaging.destination.subscription.name': 'sums',
    'messaging.batch.message_count': 'number',
    'dacapo.part': '0/1',
  })
  assert.deepEqual([...new Set(seen.spans().map(({ name }) => name))].toSorted(), [
    'append account',
    'append course',
    'execute DefineCourse',
    'execute Deposit',
    'execute OpenAccount',
    'execute SubscribeStudent',
    'handle idle',
    'load account',
    'project sums',
    'query SubscribeStudent',
  ])
  assert.equal(seen.open, 0)
  await seen.end()
})

onEveryStore('whatever is not called dacapo.… is a name of the conventions', async (given) => {
  const seen = recorded()
  const failing = onDeposits('failing', () => Promise.reject(new Error('no')), { retry: { attempts: 1 } })
  const app = openFollowed(given, { telemetry: seen.telemetry, handlers: [failing], projections: [sums] })
  await openWithDeposits(app, 'a', 1, 2)
  await Promise.all([3, 4].map((amount) => payIn(app, 'a', amount)))
  await app.settle()
  const known: ReadonlySet<unknown> = new Set(Object.values(conventions))
  const told = seen.spans().flatMap(({ attributes, links }) => [attributes, ...links.map((link) => link.attributes ?? {})])
  const names = new Set([...told.flatMap((attributes: Attributes) => Object.keys(attributes)), ...(await seen.metrics())])
  assert.deepEqual(
    [...names].filter((name) => !name.startsWith('dacapo.') && !known.has(name)),
    [],
  )
  for (const expected of ['db.operation.batch.size', 'error.type', 'messaging.message.id', 'db.client.operation.duration'])
    assert.ok(names.has(expected), expected)
  await seen.end()
})

onEveryStore('a handler that fails leaves an error on the span of each attempt', async (given) => {
  const seen = recorded()
  const failing = onDeposits('failing', (_, __, { attempt }) => {
    if (attempt === 1) throw new TypeError('no mail today')
  })
  const app = openFollowed(given, { telemetry: seen.telemetry, handlers: [failing] })
  await openWithDeposits(app, 'a', 1)
  await app.settle()
  const [first, second] = seen.spans('handle failing')
  assert.deepEqual([first?.status.code, first?.status.message], [SpanStatusCode.ERROR, 'no mail today'])
  assert.equal(first?.attributes['error.type'], 'TypeError')
  assert.deepEqual(
    first?.events.map(({ name, attributes }) => [name, attributes?.['exception.message']]),
    [['exception', 'no mail today']],
  )
  assert.deepEqual([second?.status.code, second?.attributes['dacapo.attempt']], [SpanStatusCode.UNSET, 2])
  const cause = seen.span('execute Deposit').spanContext()
  for (const span of [first, second]) {
    assert.deepEqual([span?.parentSpanContext?.spanId, span?.links.map((link) => link.context.spanId)], [cause.spanId, [cause.spanId]])
  }
  await seen.end()
})

onEveryStore('a batch of a handler is one span, linked to what has made its events; one that is passed by is counted', async (given) => {
  const seen = recorded()
  const together = eventHandler('together', {
    events: [MoneyDeposited],
    handleBatch: (events) => {
      if (events.some(({ data }) => data.amount === 2)) throw new Error('not 2')
    },
    onError: () => 'skip',
  })
  const app = openFollowed(given, { telemetry: seen.telemetry, handlers: [together] })
  for (const account of ['a', 'b', 'c', 'd']) await openWithDeposits(app, account, account === 'b' ? 2 : 1)
  await app.settle()
  const spans = seen.spans('handle together')
  assert.deepEqual(saying(spans[0]!, 'dacapo.attempt', 'error.type', 'messaging.batch.message_count'), {
    kind: SpanKind.CONSUMER,
    ok: false,
    'messaging.system.name': 'dacapo',
    'messaging.operation.name': 'handle',
    'messaging.operation.type': 'process',
    'messaging.destination.subscription.name': 'together',
    'messaging.batch.message_count': 'number',
    'dacapo.attempt': 'number',
    'error.type': 'string',
  })
  const sizes = spans.map(({ attributes, links }) => [attributes['messaging.batch.message_count'], links.length])
  assert.deepEqual(sizes[0], [4, 4])
  assert.ok(sizes.every(([events, links]) => events === links))
  assert.deepEqual(Object.values(await seen.metric('dacapo.subscription.skipped')), [1])
  assert.equal(seen.open, 0)
  await seen.end()
})

onEveryStore('a projection that fails leaves its error on the span of the batch', async (given) => {
  const seen = recorded()
  const picky = projection('picky', {
    events: [MoneyDeposited],
    consistency: 'async',
    key: ({ subject }) => subject,
    initial: () => ({}),
    evolve: {
      MoneyDeposited: (row, { data }) => {
        if (data.amount === 13) throw new Error('not that one')
        return row
      },
    },
  })
  const app = openFollowed(given, { telemetry: seen.telemetry, projections: [picky] })
  await openWithDeposits(app, 'a', 13)
  await app.settle()
  const batches = seen.spans('project picky')
  assert.ok(batches.length > 1, 'it is tried again')
  for (const { status, attributes, events } of batches) {
    assert.equal(status.code, SpanStatusCode.ERROR)
    assert.equal(attributes['error.type'], 'ES_PROJECTION_FAILED')
    assert.equal(events.length, 1)
  }
  await seen.end()
})

onEveryStore('a command that fails leaves its code, and one that is rejected is no error', async (given) => {
  const seen = recorded()
  const app = openFollowed(given, { telemetry: seen.telemetry })
  await openWithDeposits(app, 'a', 1)
  await assert.rejects(app.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: bob }), { code: 'ES_FORBIDDEN' })
  await app.attempt(withdraw({ accountId: 'a', amount: 2 }), { actor: ann })
  const [forbidden, rejected] = seen.spans('execute Withdraw')
  assert.deepEqual([forbidden?.status.code, forbidden?.attributes['error.type']], [SpanStatusCode.ERROR, 'ES_FORBIDDEN'])
  assert.equal(rejected?.status.code, SpanStatusCode.UNSET)
  assert.deepEqual(
    ['dacapo.outcome', 'dacapo.rejection.code', 'error.type'].map((name) => rejected?.attributes[name]),
    ['rejected', 'InsufficientFunds', undefined],
  )
  assert.equal(seen.open, 0)
  await seen.end()
})

onEveryStore('an append that is refused says so, and so does one whose store cannot be reached', async (given) => {
  const seen = recorded()
  const { store } = given
  let reachable = true
  const there = openFollowed(given)
  const here = openFollowed(given, {
    telemetry: seen.telemetry,
    store: inFrontOf(store, {
      append: (requests) => (reachable ? store.append(requests) : Promise.reject(new StoreUnavailableError(store.name, 'It was off.'))),
    }),
  })
  await openWithDeposits(here, 'a', 1)
  await payIn(there, 'a', 2)
  await payIn(here, 'a', 3)
  reachable = false
  await assert.rejects(payIn(here, 'a', 4), { code: 'ES_STORE_UNAVAILABLE' })
  const ends = seen
    .spans('append account')
    .map(({ attributes, status }) => [attributes['dacapo.refused'], attributes['error.type'], status.code === SpanStatusCode.ERROR])
  assert.deepEqual(ends.slice(-3), [
    [1, 'ES_CONCURRENCY', false],
    [undefined, undefined, false],
    [undefined, 'ES_STORE_UNAVAILABLE', true],
  ])
  assert.equal(seen.spans('execute Deposit').at(-1)?.attributes['error.type'], 'ES_STORE_UNAVAILABLE')
  assert.equal(seen.open, 0)
  await seen.end()
})
