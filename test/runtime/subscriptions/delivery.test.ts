/** What handlers are given: everything that concerns them, in order, from where they were, and nothing once they are stopped. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../../../src/core/recorded-event.ts'
import { eventHandler } from '../../../src/index.ts'
import { AccountClosed, AccountOpened, closeAccount, deposit, openAccount } from '../../domain/bank.ts'
import { isPending, moment } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann, recorder, teller } from '../open-bank.ts'
import { appendDeposits, noting, onDeposits, openFollowed, openWithDeposits, payIn, range, workInFrontOf } from './follow.ts'

onEveryStore('a handler goes on at its checkpoint after a stop, and not at the beginning', async (given) => {
  const { amounts, handler } = noting()
  const first = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(first, 'a', 1, 2)
  await first.settle()
  await first.stop({ keepStore: true })
  const idle = openFollowed(given)
  await payIn(idle, 'a', 3)
  assert.deepEqual(amounts, [1, 2])
  const second = openFollowed(given, { handlers: [handler] })
  await second.settle()
  assert.deepEqual(amounts, [1, 2, 3])
})

onEveryStore('no event is handled after a stop, and what was being handled then has come to its end', async (given) => {
  const [begun, opened] = [moment(), moment()]
  const ended: number[] = []
  const slow = onDeposits('slow', async (amount) => {
    begun.resolve()
    await opened.promise
    ended.push(amount)
  })
  const app = openFollowed(given, { handlers: [slow] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.start()
  await begun.promise
  const stopped = app.stop({ keepStore: true })
  assert.ok(await isPending(stopped))
  opened.resolve()
  await stopped
  assert.deepEqual(ended, [1])
  await appendDeposits(given.store, 1)
  assert.ok(await isPending(new Promise((resolve) => ended.length > 1 && resolve(0))))
  const next = openFollowed(given, { handlers: [slow] })
  await next.settle()
  assert.deepEqual(ended, [1, 2, 3, 1])
})

onEveryStore('a command of a handler that is under way when the app stops is still executed', async (given) => {
  const [begun, opened] = [moment(), moment()]
  const opener = onDeposits(
    'opener',
    async (_, event, { execute }) => {
      begun.resolve()
      await opened.promise
      await execute(openAccount({ accountId: `of-${event.version}`, owner: 'ann' }), { actor: ann })
    },
    { retry: { attempts: 1 } },
  )
  const app = openFollowed(given, { handlers: [opener] })
  await openWithDeposits(app, 'a', 1)
  await app.start()
  await begun.promise
  const stopped = app.stop({ keepStore: true })
  opened.resolve()
  await stopped
  const next = openFollowed(given, { handlers: [opener] })
  await next.settle()
  assert.deepEqual(
    next.deadLetters.map(({ error }) => error.message),
    [],
  )
  assert.ok(await next.streams.info('account-of-2'))
})

onEveryStore(
  'a handler is given an event with everything that is known of it, after it was told that the work has begun',
  async (given) => {
    const signals = recorder()
    const seen: RecordedEvent[] = []
    const handler = onDeposits('noting', (_, event) => seen.push(event), { partitions: 3 })
    const app = openFollowed(given, { handlers: [handler], observer: signals }).forTenant('acme')
    const opened = await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
    const asked = { actor: ann, correlationId: 'a-request', metadata: { till: 7 } }
    const { position } = await app.execute(deposit({ accountId: 'a', amount: 5 }), asked)
    await openFollowed(given, { handlers: [handler], observer: signals }).settle()
    assert.equal(seen.length, 1)
    const { id, recordedAt, metadata, ...event } = seen[0]!
    assert.deepEqual(event, {
      type: 'MoneyDeposited',
      data: { amount: 5 },
      tenant: 'acme',
      stream: 'account-a',
      subject: 'a',
      version: 2,
      tags: [],
      schemaVersion: 1,
      position,
    })
    assert.ok(position > opened.position && id.length === 36)
    assert.equal(recordedAt.getTime(), given.clock.now())
    const { correlationId, actor, till } = metadata as typeof metadata & { readonly till?: number }
    assert.deepEqual([correlationId, actor, till], ['a-request', ann, 7])
    const names = signals.signals.map(({ signal }) => signal)
    assert.equal(signals.of('subscription.start').length, 3)
    assert.ok(names.indexOf('subscription.start') < names.indexOf('handler.event.start'))
  },
)

onEveryStore('two handlers of one event type are both given every event', async (given) => {
  const [one, other] = [noting('one'), noting('other')]
  const app = openFollowed(given, { handlers: [one.handler, other.handler] })
  await openWithDeposits(app, 'a', 1, 2)
  await app.settle()
  assert.deepEqual(
    [one.amounts, other.amounts],
    [
      [1, 2],
      [1, 2],
    ],
  )
})

onEveryStore('a handler is given events of its own types alone, of all streams, with what was upcast', async (given) => {
  const seen: string[] = []
  const handler = eventHandler('ends', {
    events: [AccountOpened, AccountClosed],
    handle: (event) => void seen.push(`${event.type} ${event.subject} ${event.type === 'AccountClosed' ? event.data.closedBy : ''}`),
  })
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1)
  await openWithDeposits(app, 'b', 1)
  await app.execute(closeAccount({ accountId: 'a', reason: 'moved' }), { actor: teller })
  await app.settle()
  assert.deepEqual(seen, ['AccountOpened a ', 'AccountOpened b ', 'AccountClosed a tom'])
})

onEveryStore('a position moves on, and is kept, where no event concerns the handler', async (given) => {
  const { handler } = noting()
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a')
  await app.settle()
  const [before] = await app.subscriptions.list()
  assert.deepEqual([before?.position, before?.lag.events], [1, 0])
  await app.stop({ keepStore: true })
  assert.deepEqual(
    (await given.store.work.parts()).map(({ position, owner }) => [position, owner]),
    [[1, null]],
  )
})

onEveryStore('a slow handler misses nothing, sees nothing twice, and in order, while thousands of events are appended', async (given) => {
  const [begun, opened] = [moment(), moment()]
  const amounts: number[] = []
  const slow = onDeposits('slow', async (amount) => {
    if (amount === 1) {
      begun.resolve()
      await opened.promise
    }
    amounts.push(amount)
  })
  const follower = noting('follower')
  const app = openFollowed(given, { handlers: [slow, follower.handler] })
  await appendDeposits(given.store, 10)
  await app.start()
  await begun.promise
  await appendDeposits(given.store, 12_000, ['a', 'b', 'c'], 11)
  opened.resolve()
  await app.settle()
  const byAccount = (n: number) => (amount: number) => (amount <= 10 ? n === 0 : (amount - 11) % 3 === n)
  for (const n of [0, 1, 2]) {
    assert.deepEqual(amounts.filter(byAccount(n)), range(1, 12_010).filter(byAccount(n)))
    assert.deepEqual(follower.amounts.filter(byAccount(n)), range(1, 12_010).filter(byAccount(n)))
  }
})

onEveryStore('a command executed by a handler carries the correlation of the event, and the event as its cause', async (given) => {
  const opener = onDeposits('opener', (_, event, { execute }) =>
    execute(openAccount({ accountId: 'new', owner: 'ann' }), { actor: ann, idempotencyKey: event.id }),
  )
  const app = openFollowed(given, { handlers: [opener] }).forTenant('acme') as unknown as ReturnType<typeof openFollowed>
  await openWithDeposits(app, 'a', 1)
  await openFollowed(given, { handlers: [opener] }).settle()
  const events = []
  for await (const event of app.events()) events.push(event)
  const [, paid, opened] = events
  assert.equal(opened?.metadata.causationId, paid?.id)
  assert.equal(opened?.metadata.correlationId, paid?.metadata.correlationId)
  assert.equal(opened?.tenant, 'acme')
})

onEveryStore('a handler that catches up commits its position as often as it is to, and at the end', async (given) => {
  const slowOnes = new Set([1500, 4500])
  const positions: number[] = []
  const store = workInFrontOf(given.store, {
    commit: async (works) => {
      const steps = works.flatMap(({ steps = [] }) => steps).filter(({ subscription }) => subscription === 'handler:noting')
      positions.push(...steps.flatMap(({ position = [] }) => position))
      return given.store.work.commit(works)
    },
  })
  await openFollowed(given).prepare()
  await appendDeposits(given.store, 6000)
  const amounts: number[] = []
  const handler = onDeposits('noting', (amount) => {
    amounts.push(amount)
    if (slowOnes.has(amount)) given.clock.set(new Date(given.clock.now() + 2000))
  })
  const app = openFollowed({ ...given, store }, { handlers: [handler] })
  await app.settle()
  assert.deepEqual(amounts, range(1, 6000))
  assert.deepEqual(positions, [2000, 5000, 6000], 'at the end of a page, and only when a second has passed')
})

onEveryStore('what a handler has handled while it catches up is committed before it stops as a whole', async (given) => {
  const handled: number[] = []
  const strict = onDeposits(
    'strict',
    (amount) => {
      if (amount === 2500) throw new Error('no')
      handled.push(amount)
    },
    { retry: { attempts: 1, whenExhausted: 'stop' } },
  )
  await openFollowed(given).prepare()
  await appendDeposits(given.store, 4000)
  const app = openFollowed(given, { handlers: [strict] })
  await app.settle()
  assert.deepEqual(handled, range(1, 2499))
  const [part] = await given.store.work.parts('handler:strict')
  assert.equal(part?.position, 2499)
})

onEveryStore('whoever catches up lets others in after each page', async (given) => {
  await appendDeposits(given.store, 6000)
  let [isThere, turnsBetween] = [false, 0]
  const counter = onDeposits('counter', (amount) => {
    isThere = amount === 6000
  })
  const app = openFollowed(given, { handlers: [counter] })
  const turn = () => {
    turnsBetween++
    if (!isThere) setImmediate(turn)
  }
  await app.start()
  turn()
  await app.settle()
  assert.ok(turnsBetween >= 5, `${turnsBetween} turns`)
})
