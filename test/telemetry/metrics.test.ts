/** Metrics: durations, counts and levels of real apps, as a collector gets them. */
import assert from 'node:assert/strict'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import { processManager } from '../../src/index.ts'
import { AccountOpened, deposit, openAccount, withdraw } from '../domain/bank.ts'
import { inFrontOf } from '../runtime/in-front-of.ts'
import { onEveryStore } from '../runtime/on-every-store.ts'
import { ann } from '../runtime/open-bank.ts'
import { quietly } from '../runtime/quietly.ts'
import {
  appendDeposits,
  noting,
  onDeposits,
  openFollowed,
  openWithDeposits,
  payIn,
  sums,
  workInFrontOf,
} from '../runtime/subscriptions/follow.ts'
import { recorded } from './recorded.ts'

const bob = { id: 'bob', roles: [] }
/** The key of a value by its attributes. */
const by = (attributes: Readonly<Record<string, unknown>>) => JSON.stringify(attributes)
const subscription = (kind: string, name: string, more: object = {}) =>
  by({ 'dacapo.subscription.kind': kind, 'dacapo.subscription.name': name, ...more })

onEveryStore('commands are counted by what they came to, and their events once', async (given) => {
  const seen = recorded()
  const app = openFollowed(given, { telemetry: seen.telemetry })
  await openWithDeposits(app, 'a', 1, 2)
  for (const _ of [1, 2]) await app.execute(deposit({ accountId: 'a', amount: 3 }), { actor: ann, idempotencyKey: 'k' })
  await app.attempt(withdraw({ accountId: 'a', amount: 100 }), { actor: ann })
  await assert.rejects(app.execute(withdraw({ accountId: 'a', amount: 1 }), { actor: bob }), { code: 'ES_FORBIDDEN' })
  const of = (command: string, more: object) => by({ 'dacapo.command': command, ...more })
  assert.deepEqual(await seen.metric('dacapo.command.duration'), {
    [of('OpenAccount', { 'dacapo.outcome': 'accepted' })]: 1,
    [of('Deposit', { 'dacapo.outcome': 'accepted' })]: 4,
    [of('Withdraw', { 'dacapo.outcome': 'rejected' })]: 1,
    [of('Withdraw', { 'error.type': 'ES_FORBIDDEN' })]: 1,
  })
  assert.deepEqual(await seen.metric('dacapo.events.appended'), { [of('OpenAccount', {})]: 1, [of('Deposit', {})]: 3 })
  await seen.end()
})

onEveryStore('what databases and messages take is measured as the conventions say', async (given) => {
  const seen = recorded()
  const failing = onDeposits('failing', (_, __, { attempt }) => (attempt === 1 ? Promise.reject(new TypeError('no')) : undefined))
  const app = openFollowed(given, { telemetry: seen.telemetry, handlers: [failing] })
  await openWithDeposits(app, 'a', 1)
  await app.settle()
  const database = await seen.metric('db.client.operation.duration')
  const name = { memory: 'memory', sqlite: 'sqlite', postgres: 'postgresql' }[given.storeName]
  assert.deepEqual(database, {
    [by({ 'db.system.name': name, 'db.operation.name': 'load' })]: 1,
    [by({ 'db.system.name': name, 'db.operation.name': 'append' })]: 2,
  })
  const processing = {
    'messaging.system.name': 'dacapo',
    'messaging.operation.name': 'handle',
    'messaging.operation.type': 'process',
    'messaging.destination.subscription.name': 'failing',
  }
  assert.deepEqual(await seen.metric('messaging.process.duration'), {
    [by({ ...processing, 'error.type': 'TypeError' })]: 1,
    [by(processing)]: 1,
  })
  await seen.end()
})

onEveryStore('retries, dead letters, conflicts, restarts, lost leases and stuck instances are counted', async (given) => {
  const { store } = given
  const seen = recorded()
  let breaks = 0
  const work = workInFrontOf(store, {
    commit: (works) => (breaks-- > 0 ? Promise.reject(new StoreUnavailableError(store.name, 'It was off.')) : store.work.commit(works)),
  })
  const failing = onDeposits('failing', () => Promise.reject(new Error('no')))
  const hopeless = processManager('hopeless', {
    events: [AccountOpened],
    commands: [withdraw],
    correlate: ({ subject }) => subject,
    initial: () => ({}),
    evolve: {},
    on: { AccountOpened: ({ event, send }) => send(withdraw({ accountId: event.subject, amount: 1000 })) },
  })
  await quietly(async () => {
    const app = openFollowed(given, { store: work, telemetry: seen.telemetry, handlers: [failing], processes: [hopeless] })
    await openWithDeposits(app, 'a', 1)
    await payIn(openFollowed(given), 'a', 2)
    await payIn(app, 'a', 3)
    await app.settle()
    breaks = 1
    await app.execute(openAccount({ accountId: 'b', owner: 'ann' }), { actor: ann })
    await app.settle()
    const lost = (await store.work.parts()).filter(({ subscription: one }) => one === 'handler:failing')
    await store.work.acquire('somebody else', lost)
    await payIn(app, 'b', 1)
    await app.settle()
    await app.stop({ keepStore: true })
  })
  const handler = subscription('handler', 'failing')
  assert.deepEqual(await seen.metric('dacapo.subscription.retries'), { [handler]: 2 })
  assert.deepEqual(await seen.metric('dacapo.subscription.dead_letters'), { [handler]: 1 })
  assert.deepEqual(await seen.metric('dacapo.command.conflicts'), {
    [by({ 'dacapo.command': 'Deposit', 'error.type': 'ES_CONCURRENCY' })]: 1,
  })
  assert.deepEqual(await seen.metric('dacapo.process.stuck'), { [by({ 'dacapo.process': 'hopeless' })]: 2 })
  assert.deepEqual(await seen.metric('dacapo.subscription.leases_lost'), { [handler]: 1 })
  const restarts = await seen.metric('dacapo.subscription.restarts')
  assert.equal(
    Object.values(restarts).reduce((sum, count) => sum + count, 0),
    1,
  )
  await seen.end()
})

