/** Events that cannot be handled: their keys wait, the others go on, and somebody can do something about it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { DeadLetteredError, StoreUnavailableError } from '../../../src/core/errors.ts'
import { eventHandler } from '../../../src/index.ts'
import { MoneyDeposited, openAccount } from '../../domain/bank.ts'
import { onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { appendDeposits, onDeposits, openFollowed, openWithDeposits, payIn, range, sums, workInFrontOf } from './follow.ts'

/** A handler that says no to some amounts, for as long as it is told to. */
function fussy(...disliked: readonly number[]) {
  const dislikes = new Set(disliked)
  const [done, tried]: [number[], string[]] = [[], []]
  const handler = onDeposits('fussy', (amount, _, { attempt }) => {
    tried.push(`${amount}.${attempt}`)
    if (dislikes.has(amount)) throw new Error(`not ${amount}`)
    done.push(amount)
  })
  return { handler, dislikes, done, tried }
}

onEveryStore('later events of a key wait behind the one that failed, and those of other keys go on', async (given) => {
  const { handler, done, tried } = fussy(2)
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3, 4)
  await openWithDeposits(app, 'b', 5, 6)
  await app.settle()
  assert.deepEqual(done, [1, 5, 6])
  assert.deepEqual(
    tried.filter((one) => one.startsWith('2.')),
    ['2.1', '2.2', '2.3'],
  )
  const [letter] = app.deadLetters
  assert.deepEqual(
    [letter?.handler, letter?.key, letter?.attempts, letter?.waiting, letter?.error.message, letter?.type, letter?.event?.data],
    ['fussy', 'account-a', 3, 2, 'not 2', 'MoneyDeposited', { amount: 2 }],
  )
})

onEveryStore('attempts are pauses apart that double, on the clock of the app', async (given) => {
  const { handler, tried } = fussy(1)
  const patient = eventHandler('fussy', { ...handler, events: [MoneyDeposited], retry: { attempts: 4, backoff: { seconds: 1 } } } as never)
  const app = openFollowed(given, { handlers: [patient], random: () => 0, defaults: { subscriptions: { retryAtOnce: false } } })
  await openWithDeposits(app, 'a', 1)
  const after = async (seconds: number) => {
    await given.clock.advance({ milliseconds: seconds * 1000 })
    await app.settle()
    return tried.length
  }
  await app.settle()
  // Half of a pause is chance, of which there is none here.
  assert.deepEqual([tried.length, await after(0.4), await after(0.1), await after(0.9), await after(0.1)], [1, 1, 2, 2, 3])
  assert.deepEqual([await after(1.9), await after(0.1)], [3, 4])
  assert.equal(app.deadLetters.length, 1)
})

onEveryStore('a dead letter that is tried again is handled, and then what has waited behind it, in order', async (given) => {
  const { handler, dislikes, done } = fussy(2)
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3, 4)
  await app.settle()
  dislikes.clear()
  assert.equal(await app.deadLetters.retry(app.deadLetters[0]!.id), 1)
  await payIn(app, 'a', 5)
  await app.settle()
  assert.deepEqual([done, app.deadLetters.length], [[1, 2, 3, 4, 5], 0])
})

onEveryStore('a dead letter that fails again says how often that was asked for, and only the matching ones are tried', async (given) => {
  const { handler, done } = fussy(1, 2, 3)
  const other = onDeposits('other', () => assert.fail('never'))
  const app = openFollowed(given, { handlers: [handler, other] })
  for (const [i, account] of ['a', 'b', 'c'].entries()) await openWithDeposits(app, account, i + 1)
  await app.settle()
  assert.equal(app.deadLetters.length, 6)
  assert.equal(await app.deadLetters.retry({ handler: 'fussy' }), 3)
  await app.settle()
  assert.deepEqual(app.deadLetters.map(({ handler: name, retries }) => [name, retries]).sort(), [
    ['fussy', 1],
    ['fussy', 1],
    ['fussy', 1],
    ['other', 0],
    ['other', 0],
    ['other', 0],
  ])
  assert.equal((await app.deadLetters.list({ limit: 2 })).length, 2)
  const [first] = await app.deadLetters.list({ limit: 1 })
  assert.equal((await app.deadLetters.list({ after: first!.id })).length, 5)
  assert.deepEqual(done, [])
})

