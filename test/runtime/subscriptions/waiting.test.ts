/** Waiting until those who are concerned have dealt with what a command did. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { TimedOutError } from '../../../src/core/errors.ts'
import { command } from '../../../src/index.ts'
import { testApp } from '../../../src/testing/index.ts'
import { Account, deposit, MoneyDeposited, openAccount } from '../../domain/bank.ts'
import { moment } from '../in-front-of.ts'
import { type Given, onEveryStore } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'
import { noting, onDeposits, openFollowed, openWithDeposits, sums } from './follow.ts'

const payMany = command(Account, 'PayMany', {
  input: z.object({ accountId: z.string(), times: z.number() }),
  id: ({ accountId }) => accountId,
  decide: ({ input }) => Array.from({ length: input.times }, () => MoneyDeposited({ amount: 1 })),
})

/** Time passes until something has ended. */
async function passing({ clock }: Given, end: Promise<unknown>): Promise<void> {
  const tick = setInterval(() => void clock.advance({ milliseconds: 500 }), 5)
  await end.finally(() => clearInterval(tick))
}

for (const count of [1, 2, 7]) {
  for (const interested of [0, 1, 3]) {
    onEveryStore(`a strong answer to ${count} events comes when ${interested} handlers have dealt with all of them`, async (given) => {
      const handlers = Array.from({ length: interested }, (_, n) => noting(`n${n}`))
      const app = openFollowed(given, { handlers: handlers.map(({ handler }) => handler), projections: [sums] })
      await openWithDeposits(app, 'a')
      await app.start()
      const many = { command: 'Deposit', input: { accountId: 'a', amount: 1 } }
      const receipts = await Promise.all(Array.from({ length: count }, () => app.execute(many, { actor: ann, consistency: 'strong' })))
      assert.equal(new Set(receipts.map(({ position }) => position)).size, count)
      for (const { amounts } of handlers) assert.equal(amounts.length, count)
      assert.deepEqual(await app.view(sums as never).get('a'), { sum: count, count })
    })
  }
}

for (const count of [1, 2, 30]) {
  onEveryStore(
    `a strong answer to one command of ${count} events comes when all of them are dealt with, also by who came later`,
    async (given) => {
      const [first, second] = [noting('first'), noting('second')]
      const open = (...followers: (typeof first)[]) => {
        const handlers = followers.map(({ handler }) => handler)
        return given.tend(testApp({ store: given.store, clock: given.clock, commands: [payMany], handlers, projections: [sums] }))
      }
      const call = payMany({ accountId: 'a', times: count })
      const early = open(first)
      await early.start()
      const key = { actor: ann, idempotencyKey: 'once', consistency: 'strong' } as const
      const receipt = await early.execute(call, key)
      assert.deepEqual([receipt.events.length, first.amounts.length], [count, count])
      assert.deepEqual(await early.view(sums).get('a'), { sum: count, count })
      await early.stop({ keepStore: true })
      const late = open(first, second)
      await late.start()
      const again = await late.execute(call, { ...key, waitTimeout: { hours: 1 } })
      assert.deepEqual(
        [again.duplicate, again.position, second.amounts.length, first.amounts.length],
        [true, receipt.position, count, count],
      )
    },
  )
}

onEveryStore('a strong answer to an event that concerns nobody, or to none, comes without anybody running', async (given) => {
  const app = openFollowed(given, { handlers: [noting().handler], defaults: { command: { consistency: 'strong' } } })
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann })
  const close = { command: 'CloseAccount', input: { accountId: 'b', reason: 'none' } }
  assert.deepEqual((await app.execute(close, { actor: { id: 'tom', roles: ['teller'] } })).events, [])
})

onEveryStore('when time is over the error names who lags, and where it is; the command was executed', async (given) => {
  const opened = moment()
  const slow = onDeposits('slow', () => opened.promise)
  const app = openFollowed(given, { handlers: [slow, noting().handler] })
  await openWithDeposits(app, 'a')
  await app.start()
  await app.settle()
  const asked = app.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, consistency: 'strong', waitTimeout: { seconds: 3 } })
  const refused = assert.rejects(asked, (error) => error instanceof TimedOutError && /\(slow is at position 1 of 2/.test(error.message))
  await passing(given, refused)
  opened.resolve()
  await app.settle()
  assert.equal((await app.streams.info('account-a'))?.version, 2)
})

onEveryStore('the error says when somebody was never started', async (given) => {
  const { handler } = noting('sleeper')
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a')
  const asked = app.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, waitFor: [handler], waitTimeout: { milliseconds: 50 } })
  const refused = assert.rejects(asked, /sleeper was never started/)
  await passing(given, refused)
})

onEveryStore('a row waits for a position that is written through another app, and waiting works there as well', async (given) => {
  const worker = openFollowed(given, { projections: [sums] })
  const front = openFollowed(given, { projections: [sums] })
  await worker.start()
  await openWithDeposits(front, 'a', 1)
  const { position } = await front.execute(deposit({ accountId: 'a', amount: 2 }), { actor: ann })
  assert.deepEqual(await front.view(sums as never).get('a', { atLeast: position }), { sum: 3, count: 2 })
  await front.execute(deposit({ accountId: 'a', amount: 3 }), { actor: ann, consistency: 'strong' })
  assert.deepEqual(await front.view(sums as never).get('a'), { sum: 6, count: 3 })
})

onEveryStore('who waits for a handler that tries again is answered once it has succeeded', async (given) => {
  let failures = 2
  const shaky = onDeposits('shaky', () => {
    if (failures-- > 0) throw new Error('not yet')
  })
  const app = openFollowed(given, { handlers: [shaky] })
  await openWithDeposits(app, 'a')
  await app.start()
  await app.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, waitFor: [shaky] })
  assert.equal(failures, -1)
})

onEveryStore('waiting ends with the signal of who waits', async (given) => {
  const { handler } = noting()
  const app = openFollowed(given, { handlers: [handler] })
  await openWithDeposits(app, 'a')
  const impatient = new AbortController()
  const asked = app.execute(deposit({ accountId: 'a', amount: 1 }), { actor: ann, waitFor: [handler], signal: impatient.signal })
  setTimeout(() => impatient.abort(new Error('enough')), 20)
  await assert.rejects(asked, /enough/)
})
