/** CloudEvents in all their modes, both ways. One subject, each mode with its own rules, so the file is long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HTTP, CloudEvent as SdkEvent } from 'cloudevents'
import fc from 'fast-check'
import { z } from 'zod'
import {
  type CloudEvent,
  fromBatch,
  fromBinary,
  fromCloudEvent,
  fromMessage,
  fromStructured,
  toBatch,
  toBinary,
  toCloudEvent,
  toStructured,
} from '../../src/core/cloud-event.ts'
import { ValidationError } from '../../src/core/errors.ts'
import { event } from '../../src/core/event.ts'
import type { RecordedEvent } from '../../src/core/recorded-event.ts'
import { check } from '../property/check.ts'

const deposited: RecordedEvent = {
  type: 'MoneyDeposited',
  data: { amount: 5 },
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  tenant: 'acme',
  stream: 'account-7',
  subject: '7',
  version: 3,
  position: 42,
  recordedAt: new Date('2030-01-31T09:30:00.123Z'),
  occurredAt: new Date('2029-12-31T23:59:59.999Z'),
  schemaVersion: 2,
  tags: ['account:7'],
  metadata: {
    correlationId: 'request-1',
    causationId: 'execution-1',
    actor: { id: 'ann' },
    command: 'Deposit',
    channel: 'branch',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  },
}
const plain: CloudEvent = { specversion: '1.0', id: '1', source: '/bank', type: 'Opened' }

function refusedFor(...names: string[]) {
  return (error: unknown) => {
    assert.ok(error instanceof ValidationError, String(error))
    assert.deepEqual(error.issues.map(({ path }) => path[0]).sort(), names.sort())
    return true
  }
}

test('a recorded event becomes a CloudEvent with every attribute in its place', () => {
  assert.deepEqual(toCloudEvent(deposited, { source: '/bank', dataschema: (e) => `https://bank.example/${e.type}/v${e.schemaVersion}` }), {
    specversion: '1.0',
    id: '01890a5d-ac96-774b-bcce-b302099a8057',
    source: '/bank',
    type: 'MoneyDeposited',
    subject: '7',
    time: '2030-01-31T09:30:00.123Z',
    datacontenttype: 'application/json',
    dataschema: 'https://bank.example/MoneyDeposited/v2',
    sequence: '0000000000000042',
    partitionkey: 'account-7',
    streamversion: 3,
    schemaversion: 2,
    occurredat: '2029-12-31T23:59:59.999Z',
    tenant: 'acme',
    correlationid: 'request-1',
    causationid: 'execution-1',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    data: { amount: 5 },
  })
})

test('who asked, the command, tags and own metadata are not published', () => {
  const text = toStructured(toCloudEvent(deposited, { source: '/bank' })).body
  for (const word of ['ann', 'Deposit"', 'account:7', 'branch']) assert.ok(!text.includes(word), word)
})

test('the default tenant and a missing occurredAt leave no attribute behind', () => {
  const { occurredAt: _, ...rest } = deposited
  const published = toCloudEvent({ ...rest, tenant: '' }, { source: '/bank' })
  assert.ok(!('tenant' in published) && !('occurredat' in published) && !('tracestate' in published))
})

test('sequences sort as text the way positions sort as numbers', () => {
  const at = (position: number) => toCloudEvent({ ...deposited, position }, { source: '/bank' }).sequence as string
  const positions = [1, 9, 10, 999, 1000, 4_294_967_296, Number.MAX_SAFE_INTEGER]
  assert.deepEqual(positions.map(at).sort(), positions.map(at))
})

test('the source may depend on the tenant', () => {
  const source = ({ tenant }: RecordedEvent) => `/bank/${encodeURIComponent(tenant)}`
  assert.equal(toCloudEvent({ ...deposited, tenant: 'süd west' }, { source }).source, '/bank/s%C3%BCd%20west')
})

test('extensions publish more, and are refused where their name is taken', () => {
  const published = toCloudEvent(deposited, {
    source: '/bank',
    extensions: ({ metadata }) => ({ channel: metadata.channel, urgent: true }),
  })
  assert.equal(published.channel, 'branch')
  assert.equal(published.urgent, true)
  for (const name of ['id', 'data', 'time', 'sequence', 'tenant', 'correlationid', 'partitionkey', 'specversion']) {
    assert.throws(() => toCloudEvent(deposited, { source: '/bank', extensions: () => ({ [name]: 'x' }) }), refusedFor(name))
  }
})

test('a codec encodes the data, and schemaversion is the one that the data was brought to', () => {
  const codec = {
    encode: ({ at }: { at: Date }) => ({ at: at.toISOString() }),
    decode: ({ at }: { at: string }) => ({ at: new Date(at) }),
  }
  const Closed = event('Closed', z.object({})).upcast(z.object({ at: z.date() }), () => ({ at: new Date(0) }), { codec })
  const closed: RecordedEvent = { ...deposited, ...Closed({ at: new Date(5) }), schemaVersion: 1 }
  const published = toCloudEvent(closed, { source: '/bank', events: [Closed] })
  assert.deepEqual(published.data, { at: '1970-01-01T00:00:00.005Z' })
  const { data, schemaVersion } = fromCloudEvent(fromStructured(toStructured(published).body))
  assert.equal(schemaVersion, 2)
  assert.deepEqual(Closed.read(data, schemaVersion), { at: new Date(5) })
})

test('data that JSON cannot keep is refused when it is written', () => {
  const published = toCloudEvent({ ...deposited, data: { at: new Date(0) } }, { source: '/bank' })
  for (const write of [toStructured, toBinary]) assert.throws(() => write(published), { code: 'ES_SERIALIZATION' })
})

test('what was published is received in the words it was recorded in', () => {
  const published = toCloudEvent(deposited, { source: '/bank', extensions: () => ({ channel: 'branch' }) })
  const expected = {
    id: deposited.id,
    source: '/bank',
    type: 'MoneyDeposited',
    data: { amount: 5 },
    contentType: 'application/json',
    subject: '7',
    time: deposited.recordedAt,
    occurredAt: deposited.occurredAt,
    tenant: 'acme',
    stream: 'account-7',
    version: 3,
    position: 42,
    schemaVersion: 2,
    metadata: { correlationId: 'request-1', causationId: 'execution-1', traceparent: deposited.metadata.traceparent },
    extensions: { channel: 'branch' },
  }
  assert.deepEqual(fromCloudEvent(published), expected)
  assert.deepEqual(fromCloudEvent(fromStructured(toStructured(published).body)), expected)
  assert.deepEqual(fromCloudEvent(fromBinary(toBinary(published))), expected)
})

test('a foreign event keeps what only looks like ours', () => {
  const foreign = { ...plain, sequence: 'A12', partitionkey: 'eu', schemaversion: 'draft', occurredat: 'yesterday', streamversion: 7 }
  const received = fromCloudEvent(foreign)
  assert.equal(received.tenant, '')
  assert.equal(received.schemaVersion, 1)
  assert.ok(!('stream' in received) && !('version' in received) && !('position' in received) && !('time' in received))
  const { sequence, partitionkey, schemaversion, occurredat, streamversion } = foreign
  assert.deepEqual(received.extensions, { sequence, partitionkey, schemaversion, occurredat, streamversion })
})

test('each required attribute is missed by its name', () => {
  for (const name of ['id', 'source', 'type', 'specversion']) {
    const { [name]: _, ...rest } = plain
    assert.throws(() => fromStructured(rest), refusedFor(name))
    assert.throws(() => fromStructured({ ...rest, [name]: null }), refusedFor(name))
    assert.throws(() => toStructured(rest as never), refusedFor(name))
    const { [`ce-${name}`]: __, ...headers } = toBinary(plain).headers
    assert.throws(() => fromBinary({ headers }), refusedFor(name))
  }
  assert.throws(
    () => fromMessage({ headers: { 'content-type': 'text/html' }, body: '<p>' }),
    refusedFor('id', 'source', 'type', 'specversion'),
  )
})

const invalidAttributes: readonly (readonly [name: string, value: unknown])[] = [
  ['specversion', '0.3'],
  ['id', ''],
  ['id', 5],
  ['type', ''],
  ['source', ''],
  ['source', 'my bank'],
  ['source', '/bank/%zz'],
  ['source', '/bank#a#b'],
  ['subject', ''],
  ['time', '2030-01-31'],
  ['time', '2030-02-30T00:00:00Z'],
  ['time', '2030-01-31T24:00:00Z'],
  ['time', '2030-01-31T09:30:00'],
  ['datacontenttype', 'json'],
  ['datacontenttype', 'text/plain; x=\n'],
  ['dataschema', '/relative'],
  ['dataschema', 'https:'],
  ['withCapital', 'x'],
  ['with-hyphen', 'x'],
  ['data_base64', 5],
  ['half', 0.5],
  ['large', 2 ** 31],
  ['list', ['a']],
  ['nested', { a: 1 }],
  ['control', 'a\u0000'],
  ['surrogate', '\ud800'],
  ['noncharacter', '\uffff'],
]

for (const [name, value] of invalidAttributes) {
  test(`the attribute ${name} is refused as ${JSON.stringify(value)}, read or written`, () => {
    assert.throws(() => fromStructured({ ...plain, [name]: value }), refusedFor(name))
    assert.throws(() => toStructured({ ...plain, [name]: value } as CloudEvent), refusedFor(name))
    assert.throws(() => toBinary({ ...plain, [name]: value } as CloudEvent), refusedFor(name))
    assert.throws(() => toBatch([{ ...plain, [name]: value } as CloudEvent]), refusedFor(name))
    assert.throws(() => fromCloudEvent({ ...plain, [name]: value } as CloudEvent), refusedFor(name))
  })
}

test('every invalid attribute is named at once', () => {
  assert.throws(() => fromStructured({ ...plain, source: '', time: 'now', Wrong: 1 }), refusedFor('source', 'time', 'Wrong'))
})

test('times of RFC 3339 keep their microseconds, offsets and leap seconds', () => {
  for (const time of ['2030-01-31T09:30:00.123456Z', '2030-01-31t09:30:00z', '1990-12-31T23:59:60Z', '2028-02-29T00:00:00.5-00:00']) {
    assert.equal(fromStructured(toStructured({ ...plain, time }).body).time, time)
    assert.ok(Number.isFinite(fromCloudEvent({ ...plain, time }).time?.getTime()), time)
  }
  assert.deepEqual(fromCloudEvent({ ...plain, time: '2030-01-31T09:30:00.123456+02:00' }).time, new Date('2030-01-31T07:30:00.123Z'))
})

test('headers are percent-encoded as the HTTP binding shows it', () => {
  const { headers } = toBinary({ ...plain, subject: 'Euro € 😀', note: '"100%"' })
  assert.equal(headers['ce-subject'], 'Euro%20%E2%82%AC%20%F0%9F%98%80')
  assert.equal(headers['ce-note'], '%22100%25%22')
})

test('headers of older senders are understood: quotes, lower-case hex, needless and missing encoding', () => {
  const read = (subject: string) => fromBinary({ headers: { ...toBinary(plain).headers, 'CE-Subject': subject } }).subject
  assert.equal(read('"a \\"b\\" c"'), 'a "b" c')
  assert.equal(read('%e2%82%ac%41'), '€A')
  assert.equal(read('50% off'), '50% off')
})

test('headers that are not UTF-8, stand twice, or carry the content type again are refused', () => {
  const { headers } = toBinary(plain)
  assert.throws(() => fromBinary({ headers: { ...headers, 'ce-subject': '%C0%A0' } }), refusedFor('subject'))
  assert.throws(() => fromBinary({ headers: { ...headers, 'ce-subject': ['a', 'b'] } }), refusedFor('subject'))
  assert.throws(() => fromBinary({ headers: { ...headers, 'ce-datacontenttype': 'text/plain' } }), refusedFor('datacontenttype'))
  assert.throws(() => fromBinary({ headers: { ...headers, 'ce-data': '1' } }), refusedFor('data'))
  assert.throws(() => fromBinary({ headers: { ...headers, 'ce-__proto__': '1' } }), refusedFor('__proto__'))
})

test('an extension may be called like a member of every object', () => {
  const odd = { ...plain, constructor: 'x', valueof: 'y' }
  assert.deepEqual(fromBinary(toBinary(odd)), odd)
  assert.deepEqual(fromStructured(toStructured(odd).body), odd)
})

test('null is data, and differs from no data', () => {
  const withNull = { ...plain, datacontenttype: 'application/json', data: null }
  assert.deepEqual(fromStructured(toStructured(withNull).body), withNull)
  assert.deepEqual(fromBinary(toBinary(withNull)), withNull)
  assert.ok(!('data' in fromStructured(toStructured(plain).body)))
  assert.ok(!('body' in toBinary(plain)))
})

test('an attribute that is null counts as not there', () => {
  assert.deepEqual(fromStructured({ ...plain, subject: null, unset: null, data_base64: null }), plain)
})

test('text that is not JSON is carried as text, and JSON text is not parsed twice', () => {
  const xml = { ...plain, datacontenttype: 'application/xml', data: '<a b="c"/>' }
  assert.deepEqual(fromStructured(toStructured(xml).body), xml)
  assert.equal(toBinary(xml).body, '<a b="c"/>')
  assert.deepEqual(fromBinary(toBinary(xml)), xml)
  const text = { ...plain, datacontenttype: 'application/vnd.bank+json; charset=utf-8', data: '{"a":1}' }
  assert.equal(toBinary(text).body, '"{\\"a\\":1}"')
  assert.deepEqual(fromStructured(toStructured(text).body), text)
  assert.deepEqual(fromBinary(toBinary(text)), text)
})

test('data that does not fit its content type is refused', () => {
  const wrong = { ...plain, datacontenttype: 'application/xml', data: { a: 1 } }
  assert.throws(() => toStructured(wrong), refusedFor('data'))
  assert.throws(() => toBinary(wrong), refusedFor('data'))
  assert.throws(() => fromStructured(wrong), refusedFor('data'))
  assert.throws(
    () => fromBinary({ headers: { ...toBinary(plain).headers, 'content-type': 'application/json' }, body: '{' }),
    refusedFor('data'),
  )
})

test('data_base64 is bytes on this side', () => {
  const pdf = { ...plain, datacontenttype: 'application/pdf', data: new Uint8Array([0, 1, 254, 255]) }
  assert.equal(JSON.parse(toStructured(pdf).body).data_base64, 'AAH+/w==')
  assert.deepEqual(fromStructured(toStructured(pdf).body), pdf)
  assert.equal(toBinary(pdf).body, pdf.data)
  assert.throws(() => fromStructured({ ...plain, data_base64: 'AAH+/w' }), refusedFor('data_base64'))
  assert.throws(() => fromStructured({ ...plain, data_base64: 'AAH+/w==', data: 1 }), refusedFor('data'))
})

test('our base64 is everybody’s', async (t) => {
  const wire = (data: Uint8Array) => JSON.parse(toStructured({ ...plain, data }).body).data_base64
  await check(
    t,
    fc.property(fc.uint8Array(), (bytes) => assert.equal(wire(bytes), Buffer.from(bytes).toString('base64'))),
  )
  for (const wrong of ['A', 'AA', 'AA=', 'AAA', 'A===', 'AA=A', 'A A=', 'AA-_', 'AA==AA==']) {
    assert.throws(() => fromStructured({ ...plain, data_base64: wrong }), refusedFor('data_base64'))
  }
})

test('a body is read from text, from bytes and from what a framework has parsed', () => {
  const message = toStructured({ ...plain, data: { amount: 'ü' } })
  const bytes = new TextEncoder().encode(message.body)
  for (const body of [message.body, bytes, JSON.parse(message.body)]) assert.deepEqual(fromStructured(body).data, { amount: 'ü' })
  const binary = toBinary({ ...plain, data: { amount: 'ü' } })
  for (const body of ['{"amount":"ü"}', new TextEncoder().encode('{"amount":"ü"}'), { amount: 'ü' }]) {
    assert.deepEqual(fromBinary({ headers: new Headers(binary.headers), body }).data, { amount: 'ü' })
  }
})

test('a body that is not JSON, not an object or not a batch is refused', () => {
  for (const body of ['{', '[]', '5', 'null', new Uint8Array([255])]) assert.throws(() => fromStructured(body), { code: 'ES_VALIDATION' })
  for (const body of ['{}', '[1]', '["{}"]']) assert.throws(() => fromBatch(body), { code: 'ES_VALIDATION' })
})

test('the mode of a message is told by its content type', () => {
  const withData = { ...plain, datacontenttype: 'application/json', data: 1 }
  for (const message of [toStructured(withData), toBinary(withData), toBatch([withData])])
    assert.deepEqual(fromMessage(message), [withData])
  assert.deepEqual(fromMessage(toBatch([])), [])
  assert.throws(() => fromMessage({ headers: { 'Content-Type': 'application/cloudevents+avro' } }), /application\/cloudevents\+avro/)
})

test('a request of fetch carries each mode', async () => {
  const withData = { ...plain, datacontenttype: 'application/json', subject: 'ü ber', data: { a: [1, null] } }
  for (const message of [toStructured(withData), toBinary(withData), toBatch([withData])]) {
    const request = new Request('https://bank.example', { method: 'POST', ...message })
    assert.deepEqual(fromMessage({ headers: request.headers, body: await request.bytes() }), [withData])
  }
})

// What anybody may send: standard attributes now and then, extensions of every type, data of every kind.
const characters = fc.string({ unit: 'binary' }).filter((text) => !/\p{Cc}|\p{Cs}|\p{Noncharacter_Code_Point}/u.test(text))
const filled = characters.filter((text) => text.length > 0)
const names = fc.stringMatching(/^x[a-z0-9]{1,12}$/)
const json = fc.jsonValue({ stringUnit: 'binary' }).map((value) => JSON.parse(JSON.stringify(value)))
const times = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
  .chain((date) => fc.constantFrom(date.toISOString(), date.toISOString().replace('Z', '456+13:45'), date.toISOString().toLowerCase()))
const payloads = fc.oneof(
  fc.constant({}),
  fc.record({ data: json }),
  fc.record({ datacontenttype: fc.constantFrom('application/json', 'text/json; charset=utf-8', 'application/x+json'), data: json }),
  fc.record({ datacontenttype: fc.constantFrom('text/plain', 'application/xml; a="b c"'), data: fc.string({ unit: 'binary' }) }),
  fc.record({ datacontenttype: fc.constantFrom('image/png', 'text/plain'), data: fc.uint8Array() }),
)
const cloudEvents = (extension: fc.Arbitrary<unknown>): fc.Arbitrary<CloudEvent> =>
  fc
    .tuple(
      fc.record(
        {
          specversion: fc.constant('1.0' as const),
          id: filled,
          type: filled,
          source: filled.map((text) => `/${encodeURIComponent(text)}`),
          subject: filled,
          time: times,
          dataschema: fc.webUrl({ withFragments: true }),
        },
        { requiredKeys: ['specversion', 'id', 'type', 'source'] },
      ),
      payloads,
      fc.dictionary(names, extension, { maxKeys: 5 }),
    )
    .map(([attributes, payload, extensions]) => ({ ...attributes, ...payload, ...extensions }) as CloudEvent)
const values = fc.oneof(characters, fc.boolean(), fc.integer())

test('object → structured → object loses nothing', async (t) => {
  await check(
    t,
    fc.property(cloudEvents(values), (original) => assert.deepEqual(fromStructured(toStructured(original).body), original)),
  )
})

test('object → batch → object loses nothing', async (t) => {
  await check(
    t,
    fc.property(fc.array(cloudEvents(values)), (originals) => assert.deepEqual(fromBatch(toBatch(originals).body), originals)),
  )
})

test('object → binary → object loses nothing; JSON is then declared, and values of unknown extensions are text', async (t) => {
  await check(
    t,
    fc.property(cloudEvents(values), (original) => {
      const declared = original.data === undefined ? original : { datacontenttype: 'application/json', ...original }
      const asText = Object.entries(declared).map(([name, value]) => [name, name.startsWith('x') ? String(value) : value])
      const { headers, body } = toBinary(original)
      for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]*$/)
      assert.deepEqual(fromBinary({ headers: new Headers(headers), body }), Object.fromEntries(asText))
    }),
  )
})

test('whatever stands in a body is either an event or refused as not valid', async (t) => {
  await check(
    t,
    fc.property(fc.dictionary(fc.constantFrom('specversion', 'id', 'type', 'source', 'time', 'a', 'data'), fc.jsonValue()), (body) => {
      try {
        fromStructured(body)
      } catch (error) {
        assert.ok(error instanceof ValidationError)
      }
    }),
  )
})

// The cloudevents package is the reference; it neither percent-encodes nor decodes headers, so these stay with ASCII.
const published = toCloudEvent(deposited, {
  source: '/bank',
  dataschema: () => 'https://bank.example/v2',
  extensions: () => ({ channel: 'branch' }),
})

test('the cloudevents package reads each of our modes', () => {
  for (const message of [toStructured(published), toBinary(published)]) {
    const read = HTTP.toEvent<unknown>(message as never) as SdkEvent
    assert.ok(read.validate())
    for (const [name, value] of Object.entries(published)) {
      const isText = message.body === toBinary(published).body && typeof value === 'number'
      assert.deepEqual(read[name], isText ? String(value) : value, name)
    }
  }
  const batch = HTTP.toEvent(toBatch([published, { ...published, id: '2' }]) as never) as SdkEvent[]
  assert.deepEqual(
    batch.map(({ id, data }) => [id, data]),
    [
      [published.id, { amount: 5 }],
      ['2', { amount: 5 }],
    ],
  )
})

test('we read each mode of the cloudevents package', () => {
  const sent = new SdkEvent({ ...published } as never)
  const declared = { ...published, datacontenttype: 'application/json' }
  assert.deepEqual(fromMessage(HTTP.structured(sent) as never), [declared])
  assert.deepEqual(fromMessage(HTTP.binary(sent) as never), [declared])
  assert.deepEqual(fromBatch(JSON.stringify([sent, sent])), [declared, declared])
})

test('bytes travel to the cloudevents package and back', () => {
  const pdf: CloudEvent = {
    ...plain,
    time: '2030-01-31T09:30:00.000Z',
    datacontenttype: 'application/pdf',
    data: new Uint8Array([1, 2, 250]),
  }
  const sent = new SdkEvent({ ...pdf } as never)
  assert.deepEqual(fromMessage(HTTP.structured(sent) as never), [pdf])
  assert.deepEqual(fromMessage(HTTP.binary(sent) as never), [pdf])
  const read = HTTP.toEvent<Uint8Array>(toStructured(pdf) as never) as SdkEvent<Uint8Array>
  assert.deepEqual([...(read.data ?? [])], [1, 2, 250])
})