onEveryStore('a dead letter that is corrected is handled with the new data; the stored event stays', async (given) => {
  const { handler, done } = fussy(2)
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 2, 3)
  await app.settle()
  const { id } = app.deadLetters[0]!
  await assert.rejects(app.deadLetters.edit(id, { amount: 'much' }), { code: 'ES_VALIDATION' })
  await app.deadLetters.edit(id, { amount: 20 })
  assert.deepEqual((await app.deadLetters.get(id))?.event?.data, { amount: 20 })
  await app.deadLetters.retry(id)
  await app.settle()
  assert.deepEqual(done, [20, 3])
  const events = []
  for await (const event of app.events({ types: ['MoneyDeposited'] })) events.push(event.data)
  assert.deepEqual(events, [{ amount: 2 }, { amount: 3 }])
})

onEveryStore('a dead letter that is let go is not handled, and what has waited behind it is', async (given) => {
  const { handler, done } = fussy(2)
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  const { id } = app.deadLetters[0]!
  await app.deadLetters.discard(id)
  await app.settle()
  assert.deepEqual([done, app.deadLetters.length], [[1, 3], 0])
  await assert.rejects(app.deadLetters.discard(id), { code: 'ES_RECORD_CONFLICT' })
  assert.equal(await app.deadLetters.get(id), undefined)
})

onEveryStore('a tenant sees and touches no dead letters but its own', async (given) => {
  const { handler } = fussy(1)
  const app = openFollowed(given, { handlers: [handler] })
  const acme = app.forTenant('acme') as unknown as typeof app
  await openWithDeposits(acme, 'a', 1)
  await app.settle()
  const { id } = app.deadLetters[0]!
  const globex = app.forTenant('globex')
  assert.deepEqual([(await acme.deadLetters.list()).length, (await globex.deadLetters.list()).length], [1, 0])
  assert.equal(await globex.deadLetters.get(id), undefined)
  await assert.rejects(globex.deadLetters.retry(id), { code: 'ES_RECORD_CONFLICT' })
  await assert.rejects(globex.deadLetters.discard(id), { code: 'ES_RECORD_CONFLICT' })
})

onEveryStore('the failure is in the store no later than the position behind its event', async (given) => {
  const { handler } = fussy(2)
  const seen: (readonly [number, number])[] = []
  const store = workInFrontOf(given.store, {
    async commit(works) {
      const results = await given.store.work.commit(works)
      const [part] = await given.store.work.parts('handler:fussy')
      const parked = await given.store.work.records({ kind: 'parked', owner: 'handler:fussy' })
      seen.push([part!.position, parked.length])
      return results
    },
  })
  const app = openFollowed(given, { store, handlers: [handler] })
  await openWithDeposits(app, 'a', 1, 2, 3)
  await app.settle()
  assert.ok(seen.length > 0)
  for (const [position, parked] of seen) assert.ok(position < 3 || parked === 1)
})

onEveryStore('dead letters and what waits behind them are still there after a restart', async (given) => {
  const { handler, dislikes, done } = fussy(2)
  const first = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(first, 'a', 1, 2, 3)
  await first.settle()
  await first.stop({ keepStore: true })
  const second = openFollowed(given, { handlers: [handler] })
  await payIn(second, 'a', 4)
  await second.settle()
  assert.deepEqual([done, second.deadLetters[0]?.waiting], [[1], 2])
  dislikes.clear()
  await second.deadLetters.retry({})
  await second.settle()
  assert.deepEqual(done, [1, 2, 3, 4])
})

onEveryStore('a rejected command fails the event like anything else, and not the handler as a whole', async (given) => {
  const seen: number[] = []
  const handler = onDeposits('opener', async (amount, _, { execute }) => {
    if (amount === 1) await execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
    seen.push(amount)
  })
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1)
  await openWithDeposits(app, 'b', 2)
  await app.settle()
  assert.deepEqual(seen, [2])
  assert.deepEqual(
    app.deadLetters.map(({ error, attempts }) => [error.code, attempts]),
    [['ES_REJECTED', 3]],
  )
  assert.equal((await app.subscriptions.list())[0]?.state, 'waiting')
})

