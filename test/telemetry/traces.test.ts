/** Traces: one goes on from the caller to the command, its events, what follows the log, and the next command, in any process. */
import assert from 'node:assert/strict'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { z } from 'zod'
import { command, eventHandler, processManager, projection } from '../../src/index.ts'
import { testApp } from '../../src/testing/index.ts'
import {
  Account,
  AccountOpened,
  completeTransfer,
  deposit,
  failTransfer,
  openAccount,
  requestTransfer,
  transferMoney,
  withdraw,
} from '../domain/bank.ts'
import { type Given, onEveryStore } from '../runtime/on-every-store.ts'
import { all, ann, openBankWithoutViews } from '../runtime/open-bank.ts'
import { sums } from '../runtime/subscriptions/follow.ts'
import { type Recorded, recorded, treeOf } from './recorded.ts'

const bonus = eventHandler('bonus', {
  events: [AccountOpened],
  handle: async ({ subject }, { execute }) => {
    await execute(deposit({ accountId: subject, amount: 5 }), { actor: ann })
  },
})

function bank({ store, clock, tend }: Given, { telemetry }: Pick<Recorded, 'telemetry'>, parts: object = {}) {
  const commands = [openAccount, deposit, withdraw, requestTransfer, completeTransfer, failTransfer]
  return tend(testApp({ store, clock, commands, telemetry, ...parts }))
}

/** As a request of a user's would. */
function request<T>(seen: Recorded, work: () => Promise<T>): Promise<T> {
  return seen.tracer.startActiveSpan('POST /accounts', async (span) => {
    try {
      return await work()
    } finally {
      span.end()
    }
  })
}

/** What an event has in its metadata of a span. */
const traceparentOf = (span: { spanContext(): { traceId: string; spanId: string } }) => {
  const { traceId, spanId } = span.spanContext()
  return `00-${traceId}-${spanId}-01`
}

onEveryStore('one trace leads from a request to a command, to the handler of its event, and to the event of that one', async (given) => {
  const seen = recorded()
  const app = bank(given, seen, { handlers: [bonus] })
  await app.start()
  await request(seen, () => app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann }))
  await app.settle()
  assert.deepEqual(treeOf(seen.spans(), seen.span('POST /accounts')), [
    'POST /accounts',
    '  execute OpenAccount',
    '    load account',
    '    append account',
    '    handle bonus',
    '      execute Deposit',
    '        append account',
  ])
  const [opened, deposited] = await all(app.history(Account, 'a'))
  assert.equal(opened?.metadata['traceparent'], traceparentOf(seen.span('execute OpenAccount')))
  assert.equal(deposited?.metadata['traceparent'], traceparentOf(seen.span('execute Deposit')))
  assert.deepEqual(Object.keys(opened?.metadata ?? {}).sort(), ['actor', 'causationId', 'command', 'correlationId', 'traceparent'])
  assert.equal(seen.open, 0)
  await seen.end()
})

onEveryStore('a trace goes through a process manager: what it reacts to, what it sends, and how that ends', async (given) => {
  const seen = recorded()
  const app = bank(given, seen, { processes: [transferMoney] })
  for (const accountId of ['a', 'b']) await app.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
  await app.execute(deposit({ accountId: 'a', amount: 50 }), { actor: ann })
  await request(seen, () => app.execute(requestTransfer({ transferId: 't', from: 'a', to: 'b', amount: 20 }), { actor: ann }))
  await app.settle()
  const tree = treeOf(seen.spans(), seen.span('POST /accounts')).filter((line) => !/ (?:load|append) /.test(line))
  assert.deepEqual(tree, [
    'POST /accounts',
    '  execute RequestTransfer',
    '    react transfer-money',
    '      send Withdraw',
    '        execute Withdraw',
    '          react transfer-money',
    '            send Deposit',
    '              execute Deposit',
    '                react transfer-money',
    '                  send CompleteTransfer',
    '                    execute CompleteTransfer',
  ])
  assert.equal(seen.open, 0)
  await seen.end()
})

