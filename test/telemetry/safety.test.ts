/** A telemetry watches: whatever it does wrong, work is done once, and comes to what it would have come to. */
import assert from 'node:assert/strict'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import type { Telemetry } from '../../src/core/telemetry.ts'
import { openTelemetry } from '../../src/telemetry/index.ts'
import { Account, deposit, openAccount, transferMoney, withdraw } from '../domain/bank.ts'
import { type Given, onEveryStore } from '../runtime/on-every-store.ts'
import { ann } from '../runtime/open-bank.ts'
import { quietly } from '../runtime/quietly.ts'
import { noting, onDeposits, openFollowed, openWithDeposits, payIn, sums } from '../runtime/subscriptions/follow.ts'
import { recorded } from './recorded.ts'

const broken = (): never => {
  throw new Error('the telemetry broke')
}

/** Does everything that a telemetry stands around, and tells what came of it. */
async function everything(given: Given, telemetry: Telemetry): Promise<unknown> {
  const { handler, amounts } = noting()
  const picky = onDeposits('picky', (amount) => (amount === 2 ? Promise.reject(new Error('not two')) : undefined), {
    retry: { attempts: 2 },
  })
  const app = openFollowed(given, { telemetry, handlers: [handler, picky], projections: [sums], processes: [transferMoney] })
  await openWithDeposits(app, 'a', 1, 2)
  await Promise.all([3, 4].map((amount) => payIn(app, 'a', amount)))
  const attempted = await app.attempt(withdraw({ accountId: 'a', amount: 1000 }), { actor: ann })
  await assert.rejects(app.execute(deposit({ accountId: 'a', amount: -1 }), { actor: ann }), { code: 'ES_VALIDATION' })
  const value = await app.transaction(async (tx) => {
    await tx.execute(openAccount({ accountId: 'b', owner: 'bob' }), { actor: ann })
    return 7
  })
  await app.settle()
  const { state, version } = await app.load(Account, 'a')
  const row = await app.view(sums as never).get('a')
  await app.stop({ keepStore: true })
  const letters = app.deadLetters.map((letter) => [letter.handler, letter.attempts, letter.error.message])
  return {
    amounts,
    rejected: attempted.ok ? undefined : attempted.rejection.code,
    value,
    state,
    version,
    letters,
    sum: row,
  }
}

const outcomeOf = (given: Given, telemetry: Telemetry): Promise<unknown> => quietly(() => everything(given, telemetry))

const expected = {
  amounts: [1, 2, 3, 4],
  rejected: 'InsufficientFunds',
  value: 7,
  state: { status: 'open', owner: 'ann', balance: 10 },
  version: 5,
  letters: [['picky', 2, 'not two']],
  sum: { sum: 10, count: 4 },
}

const doing = (around: Telemetry['around']): Telemetry => ({ around, carrier: () => ({}), here: () => undefined })

const telemetries: Readonly<Record<string, Telemetry>> = {
  'that is broken altogether': { observer: broken, around: broken, carrier: broken, here: broken, watch: broken },
  'that breaks after the work': doing((_, run) => {
    run()
    broken()
  }),
  'that hands on what the work has thrown': doing((_, run) => void run()),
  'that swallows what the work throws': doing((_, run) => {
    try {
      Promise.resolve(run()).catch(() => {})
    } catch {}
  }),
  'that never does the work': doing(() => {}),
  'that does the work twice': doing((_, run) => {
    run()
    run()
  }),
  'that does the work later': doing(
    (_, run) =>
      void Promise.resolve()
        .then(run)
        .catch(() => {}),
  ),
  'whose carrier is no use': { ...doing((_, run) => void run()), carrier: () => ({ a: 1n, b: () => {}, correlationId: 7 }) as never },
  'whose end cannot be called': { ...doing((_, run) => void run()), watch: () => broken },
}

for (const [name, telemetry] of Object.entries(telemetries)) {
  onEveryStore(`a telemetry ${name} changes nothing`, async (given) => {
    assert.deepEqual(await outcomeOf(given, telemetry), expected)
  })
}

onEveryStore('a tracer and a meter that throw change nothing', async (given) => {
  diag.setLogger({ error() {}, warn() {}, info() {}, debug() {}, verbose() {} }, DiagLogLevel.ALL)
  const broke = () => new Proxy({}, { get: () => broken })
  assert.deepEqual(await outcomeOf(given, openTelemetry({ tracer: broke() as never })), expected)
})

onEveryStore('spans that cannot be ended, and measurements that cannot be taken, change nothing', async (given) => {
  const seen = recorded()
  const tracer = {
    startSpan: (...parameters: Parameters<typeof seen.tracer.startSpan>) =>
      new Proxy(seen.tracer.startSpan(...parameters), {
        get: (span, name) => (name === 'end' || name === 'setAttributes' ? broken : Reflect.get(span, name, span)),
      }),
  }
  const meter = new Proxy({}, { get: () => () => ({ record: broken, add: broken, observe: broken }) })
  assert.deepEqual(await outcomeOf(given, openTelemetry({ tracer: tracer as never, meter: meter as never })), expected)
  await seen.end()
})