onEveryStore('a handler that is to stop when it gives up keeps what it has done, and goes on there after a restart', async (given) => {
  const { dislikes, done, handler: fussyOne } = fussy(7)
  const handler = eventHandler('fussy', { ...fussyOne, retry: { attempts: 1, whenExhausted: 'stop' } } as never)
  const first = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 10)
  await first.settle()
  const [statistics] = await first.subscriptions.list()
  assert.deepEqual([done, statistics?.state, statistics?.position], [[1, 2, 3, 4, 5, 6], 'failed', 6])
  const { message = '', stack = '' } = statistics?.error ?? {}
  assert.equal(message, 'fussy gave up after 1 attempts: not 7 (MoneyDeposited at position 7, in stream account-a)')
  assert.match(stack, /^\[cause\]: Error: not 7\n.*failures\.test\.ts/m)
  await first.stop({ keepStore: true })
  dislikes.clear()
  const second = openFollowed(given, { handlers: [handler] })
  await second.settle()
  assert.deepEqual(done, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

onEveryStore('a handler that gives up an event that was tried again tells the same of it, to other processes, too', async (given) => {
  const { handler: fussyOne } = fussy(7)
  const handler = eventHandler('fussy', { ...fussyOne, retry: { attempts: 3, whenExhausted: 'stop' } } as never)
  const app = openFollowed(given, { handlers: [handler] })
  await appendDeposits(given.store, 10)
  await app.settle()
  const desk = openFollowed(given, { handlers: [handler] })
  for (const one of [app, desk]) {
    const { message = '', stack = '' } = (await one.subscriptions.list())[0]?.error ?? {}
    assert.equal(message, 'fussy gave up after 3 attempts: not 7 (MoneyDeposited at position 7, in stream account-a)')
    assert.match(stack, /^\[cause\]: Error: not 7\n.*failures\.test\.ts/m)
  }
})

onEveryStore('when 1,000 events wait in one key the subscription stops, and the others do not', async (given) => {
  const { handler } = fussy(1)
  const done: number[] = []
  const other = onDeposits('other', (amount) => done.push(amount))
  const app = openFollowed(given, { handlers: [handler, other] })
  await appendDeposits(given.store, 1005)
  await app.settle()
  const all = Object.fromEntries((await app.subscriptions.list()).map((one) => [one.name, one]))
  assert.deepEqual([all['fussy']?.state, all['fussy']?.position, all['fussy']?.parked.retrying], ['failed', 1000, 1])
  assert.deepEqual([all['other']?.state, all['other']?.position], ['waiting', 1005])
  assert.equal(done.length, 1005)
})

onEveryStore('an event that this build cannot read is a dead letter, and what comes after it in its stream waits', async (given) => {
  const { handler, done } = fussy()
  const app = openFollowed(given, { handlers: [handler] })
  await app.start()
  await appendDeposits(given.store, 1)
  const metadata = JSON.stringify({ correlationId: 'c', causationId: 'c', actor: null })
  const newer = { id: randomUUID(), type: 'MoneyDeposited', schemaVersion: 9, data: '{}', metadata, tags: [] }
  await given.store.append([{ stream: 'account-a', expectedVersion: 'any', events: [newer] }])
  await appendDeposits(given.store, 1, ['a'], 3)
  await appendDeposits(given.store, 1, ['b'], 4)
  await app.settle()
  const [letter] = app.deadLetters
  assert.deepEqual([done, letter?.attempts, letter?.waiting, letter?.event], [[1, 4], 3, 1, undefined])
  assert.deepEqual(await app.deadLetters.list({ type: 'MoneyDeposited' }), [letter])
  assert.deepEqual(await app.deadLetters.list({ type: 'MoneyWithdrawn' }), [])
  assert.equal(await app.deadLetters.retry({ type: 'MoneyDeposited' }), 1)
})

onEveryStore(
  'more letters than a page has are all listed, page by page or at once, and each of them is tried again once',
  async (given) => {
    const { handler, dislikes, done } = fussy(...range(1, 250))
    const app = openFollowed(given, { handlers: [handler] })
    await appendDeposits(
      given.store,
      250,
      range(1, 250).map((n) => `${n}`),
    )
    await app.settle()
    const all = await app.deadLetters.list({ limit: 1000 })
    assert.equal(new Set(all.map(({ id }) => id)).size, 250)
    assert.equal((await app.deadLetters.list()).length, 100)
    const paged: string[] = []
    for (let after: string | undefined; ; after = paged.at(-1)) {
      const page = await app.deadLetters.list({ type: 'MoneyDeposited', ...(after !== undefined && { after }) })
      paged.push(...page.map(({ id }) => id))
      if (page.length < 100) break
    }
    assert.deepEqual(
      paged,
      all.map(({ id }) => id),
    )
    dislikes.clear()
    assert.equal(await app.deadLetters.retry({ handler: 'fussy' }), 250)
    await app.settle()
    assert.deepEqual(
      done.toSorted((left, right) => left - right),
      range(1, 250),
    )
    assert.equal(app.deadLetters.length, 0)
  },
)

onEveryStore(
  'a letter tells when its event has failed first, however often it is tried, and where in the handler it was',
  async (given) => {
    const { handler } = fussy(2)
    const app = openFollowed(given, { handlers: [handler] })
    const start = given.clock.now()
    await openWithDeposits(app, 'a', 2)
    await app.settle()
    await given.clock.advance({ hours: 1 })
    await app.deadLetters.retry({})
    await app.settle()
    const [letter] = app.deadLetters
    assert.deepEqual([letter?.firstFailedAt, letter?.retries, letter?.attempts], [new Date(start), 1, 3])
    assert.match(letter?.error.stack ?? '', /^Error: not 2\n.*failures\.test\.ts/)
  },
)

onEveryStore('a store that cannot be reached is waited for, and nothing counts as a failure of the events', async (given) => {
  const { handler, done, tried } = fussy()
  let failures = 3
  const store = workInFrontOf(given.store, {
    async commit(works) {
      if (failures-- > 0) throw new StoreUnavailableError('test', 'gone for a moment')
      return given.store.work.commit(works)
    },
  })
  const app = openFollowed(given, { store, handlers: [handler] })
  await openWithDeposits(app, 'a', 1)
  await app.settle()
  assert.deepEqual([done, tried, app.deadLetters.length], [[1, 1, 1, 1], ['1.1', '1.1', '1.1', '1.1'], 0])
})

onEveryStore('when the answer of a commit is lost, what was written is not done again', async (given) => {
  const { handler, done } = fussy()
  let failures = 1
  const store = workInFrontOf(given.store, {
    async commit(works) {
      const results = await given.store.work.commit(works)
      if (failures-- > 0) throw new StoreUnavailableError('test', 'the answer is lost')
      return results
    },
  })
  const app = openFollowed(given, { store, handlers: [handler], projections: [sums] })
  await openWithDeposits(app, 'a', 1, 2)
  await app.settle()
  assert.deepEqual([done, await app.view(sums as never).get('a')], [[1, 2], { sum: 3, count: 2 }])
})

onEveryStore('somebody who waits for an event that has failed for good is told so at once', async (given) => {
  const { handler } = fussy(2)
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a', 1)
  await app.start()
  const asked = { actor: ann, waitFor: [handler], waitTimeout: { seconds: 60 } }
  const failing = app.execute({ command: 'Deposit', input: { accountId: 'a', amount: 2 } }, asked)
  await assert.rejects(failing, (error) => error instanceof DeadLetteredError && /fussy.*not 2/.test(error.message))
  const behind = app.execute({ command: 'Deposit', input: { accountId: 'a', amount: 3 } }, asked)
  await assert.rejects(behind, DeadLetteredError)
  await app.execute(openAccount({ accountId: 'b', owner: 'ann' }), asked)
  await app.execute({ command: 'Deposit', input: { accountId: 'b', amount: 4 } }, asked)
})