onEveryStore('a rejection goes on in the trace of what was rejected', async (given) => {
  const seen = recorded()
  const app = bank(given, seen, { processes: [transferMoney] })
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  await request(seen, () => app.execute(requestTransfer({ transferId: 't', from: 'a', to: 'b', amount: 20 }), { actor: ann }))
  await app.settle()
  const tree = treeOf(seen.spans(), seen.span('POST /accounts')).filter((line) => !/ (?:load|append) /.test(line))
  assert.deepEqual(tree, [
    'POST /accounts',
    '  execute RequestTransfer',
    '    react transfer-money',
    '      send Withdraw',
    '        execute Withdraw',
    '      react transfer-money',
    '        send FailTransfer',
    '          execute FailTransfer',
  ])
  const [rejected] = seen.spans('react transfer-money').filter(({ kind }) => kind === SpanKind.INTERNAL)
  assert.equal(rejected?.attributes['dacapo.rejection.code'], 'InsufficientFunds')
  assert.equal(seen.span('send Withdraw').attributes['dacapo.outcome'], 'rejected')
  assert.equal(seen.span('send Withdraw').status.code, SpanStatusCode.UNSET, 'a "no" is an answer')
  await seen.end()
})

onEveryStore('a timer goes on in the trace of what has set it, also when another process fires it', async (given) => {
  const [here, there] = [recorded(), recorded()]
  const waiting = processManager('waiting', {
    events: [AccountOpened],
    commands: [deposit],
    correlate: ({ subject }) => subject,
    initial: () => ({ accountId: '' }),
    evolve: { AccountOpened: (_, { subject }) => ({ accountId: subject }) },
    on: { AccountOpened: ({ timeout }) => timeout('gift', { minutes: 1 }) },
    timeouts: { gift: ({ state, send, complete }) => [send(deposit({ accountId: state.accountId, amount: 1 })), complete()] },
  })
  const first = bank(given, here, { processes: [waiting] })
  await request(here, () => first.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann }))
  await first.settle()
  await first.stop({ keepStore: true })
  const second = bank(given, there, { processes: [waiting] })
  await second.settle()
  await given.clock.advance({ minutes: 1 })
  await second.settle()
  assert.deepEqual(treeOf(here.spans(), here.span('POST /accounts')), [
    'POST /accounts',
    '  execute OpenAccount',
    '    load account',
    '    append account',
    '    react waiting',
  ])
  const fired = there.span('react waiting')
  assert.equal(fired.attributes['dacapo.timer'], 'gift')
  assert.equal(fired.parentSpanContext?.spanId, here.span('react waiting').spanContext().spanId)
  assert.deepEqual(treeOf(there.spans(), fired), [
    'react waiting',
    '  send Deposit',
    '    execute Deposit',
    '      load account',
    '      append account',
  ])
  assert.deepEqual(
    new Set(there.spans().map((span) => span.spanContext().traceId)),
    new Set([here.span('POST /accounts').spanContext().traceId]),
  )
  await Promise.all([here.end(), there.end()])
})

onEveryStore('the trace goes on in another process, with a telemetry of its own', async (given) => {
  const [here, there] = [recorded(), recorded()]
  const first = bank(given, here)
  await request(here, () => first.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann }))
  const second = bank(given, there, { handlers: [bonus], projections: [sums] })
  await second.settle()
  const { traceId, spanId } = here.span('execute OpenAccount').spanContext()
  const handled = there.span('handle bonus')
  assert.deepEqual([handled.spanContext().traceId, handled.parentSpanContext?.spanId], [traceId, spanId])
  assert.equal(handled.parentSpanContext?.isRemote, true)
  assert.deepEqual(treeOf(there.spans(), handled), [
    'handle bonus',
    '  execute Deposit',
    '    load account',
    '    append account',
    '    project sums',
  ])
  assert.deepEqual(new Set(there.spans().map((span) => span.spanContext().traceId)), new Set([traceId]))
  await Promise.all([here.end(), there.end()])
})

