import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { event } from '../../src/core/event.ts'
import { assertNext, decodeDecided, decodeEvent, encodeEvent, gatherEventTypes, ownType } from '../../src/core/event-codec.ts'
import type { EventToAppend, StoredEvent } from '../../src/core/stored-event.ts'
import { check } from '../property/check.ts'

const metadata = { correlationId: 'c', causationId: 'd', actor: { id: 'ann' } }
const AccountOpened = event('AccountOpened', z.object({ owner: z.string(), note: z.string().optional() }), {
  tags: ({ owner }) => [`owner:${owner}`, 'account', `owner:${owner}`],
})
const Paid = event('Paid', z.object({ at: z.date(), cents: z.bigint() }), {
  tags: ({ at }) => [`year:${at.getUTCFullYear()}`],
  codec: {
    encode: ({ at, cents }) => ({ at: at.toISOString(), cents: `${cents}` }),
    decode: (json) => ({ at: new Date(json.at), cents: BigInt(json.cents) }),
  },
})

function stored(event: EventToAppend): StoredEvent {
  return { ...event, tenant: 'acme', stream: 'account-7-b', version: 3, position: 42, recordedAt: 5 }
}

test('an event is kept as JSON text, with its schema version and its tags, each once', () => {
  assert.deepEqual(encodeEvent(AccountOpened, AccountOpened({ owner: 'ann', note: undefined }), 'id-1', JSON.stringify(metadata)), {
    id: 'id-1',
    type: 'AccountOpened',
    schemaVersion: 1,
    data: '{"owner":"ann"}',
    metadata: JSON.stringify(metadata),
    tags: ['owner:ann', 'account'],
  })
})

test('a stored event is read with all that is known of it', () => {
  const encoded = encodeEvent(AccountOpened, AccountOpened({ owner: 'ann' }), 'id-1', JSON.stringify(metadata))
  assert.deepEqual(decodeEvent(AccountOpened, stored(encoded)), {
    type: 'AccountOpened',
    data: { owner: 'ann' },
    id: 'id-1',
    tenant: 'acme',
    stream: 'account-7-b',
    subject: '7-b',
    version: 3,
    position: 42,
    recordedAt: new Date(5),
    metadata,
    tags: ['owner:ann', 'account'],
    schemaVersion: 1,
  })
})

test('before the commit an event has no position and no recordedAt, and occurredAt only from an import', () => {
  const encoded = encodeEvent(AccountOpened, AccountOpened({ owner: 'ann' }), 'id-1', '{}')
  const decided = decodeDecided(AccountOpened, { ...encoded, tenant: '', stream: 'account-7', version: 1 }, metadata)
  assert.ok(!('position' in decided) && !('recordedAt' in decided) && !('occurredAt' in decided))
  assert.deepEqual(decodeEvent(AccountOpened, { ...stored(encoded), occurredAt: 7 }).occurredAt, new Date(7))
})

test('a codec keeps what JSON cannot: dates and bigints come back as they were', async (t) => {
  await check(
    t,
    fc.property(fc.date({ noInvalidDate: true }), fc.bigInt(), (at, cents) => {
      const encoded = encodeEvent(Paid, Paid({ at, cents }), 'id-1', JSON.stringify(metadata))
      assert.deepEqual(JSON.parse(encoded.data), { at: at.toISOString(), cents: `${cents}` })
      assert.deepEqual(encoded.tags, [`year:${at.getUTCFullYear()}`])
      assert.deepEqual(decodeEvent(Paid, stored(encoded)).data, { at, cents })
    }),
  )
})

test('any JSON comes back as it was', async (t) => {
  const Noted = event('Noted', z.unknown())
  await check(
    t,
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (data) => {
      const text = JSON.stringify(data)
      assert.equal(JSON.stringify(decodeEvent(Noted, stored(encodeEvent(Noted, Noted(data), 'id-1', '{}'))).data), text)
    }),
  )
})

test('what JSON cannot keep is refused with its path, what a codec makes too', () => {
  const Careless = event('Careless', z.unknown())
  assert.throws(() => encodeEvent(Careless, Careless({ at: [new Date(0)] }), 'id-1', '{}'), {
    code: 'ES_SERIALIZATION',
    path: 'at[0]',
    message: /^data of Careless cannot be kept as JSON: at\[0\] is a Date/,
  })
  const Useless = event('Useless', z.object({ at: z.date() }), { codec: { encode: (data) => data, decode: (json) => json } })
  assert.throws(() => encodeEvent(Useless, Useless({ at: new Date(0) }), 'id-1', '{}'), { code: 'ES_SERIALIZATION', path: 'at' })
})

test('the codec and the tags of the newest version are used for new events', () => {
  const Moved = event('Moved', z.object({}), { tags: () => ['old'] }).upcast(z.object({ to: z.string() }), () => ({ to: '' }), {
    tags: ({ to }) => [`to:${to}`],
  })
  const { schemaVersion, tags } = encodeEvent(Moved, Moved({ to: 'b' }), 'id-1', '{}')
  assert.deepEqual([schemaVersion, tags], [2, ['to:b']])
})

test('an old event is brought to the current version, and says which one it was stored with', () => {
  const v1 = event('Moved', z.object({}))
  const v2 = v1.upcast(z.object({ to: z.string() }), () => ({ to: 'home' }))
  const read = decodeEvent(v2, stored(encodeEvent(v1, v1({}), 'id-1', '{}')))
  assert.deepEqual([read.data, read.schemaVersion], [{ to: 'home' }, 1])
})

test('an unknown type is read as raw JSON', () => {
  const encoded = encodeEvent(AccountOpened, AccountOpened({ owner: 'ann' }), 'id-1', '{}')
  assert.deepEqual(decodeEvent(undefined, { ...stored(encoded), schemaVersion: 9 }).data, { owner: 'ann' })
})

test('tags that are not a list are refused', () => {
  const Wrong = event('Wrong', z.object({}), { tags: () => 'a' as never })
  assert.throws(() => encodeEvent(Wrong, Wrong({}), 'id-1', '{}'), { code: 'ES_DEFINITION', message: /^tags of Wrong/ })
})

test('one name has one definition, however often it is listed', () => {
  assert.deepEqual(
    [...gatherEventTypes([[AccountOpened], [Paid, AccountOpened]])],
    [
      ['AccountOpened', AccountOpened],
      ['Paid', Paid],
    ],
  )
  const other = event('AccountOpened', z.object({}))
  assert.throws(() => gatherEventTypes([[AccountOpened], [other]]), { code: 'ES_DEFINITION', message: /AccountOpened/ })
})

test('an aggregate that meets an event it does not list says which', () => {
  const encoded = stored(encodeEvent(AccountOpened, AccountOpened({ owner: 'ann' }), 'id-1', '{}'))
  assert.equal(ownType(new Map([['AccountOpened', AccountOpened]]), encoded, 'account'), AccountOpened)
  assert.throws(() => ownType(new Map(), encoded, 'account'), {
    code: 'ES_UNKNOWN_EVENT',
    type: 'AccountOpened',
    message: /aggregate account/,
  })
})

test('a hole or a repetition in a stream is found', () => {
  const third = stored(encodeEvent(AccountOpened, AccountOpened({ owner: 'ann' }), 'id-1', '{}'))
  assertNext(third, 2)
  for (const previous of [0, 1, 3, 4])
    assert.throws(() => assertNext(third, previous), { code: 'ES_CORRUPT_STREAM', stream: 'account-7-b', version: 3 })
})
