import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { type AnyEventType, definitionOf, event } from '../../src/core/event.ts'
import { check } from '../property/check.ts'

const MoneyDeposited = event('MoneyDeposited', z.object({ amount: z.int().positive() }))
const AccountClosed = event('AccountClosed', z.object({ reason: z.string() }))
  .upcast(z.object({ reason: z.string(), closedBy: z.string() }), (v1) => ({ ...v1, closedBy: 'unknown' }))
  .upcast(z.object({ why: z.string(), by: z.object({ name: z.string() }) }), (v2) => ({ why: v2.reason, by: { name: v2.closedBy } }))

test('an event type is called to make an event, with data that its schema has parsed', () => {
  assert.deepEqual(MoneyDeposited({ amount: 5 }), { type: 'MoneyDeposited', data: { amount: 5 } })
  assert.equal(MoneyDeposited.schemaVersion, 1)
  const Counted = event('Counted', z.object({ by: z.string().transform(Number).default(1) }))
  assert.deepEqual(Counted({ by: '5' }).data, { by: 5 })
  assert.deepEqual(Counted({}).data, { by: 1 })
})

test('an invalid event cannot be made', () => {
  assert.throws(() => MoneyDeposited({ amount: -1 }), { code: 'ES_VALIDATION', message: /^data of MoneyDeposited is not valid: amount: / })
})

test('an event with an asynchronous schema cannot be made', () => {
  const Slow = event('Slow', z.object({ id: z.string().refine(async () => true) }))
  assert.throws(() => Slow({ id: '1' }), { code: 'ES_DEFINITION', message: /^data of Slow has an asynchronous schema/ })
})

test('a type is a name of 1–200 characters with a schema', () => {
  for (const type of ['', 'x'.repeat(201), undefined, 5]) {
    assert.throws(() => event(type as string, z.object({})), { code: 'ES_DEFINITION', message: /1–200 characters/ })
  }
  assert.throws(() => event('X', {} as never), { code: 'ES_DEFINITION', message: /^Event X needs a Standard Schema/ })
  assert.throws(() => MoneyDeposited.upcast(undefined as never, () => ({}) as never), { code: 'ES_DEFINITION' })
})

test('a made event knows its definition; one that looks the same does not', () => {
  const made = AccountClosed({ why: 'moved', by: { name: 'ann' } })
  assert.equal(definitionOf(made), AccountClosed)
  assert.equal(definitionOf({ ...made }), undefined)
})

test('data of each earlier version is read as the newest', () => {
  assert.equal(AccountClosed.schemaVersion, 3)
  assert.deepEqual(AccountClosed.read({ reason: 'moved' }, 1), { why: 'moved', by: { name: 'unknown' } })
  assert.deepEqual(AccountClosed.read({ reason: 'moved', closedBy: 'ann' }, 2), { why: 'moved', by: { name: 'ann' } })
  assert.deepEqual(AccountClosed.read({ why: 'moved', by: { name: 'ann' } }, 3), { why: 'moved', by: { name: 'ann' } })
})

test('an upcast makes a new type and leaves the old one as it was', () => {
  const v1 = event('X', z.object({}))
  const v2 = v1.upcast(z.object({ a: z.number() }), () => ({ a: 1 }))
  assert.deepEqual([v1.schemaVersion, v2.schemaVersion], [1, 2])
  assert.deepEqual(v1({}).data, {})
})

test('data of the newest version is not checked again: what was once accepted stays readable', () => {
  assert.deepEqual(MoneyDeposited.read({ amount: -1 }, 1), { amount: -1 })
})

test('reading does not change what is stored', () => {
  const stored = Object.freeze({ reason: 'moved' })
  AccountClosed.read(stored, 1)
  assert.deepEqual(stored, { reason: 'moved' })
})

test('a version that this build does not know cannot be read', () => {
  for (const version of [0, -1, 1.5, 4, Number.NaN]) {
    assert.throws(() => AccountClosed.read({}, version), { code: 'ES_UPCAST', type: 'AccountClosed', from: version, to: 3 })
  }
})

test('an upcaster that throws, or makes what its schema refuses, is told with its cause', () => {
  const Thrown = event('Thrown', z.object({})).upcast(z.object({}), () => {
    throw new Error('no idea')
  })
  assert.throws(() => Thrown.read({}, 1), { code: 'ES_UPCAST', message: /no idea/, from: 1, to: 2 })
  const Refused = event('Refused', z.object({})).upcast(z.object({ a: z.number() }), () => ({ a: 'x' }) as never)
  assert.throws(
    () => Refused.read({}, 1),
    (error: Error) => {
      assert.match(error.message, /upcast data of Refused is not valid: a: /)
      assert.equal((error.cause as { code?: string }).code, 'ES_VALIDATION')
      return true
    },
  )
  const Slow = event('Slow', z.object({})).upcast(
    z.object({}).refine(async () => true),
    () => ({}),
  )
  assert.throws(() => Slow.read({}, 1), { code: 'ES_UPCAST', message: /asynchronous/ })
})

test('each version is decoded by its own codec before it is upcast', () => {
  const date = { encode: ({ at }: { at: Date }) => ({ at: at.toISOString() }), decode: ({ at }: { at: string }) => ({ at: new Date(at) }) }
  const cents = {
    encode: (data: { at: Date; cents: bigint }) => ({ at: data.at.getTime(), cents: `${data.cents}` }),
    decode: (json: { at: number; cents: string }) => ({ at: new Date(json.at), cents: BigInt(json.cents) }),
  }
  const Paid = event('Paid', z.object({ at: z.date() }), { codec: date })
    .upcast(z.object({ at: z.date(), cents: z.bigint() }), (v1) => ({ ...v1, cents: 0n }), { codec: cents })
    .upcast(z.object({ year: z.number() }), (v2) => ({ year: v2.at.getUTCFullYear() + Number(v2.cents) }))
  assert.deepEqual(Paid.read({ at: '2030-01-31T00:00:00.000Z' }, 1), { year: 2030 })
  assert.deepEqual(Paid.read({ at: Date.UTC(2030, 0), cents: '2' }, 2), { year: 2032 })
})

// A chain of steps on a record: each adds, renames or counts, so that their order shows in the result.
const steps: readonly ((data: Record<string, unknown>) => Record<string, unknown>)[] = [
  (data) => ({ ...data, count: Number(data.count ?? 0) + 1 }),
  (data) => ({ ...data, count: Number(data.count ?? 0) * 2 }),
  ({ name, ...data }) => ({ ...data, title: name ?? 'none' }),
  ({ title, ...data }) => ({ ...data, name: [title] }),
  (data) => ({ nested: data }),
]

test('upcasters chained at random do what their steps do one after the other, from every version', async (t) => {
  const anything = z.record(z.string(), z.unknown())
  const chains = fc.array(fc.integer({ min: 0, max: steps.length - 1 }), { maxLength: 12 })
  await check(
    t,
    fc.property(chains, fc.dictionary(fc.constantFrom('count', 'name', 'title', 'x'), fc.integer()), (chain, data) => {
      const type = chain.reduce((latest: AnyEventType, index) => latest.upcast(anything, steps[index] as never), event('Chained', anything))
      assert.equal(type.schemaVersion, chain.length + 1)
      for (let from = 1; from <= chain.length + 1; from++) {
        const stepwise = chain
          .slice(from - 1)
          .reduce((value: Record<string, unknown>, index) => (steps[index] as (typeof steps)[0])(value), data)
        assert.deepEqual(type.read(data, from), stepwise)
      }
    }),
  )
})
