/** Waiting that would have no end is refused at once: for what is paused or has failed, and in a circle. */
import assert from 'node:assert/strict'
import { eventHandler } from '../../../src/index.ts'
import { AccountOpened, deposit, MoneyDeposited, openAccount } from '../../domain/bank.ts'
import { isPending, moment } from '../in-front-of.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { quietly } from '../quietly.ts'
import { type Followed, leasesPass, noting, onDeposits, openFollowed, openWithDeposits, payIn, sums } from './follow.ts'

/** The clock stands still: what is not refused at once never ends. */
const waitTimeout = { hours: 1 }
const pay = (app: Followed, amount: number, waitFor: 'all' | readonly any[]) =>
  app.execute(deposit({ accountId: 'a', amount }), { actor: ann, waitFor, waitTimeout })

onEveryStore(
  'who waits for what is paused is told so at once, wherever it runs; what was done before it was paused counts',
  async (given) => {
    const { handler } = noting()
    const options = { handlers: [handler], projections: [sums] }
    const worker = openFollowed(given, options)
    const front = openFollowed(given, options)
    await openWithDeposits(worker, 'a')
    await worker.settle()
    const before = await pay(worker, 1, [handler, sums])
    await worker.subscriptions.pause('noting')
    await worker.subscriptions.pause('sums')
    for (const app of [worker, front]) {
      for (const waitFor of [[handler], [sums], 'all' as const]) {
        await assert.rejects(pay(app, 2, waitFor), { code: 'ES_SUBSCRIPTION_PAUSED', message: /is paused/ })
      }
      await assert.rejects(app.execute(deposit({ accountId: 'a', amount: 2 }), { actor: ann, consistency: 'strong' }), {
        code: 'ES_SUBSCRIPTION_PAUSED',
      })
      const { version, position } = await app.execute(deposit({ accountId: 'a', amount: 3 }), { actor: ann })
      assert.ok(version > 2)
      const view = app.view(sums as never)
      await assert.rejects(view.get('a', { atLeast: position, timeout: waitTimeout }), { code: 'ES_SUBSCRIPTION_PAUSED' })
      assert.deepEqual(await view.get('a', { atLeast: before.position }), { sum: 1, count: 1 })
    }
    await worker.subscriptions.resume('noting')
    await pay(front, 4, [handler])
  },
)

onEveryStore('who waits while it is paused is told so then', async (given) => {
  const [begun, stopped, opened] = [moment(), moment(), moment()]
  const slow = onDeposits('slow', async (_, __, { signal }) => {
    signal.addEventListener('abort', () => stopped.resolve())
    begun.resolve()
    await opened.promise
  })
  const app = openFollowed(given, { handlers: [slow] })
  await openWithDeposits(app, 'a')
  await app.start()
  await payIn(app, 'a', 1)
  await begun.promise
  const refused = assert.rejects(pay(app, 2, [slow]), { code: 'ES_SUBSCRIPTION_PAUSED' })
  const pausing = app.subscriptions.pause('slow')
  await stopped.promise
  opened.resolve()
  await Promise.all([pausing, refused])
})

onEveryStore('who waits for a part that has failed is told so at once, and why, wherever it runs', async (given) => {
  const strict = onDeposits(
    'strict',
    (amount) => {
      if (amount === 2) throw new Error('not 2')
    },
    { retry: { attempts: 1, whenExhausted: 'stop' } },
  )
  const worker = openFollowed(given, { handlers: [strict] })
  const front = openFollowed(given, { handlers: [strict] })
  await openWithDeposits(worker, 'a')
  await worker.start()
  await pay(worker, 1, [strict])
  for (const amount of [2, 3]) {
    await assert.rejects(pay(worker, amount, [strict]), { code: 'ES_SUBSCRIPTION_FAILED', message: /strict has failed: .*not 2/ })
  }
  await worker.settle()
  await assert.rejects(pay(front, 4, 'all'), { code: 'ES_SUBSCRIPTION_FAILED', message: /strict has failed: .*not 2/ })
})

onEveryStore('a handler that waits for itself is refused before anything has happened', async (given) => {
  const codes: unknown[] = []
  const own = eventHandler('own', {
    events: [AccountOpened, MoneyDeposited],
    handle: async ({ type }, { execute }) => {
      if (type !== 'AccountOpened') return
      const asking = { actor: ann, waitFor: [own], waitTimeout }
      for (const call of [() => execute(deposit({ accountId: 'a', amount: 1 }), asking), () => pay(app, 1, [own])]) {
        await call().catch(({ code, path }) => codes.push(code, path))
      }
    },
  })
  const app: Followed = openFollowed(given, { handlers: [own] })
  await app.start()
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann, waitFor: 'all', waitTimeout })
  assert.deepEqual(codes, ['ES_WAIT_CYCLE', ['own', 'own'], 'ES_WAIT_CYCLE', ['own', 'own']])
  assert.equal((await app.streams.info('account-a'))?.version, 1)
})