onEveryStore('the code of a handler, a decision and a fold sees the span that it runs in', async (given) => {
  const seen = recorded()
  const names: Record<string, unknown> = {}
  const active = () => (trace.getActiveSpan() as unknown as { readonly name?: string } | undefined)?.name
  const note = command(Account, 'Note', {
    input: z.object({ accountId: z.string() }),
    id: ({ accountId }) => accountId,
    validate: async () => {
      await new Promise((resolve) => setImmediate(resolve))
      names['validate'] = active()
      return undefined
    },
    decide: () => {
      names['decide'] = active()
      return AccountOpened({ owner: 'ann' })
    },
  })
  const looking = eventHandler('looking', {
    events: [AccountOpened],
    handle: async () => {
      await new Promise((resolve) => setImmediate(resolve))
      names['handle'] = active()
    },
  })
  const folding = projection('folding', {
    events: [AccountOpened],
    consistency: 'async',
    key: ({ subject }) => subject,
    initial: () => ({}),
    evolve: {
      AccountOpened: (row) => {
        names['evolve'] = active()
        return row
      },
    },
  })
  const { store, clock, tend } = given
  const parts = { commands: [note], handlers: [looking], projections: [folding] }
  const app = tend(testApp({ store, clock, telemetry: seen.telemetry, ...parts }))
  await app.execute(note({ accountId: 'a' }), { actor: ann })
  await app.settle()
  assert.deepEqual(names, { validate: 'execute Note', decide: 'execute Note', handle: 'handle looking', evolve: 'project folding' })
  assert.equal(active(), undefined)
  await seen.end()
})

onEveryStore(
  'commands of several traces that are appended together share a span, in one of them and linked to the others',
  async (given) => {
    const seen = recorded()
    const app = bank(given, seen)
    await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
    await Promise.all([1, 2, 3].map((amount) => request(seen, () => app.execute(deposit({ accountId: 'a', amount }), { actor: ann }))))
    const deposits = seen.spans('execute Deposit')
    assert.equal(new Set(deposits.map((span) => span.spanContext().traceId)).size, 3)
    const [append, ...more] = seen.spans('append account').filter(({ attributes }) => attributes['db.operation.batch.size'] === 3)
    assert.ok(append && more.length === 0)
    const around = [append.parentSpanContext?.spanId, ...append.links.map(({ context }) => context.spanId)]
    assert.deepEqual(around.toSorted(), deposits.map((span) => span.spanContext().spanId).toSorted())
    assert.deepEqual(
      (await all(app.history(Account, 'a', { after: 1 }))).map(({ metadata }) => metadata['traceparent']).toSorted(),
      deposits.map(traceparentOf).toSorted(),
    )
    await seen.end()
  },
)

onEveryStore('a batch of a projection is linked to every trace that it folds', async (given) => {
  const seen = recorded()
  const writer = bank(given, seen)
  await writer.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  for (const amount of [1, 2]) await request(seen, () => writer.execute(deposit({ accountId: 'a', amount }), { actor: ann }))
  await bank(given, seen, { projections: [sums] }).settle()
  const batch = seen.span('project sums')
  assert.equal(batch.parentSpanContext, undefined)
  assert.equal(batch.attributes['messaging.batch.message_count'], 2)
  assert.deepEqual(
    batch.links.map(({ context }) => context.spanId),
    seen.spans('execute Deposit').map((span) => span.spanContext().spanId),
  )
  await seen.end()
})

onEveryStore(
  'what was appended without a telemetry is handled in a trace of its own, and not in that of whoever started the app',
  async (given) => {
    const seen = recorded()
    const plain = openBankWithoutViews(given)
    await plain.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann, metadata: { traceparent: 'not one', more: 1 } })
    const [opened] = await all(plain.history(Account, 'a'))
    assert.deepEqual(Object.keys(opened?.metadata ?? {}).sort(), [
      'actor',
      'causationId',
      'command',
      'correlationId',
      'more',
      'traceparent',
    ])
    const app = bank(given, seen, { handlers: [bonus] })
    await request(seen, () => app.settle())
    const handled = seen.span('handle bonus')
    assert.deepEqual([handled.parentSpanContext, handled.links], [undefined, []])
    assert.notEqual(handled.spanContext().traceId, seen.span('POST /accounts').spanContext().traceId)
    await seen.end()
  },
)

onEveryStore('commands of a transaction are in its span, with what each of them appends', async (given) => {
  const seen = recorded()
  const app = bank(given, seen)
  await request(seen, () =>
    app.transaction(async (tx) => {
      for (const accountId of ['a', 'b']) await tx.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
    }),
  )
  assert.deepEqual(treeOf(seen.spans(), seen.span('POST /accounts')), [
    'POST /accounts',
    '  transaction',
    ...Array.from({ length: 2 }, () => ['    execute OpenAccount', '      load account', '      append account']).flat(),
  ])
  await seen.end()
})