onEveryStore('levels are read when they are collected: how far behind, how much is parked, how much is warm', async (given) => {
  const seen = recorded()
  const { handler, amounts } = noting()
  const picky = onDeposits('picky', (amount) => (amount === 1 ? Promise.reject(new Error('no')) : undefined), { retry: { attempts: 1 } })
  let looks = 0
  const store = workInFrontOf(given.store, {
    parts: () => {
      looks++
      return given.store.work.parts()
    },
  })
  const app = openFollowed(given, { store, telemetry: seen.telemetry, handlers: [handler, picky], projections: [sums] })
  const other = openFollowed(given, { telemetry: seen.telemetry })
  assert.deepEqual(await seen.metric('dacapo.subscription.lag'), {}, 'an app that was not started follows nothing')
  await openWithDeposits(app, 'a', 1, 2)
  await openWithDeposits(other, 'b')
  assert.deepEqual(await seen.metric('dacapo.aggregates'), {
    [by({ 'dacapo.aggregate.state': 'warm' })]: 2,
    [by({ 'dacapo.aggregate.state': 'hibernated' })]: 0,
  })
  await app.settle()
  assert.deepEqual(amounts, [1, 2])
  const nothing = { [subscription('projection', 'sums')]: 0, [subscription('handler', 'noting')]: 0, [subscription('handler', 'picky')]: 0 }
  assert.deepEqual(await seen.metric('dacapo.subscription.lag'), nothing)
  assert.deepEqual(await seen.metric('dacapo.subscription.lag.time'), nothing)
  const parked = await seen.metric('dacapo.subscription.parked')
  assert.equal(parked[subscription('handler', 'picky', { 'dacapo.parked': 'dead' })], 1)
  assert.equal(parked[subscription('handler', 'noting', { 'dacapo.parked': 'dead' })], 0)
  await app.stop({ keepStore: true })
  const before = looks
  assert.equal((await seen.metric('dacapo.aggregates'))[by({ 'dacapo.aggregate.state': 'warm' })], 1)
  assert.equal(looks, before, 'an app that has stopped is not measured any more')
  await seen.end()
})

onEveryStore('the lag is what a handler has not come to yet', async (given) => {
  const seen = recorded()
  const arrived = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const slow = onDeposits('slow', async () => {
    arrived.resolve()
    await goOn.promise
  })
  const app = openFollowed(given, { telemetry: seen.telemetry, handlers: [slow] })
  await app.start()
  await appendDeposits(given.store, 3)
  await given.clock.advance({ seconds: 30 })
  await arrived.promise
  assert.deepEqual(await seen.metric('dacapo.subscription.lag'), { [subscription('handler', 'slow')]: 3 })
  assert.deepEqual(await seen.metric('dacapo.subscription.lag.time'), { [subscription('handler', 'slow')]: 30 })
  goOn.resolve()
  await app.settle()
  assert.deepEqual(await seen.metric('dacapo.subscription.lag'), { [subscription('handler', 'slow')]: 0 })
  await seen.end()
})

onEveryStore('a store that cannot be reached leaves out its levels, and nothing else', async (given) => {
  const seen = recorded()
  const warnings: unknown[] = []
  const silent = { error() {}, info() {}, debug() {}, verbose() {} }
  diag.setLogger({ ...silent, warn: (...told: unknown[]) => void warnings.push(told) }, DiagLogLevel.ALL)
  let reachable = true
  const store = inFrontOf(given.store, {
    head: () => (reachable ? given.store.head() : Promise.reject(new StoreUnavailableError(given.store.name, 'It was off.'))),
  })
  const app = openFollowed(given, { store, telemetry: seen.telemetry, projections: [sums] })
  await openWithDeposits(app, 'a', 1)
  await app.settle()
  reachable = false
  assert.deepEqual(await seen.metric('dacapo.subscription.lag'), {})
  assert.equal(warnings.length, 1)
  assert.notDeepEqual(await seen.metric('dacapo.command.duration'), {})
  reachable = true
  assert.notDeepEqual(await seen.metric('dacapo.subscription.lag'), {})
  diag.disable()
  await seen.end()
})