onEveryStore('handlers that would wait for each other in a circle are refused, and the others are waited for', async (given) => {
  const outcomes: string[] = []
  const begun = moment()
  const opener = eventHandler('opener', {
    events: [AccountOpened],
    handle: async ({ subject }) => {
      if (subject !== 'a') return
      await app.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, waitFor: [payer], waitTimeout })
      outcomes.push('opener has waited for payer')
    },
  })
  const payer = onDeposits('payer', async (amount) => {
    if (amount !== 1) return
    begun.resolve()
    await app.execute(openAccount({ accountId: 'c', owner: 'ann' }), { actor: ann, waitFor: [opened], waitTimeout })
    outcomes.push('payer has waited for opened')
    await app
      .execute(openAccount({ accountId: 'd', owner: 'ann' }), { actor: ann, waitFor: [opened, opener], waitTimeout })
      .catch(({ code, path }) => outcomes.push(`${code} ${path}`))
    await app.execute(openAccount({ accountId: 'e', owner: 'ann' }), { actor: ann, waitFor: 'all', waitTimeout })
    outcomes.push('payer has waited for all others')
  })
  const opened = eventHandler('opened', { events: [AccountOpened], handle: ({ subject }) => void outcomes.push(`opened ${subject}`) })
  const app: Followed = openFollowed(given, { handlers: [opener, payer, opened] })
  await app.start()
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann, waitFor: 'all', waitTimeout })
  await app.settle()
  const order = outcomes.filter((one) => !one.startsWith('opened'))
  assert.deepEqual(order, [
    'payer has waited for opened',
    'ES_WAIT_CYCLE payer,opener,payer',
    'payer has waited for all others',
    'opener has waited for payer',
  ])
  assert.ok(outcomes.indexOf('opened e') < outcomes.indexOf('payer has waited for all others'))
  assert.deepEqual([...app.deadLetters], [])
})

onEveryStore('what a handler leaves behind may wait for it, once it has ended', async (given) => {
  let left: Promise<unknown> | undefined
  const ended = moment()
  const starter = onDeposits('starter', (amount) => {
    if (amount !== 1) return
    left = ended.promise.then(() => pay(app, 2, [starter]))
  })
  const app: Followed = openFollowed(given, { handlers: [starter] })
  await openWithDeposits(app, 'a')
  await app.start()
  await pay(app, 1, [starter])
  ended.resolve()
  await left
  assert.equal((await app.streams.info('account-a'))?.version, 3)
})

onEveryStore('a handler that asks for a strong answer waits for all but itself', async (given) => {
  const own = eventHandler('own', {
    events: [AccountOpened, MoneyDeposited],
    handle: async ({ type, subject }, { execute }) => {
      if (type === 'AccountOpened') await execute(deposit({ accountId: subject, amount: 7 }), { actor: ann })
    },
  })
  const { amounts, handler } = noting()
  const strong = { command: { consistency: 'strong' as const }, subscriptions: { waitTimeout } }
  const app = openFollowed(given, { handlers: [own, handler], defaults: strong })
  await app.start()
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  assert.deepEqual(amounts, [7])
  await leasesPass(given, [app], 1)
  assert.deepEqual([...app.deadLetters], [])
})

onEveryStore(
  'who waits for what has failed is told so, and not any more once it goes on, even before it has done anything',
  async (given) => {
    const [begun, opened] = [moment(), moment()]
    let isBroken = true
    const strict = onDeposits(
      'strict',
      async () => {
        if (isBroken) throw new Error('no')
        begun.resolve()
        await opened.promise
      },
      { retry: { attempts: 1, whenExhausted: 'stop' } },
    )
    const app = openFollowed(given, { handlers: [strict] })
    await openWithDeposits(app, 'a', 1)
    await quietly(() => app.settle())
    await assert.rejects(pay(app, 2, [strict]), { code: 'ES_SUBSCRIPTION_FAILED' })
    isBroken = false
    await app.subscriptions.resume('strict')
    await begun.promise
    const waiting = pay(app, 3, [strict])
    assert.ok(await isPending(waiting))
    opened.resolve()
    await waiting
  },
)
