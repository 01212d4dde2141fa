/** What events carry of a trace: little, and nothing that was not asked for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Context,
  context,
  createTraceState,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type TextMapPropagator,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { openTelemetry } from '../../src/telemetry/index.ts'
import { carriersOf } from '../../src/telemetry/trace-context.ts'
import { Account, openAccount } from '../domain/bank.ts'
import { onEveryStore } from '../runtime/on-every-store.ts'
import { all, ann } from '../runtime/open-bank.ts'
import { openFollowed } from '../runtime/subscriptions/follow.ts'
import { recorded } from './recorded.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const named = (traceFlags: number, state?: string): Context =>
  trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, ...(state ? { traceState: createTraceState(state) } : {}) })

test('a context that is written is read again', () => {
  const { write, read } = carriersOf(undefined)
  for (const flags of [TraceFlags.NONE, TraceFlags.SAMPLED]) {
    for (const state of [undefined, 'vendor=value,other=1']) {
      const carrier = write(named(flags, state))
      assert.deepEqual(carrier, {
        traceparent: `00-${traceId}-${spanId}-0${flags}`,
        ...(state ? { tracestate: state } : {}),
      })
      const found = trace.getSpanContext(read({ ...carrier, correlationId: 'c' }))
      assert.deepEqual([found?.traceId, found?.spanId, found?.traceFlags, found?.isRemote], [traceId, spanId, flags, true])
      assert.equal(found?.traceState?.serialize(), state)
    }
  }
})

test('what is not a traceparent is none, whoever has put it there', () => {
  const { read } = carriersOf(undefined)
  const good = `00-${traceId}-${spanId}-01`
  const none = '0'.repeat(32)
  for (const traceparent of [
    undefined,
    null,
    7,
    {},
    '',
    'x',
    `${good}0`,
    `ff${good.slice(2)}`,
    good.replace(traceId, none),
    good.toUpperCase(),
  ])
    assert.equal(trace.getSpanContext(read({ traceparent })), undefined, String(traceparent))
  assert.equal(trace.getSpanContext(read(undefined)), undefined)
  assert.equal(trace.getSpanContext(read({ traceparent: `01${good.slice(2)}-of-a-later-version` }))?.traceId, traceId)
})

test('without a span nothing is written', () => {
  assert.deepEqual(carriersOf(undefined).write(ROOT_CONTEXT), {})
})

onEveryStore('an app whose SDK was not started adds nothing to its events', async (given) => {
  const app = openFollowed(given, { telemetry: openTelemetry() })
  await app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann, correlationId: 'c', causationId: 'd' })
  const [opened] = await all(app.history(Account, 'a'))
  assert.deepEqual(opened?.metadata, { correlationId: 'c', causationId: 'd', actor: ann, command: 'OpenAccount' })
})

onEveryStore('a propagator of your own decides what events carry', async (given) => {
  const key = Symbol('who')
  const who: TextMapPropagator = {
    inject: (at, carrier, { set }) => set(carrier, 'who', String(at.getValue(key))),
    extract: (at, carrier, { get }) => at.setValue(key, get(carrier, 'who')),
    fields: () => ['who'],
  }
  const { write, read } = carriersOf(who)
  assert.equal(read(write(ROOT_CONTEXT.setValue(key, 'ann'))).getValue(key), 'ann')
  assert.equal(defaultTextMapGetter.get({ who: 'ann' }, 'who'), 'ann')
  const seen = recorded({ propagator: who })
  const app = openFollowed(given, { telemetry: seen.telemetry })
  await context.with(ROOT_CONTEXT.setValue(key, 'bob'), () => app.execute(openAccount({ accountId: 'a', owner: 'ann' }), { actor: ann }))
  const [opened] = await all(app.history(Account, 'a'))
  assert.deepEqual([opened?.metadata['who'], opened?.metadata['traceparent']], ['bob', undefined])
  await seen.end()
})
