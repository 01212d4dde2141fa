/**
 * Events as CloudEvents 1.0 and back, in the three forms of HTTP: structured, binary and batch.
 *
 * What an event carries for Dacapo alone (who asked, the command, tags, your own metadata) stays at home unless
 * `extensions` publishes it. Attributes are checked both ways; what is unknown is kept.
 *
 * @see https://github.com/cloudevents/spec/tree/v1.0.2/cloudevents
 */
import { type Attribute, attributesOf, largestInteger, standardNames } from './cloud-event/attributes.ts'
import { fromBase64, toBase64 } from './cloud-event/base64.ts'
import { encodeData, invalid, isEmpty, isJson, parsed } from './cloud-event/data.ts'
import { fromHeaderValue, toHeaderValue } from './cloud-event/header-value.ts'
import { isTimestamp, momentOf } from './cloud-event/timestamp.ts'
import { ValidationError } from './errors.ts'
import type { AnyEventType } from './event.ts'
import type { RecordedEvent } from './recorded-event.ts'

/** A CloudEvent: its attributes and its data side by side, as in the JSON format. */
export interface CloudEvent {
  readonly specversion: '1.0'
  readonly id: string
  /** Where it comes from, a URI reference such as `/bank`; unique together with the id. */
  readonly source: string
  readonly type: string
  readonly subject?: string
  /** RFC 3339, as it was written: microseconds survive. */
  readonly time?: string
  /** Absent: JSON. */
  readonly datacontenttype?: string
  /** An absolute URI. */
  readonly dataschema?: string
  /** A JSON value, or text or bytes (`Uint8Array`) of the declared type. */
  readonly data?: unknown
  /** Extensions: lower-case letters and digits; text, a whole number of 32 bits, or a boolean. */
  readonly [extension: string]: unknown
}

/** How an event is published. */
export interface CloudEventOptions {
  /** A URI reference such as `/bank`, or one per event: `({ tenant }) => '/bank/' + encodeURIComponent(tenant)`. */
  readonly source: string | ((event: RecordedEvent) => string)
  /** Definitions: their codecs encode the data, and `schemaversion` is the one that the data was brought to. */
  readonly events?: readonly AnyEventType[]
  /** An absolute URI; let it contain the schema version. */
  readonly dataschema?: (event: RecordedEvent) => string | undefined
  /** More attributes, e.g. from `event.metadata`. Names that are taken are refused. */
  readonly extensions?: (event: RecordedEvent) => Readonly<Record<string, unknown>>
}

/** What a CloudEvent says, in the words of Dacapo. */
export interface ReceivedEvent {
  readonly id: string
  readonly source: string
  readonly type: string
  /** As it was sent: `MoneyDeposited.read(data, schemaVersion)` brings it to the current schema version. */
  readonly data: unknown
  /** Absent: JSON. */
  readonly contentType?: string
  readonly dataSchema?: string
  readonly subject?: string
  /** When it was recorded, to the millisecond. */
  readonly time?: Date
  readonly occurredAt?: Date
  /** `''` when it has none. */
  readonly tenant: string
  /** Stream, version and position are there when the sender was Dacapo. */
  readonly stream?: string
  readonly version?: number
  readonly position?: number
  /** 1 when it does not say. */
  readonly schemaVersion: number
  readonly metadata: {
    readonly correlationId?: string
    readonly causationId?: string
    readonly traceparent?: string
    readonly tracestate?: string
  }
  /** Every other attribute, as it came. */
  readonly extensions: Readonly<Record<string, string | number | boolean>>
}

/** A message to send; `fetch(url, { method: 'POST', ...message })` does. */
export interface CloudEventMessage<B = string | Uint8Array<ArrayBuffer>> {
  readonly headers: Readonly<Record<string, string>>
  /** Absent when there is no data. */
  readonly body?: B
}

/** Headers as `fetch`, Node or a framework has them; names in any case. */
export type MessageHeaders = Iterable<readonly [string, string]> | Readonly<Record<string, string | readonly string[] | undefined>>

const structuredType = 'application/cloudevents+json'
const batchType = 'application/cloudevents-batch+json'
const ownNames = [
  'sequence',
  'partitionkey',
  'streamversion',
  'schemaversion',
  'occurredat',
  'tenant',
  'correlationid',
  'causationid',
  'traceparent',
  'tracestate',
]
/** Headers are text; these are numbers. */
const ownNumbers = ['streamversion', 'schemaversion']

/**
 * A recorded event as a CloudEvent.
 *
 * `subject` is the aggregate's id, `time` is `recordedAt`. Extensions: `sequence` (the position in 16 digits, so that text
 * sorts as numbers do; there is no `sequencetype`, because `Integer` would promise that no number is left out),
 * `partitionkey` (the stream), `streamversion`, `schemaversion`, `correlationid`, `causationid`, and where there is one
 * `tenant`, `occurredat`, `traceparent`, `tracestate`.
 *
 * @throws ValidationError (`ES_VALIDATION`) an attribute that CloudEvents does not allow, or an extension whose name is taken.
 * @example
 * const message = toStructured(toCloudEvent(event, { source: '/bank' }))
 */
export function toCloudEvent(event: RecordedEvent, { source, events = [], dataschema, extensions }: CloudEventOptions): CloudEvent {
  const type = events.find((candidate) => candidate.type === event.type)
  const codec = type?.['~versions'][type.schemaVersion - 1]?.codec
  const described = type ? { ...event, schemaVersion: type.schemaVersion } : event
  const { metadata, occurredAt } = event
  const attributes = attributesOf({
    specversion: '1.0',
    id: event.id,
    source: typeof source === 'function' ? source(described) : source,
    type: event.type,
    subject: event.subject,
    time: event.recordedAt.toISOString(),
    datacontenttype: 'application/json',
    dataschema: dataschema?.(described),
    sequence: String(event.position).padStart(16, '0'),
    partitionkey: event.stream,
    streamversion: event.version,
    schemaversion: described.schemaVersion,
    occurredat: occurredAt?.toISOString(),
    tenant: event.tenant || undefined,
    correlationid: metadata.correlationId,
    causationid: metadata.causationId,
    traceparent: metadata.traceparent,
    tracestate: metadata.tracestate,
    ...freeNames(extensions?.(described) ?? {}),
  })
  return { ...attributes, data: codec ? codec.encode(event.data) : event.data } as never
}

/**
 * What a CloudEvent says, in the words of Dacapo; nothing is lost, what it does not know is in `extensions`.
 *
 * @throws ValidationError (`ES_VALIDATION`) with the name of each attribute that CloudEvents does not allow.
 */
export function fromCloudEvent(event: CloudEvent): ReceivedEvent {
  const {
    specversion: _,
    id,
    source,
    type,
    subject,
    time,
    datacontenttype,
    dataschema,
    ...rest
  } = attributesOf(event) as Record<string, any>
  const take = <T>(name: string, fits: (value: Attribute) => boolean, read: (value: any) => T): T | undefined => {
    if (rest[name] === undefined || !fits(rest[name])) return undefined
    const value = read(rest[name])
    delete rest[name]
    return value
  }
  const text = (name: string) => take(name, isText, String)
  const fromDacapo = isPosition(rest.sequence) && isCount(rest.streamversion) && isText(rest.partitionkey)
  return {
    id,
    source,
    type,
    data: event.data,
    tenant: text('tenant') ?? '',
    schemaVersion: take('schemaversion', isCount, Number) ?? 1,
    ...present({
      contentType: datacontenttype,
      dataSchema: dataschema,
      subject,
      time: time && momentOf(time),
      occurredAt: take('occurredat', (value) => isText(value) && isTimestamp(value as string), momentOf),
      stream: fromDacapo ? text('partitionkey') : undefined,
      version: fromDacapo ? take('streamversion', isCount, Number) : undefined,
      position: fromDacapo ? take('sequence', isPosition, Number) : undefined,
    }),
    metadata: present({
      correlationId: text('correlationid'),
      causationId: text('causationid'),
      traceparent: text('traceparent'),
      tracestate: text('tracestate'),
    }),
    extensions: rest,
  }
}

/**
 * Structured mode: one JSON document with everything in it.
 *
 * @throws ValidationError (`ES_VALIDATION`), SerializationError (`ES_SERIALIZATION`) for data that JSON cannot keep.
 */
export function toStructured(event: CloudEvent): Required<CloudEventMessage<string>> {
  return { headers: { 'content-type': `${structuredType}; charset=utf-8` }, body: documentOf(event) }
}

/**
 * Reads structured mode, from its text, its bytes, or the object that a framework has made of them.
 *
 * @throws ValidationError (`ES_VALIDATION`)
 */
export function fromStructured(body: unknown): CloudEvent {
  return fromDocument(parsed(body))
}

/**
 * Batch mode: several events in one JSON document. Send it only to who has asked for batches.
 *
 * @throws ValidationError (`ES_VALIDATION`), SerializationError (`ES_SERIALIZATION`)
 */
export function toBatch(events: readonly CloudEvent[]): Required<CloudEventMessage<string>> {
  return { headers: { 'content-type': `${batchType}; charset=utf-8` }, body: `[${events.map(documentOf).join(',')}]` }
}

/**
 * Reads batch mode; the batch may be empty.
 *
 * @throws ValidationError (`ES_VALIDATION`) when one event is not valid: none is returned.
 */
export function fromBatch(body: unknown): CloudEvent[] {
  const documents = parsed(body)
  if (!Array.isArray(documents)) throw invalid('it is not a JSON array, as a batch must be')
  return documents.map(fromDocument)
}

/**
 * Binary mode: attributes in `ce-` headers, the data alone in the body.
 *
 * Headers are text: whole numbers and booleans arrive as such, except those that Dacapo itself sends.
 *
 * @throws ValidationError (`ES_VALIDATION`), SerializationError (`ES_SERIALIZATION`)
 */
export function toBinary(event: CloudEvent): CloudEventMessage {
  const { datacontenttype, ...attributes } = attributesOf(event)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(attributes)) headers[`ce-${name}`] = toHeaderValue(String(value))
  const { data } = event
  const mediaType = datacontenttype ?? (data instanceof Uint8Array ? 'application/octet-stream' : 'application/json')
  if (data !== undefined || datacontenttype !== undefined) headers['content-type'] = String(mediaType)
  if (data === undefined) return { headers }
  return { headers, body: data instanceof Uint8Array ? (data as Uint8Array<ArrayBuffer>) : encodeData(data, mediaType, event.type) }
}

/**
 * Reads binary mode. JSON is parsed; other data stays what the body was given as, text or bytes.
 *
 * @throws ValidationError (`ES_VALIDATION`)
 */
export function fromBinary(message: { readonly headers: MessageHeaders; readonly body?: unknown }): CloudEvent {
  const members: Record<string, unknown> = Object.create(null)
  for (const [header, value] of entriesOf(message.headers)) {
    if (header === 'content-type') members.datacontenttype = value
    if (!header.startsWith('ce-')) continue
    const name = header.slice(3)
    if (name === 'data' || name === 'datacontenttype') throw invalid('must not be in a ce- header', name)
    if (name in members) throw invalid('is there more than once', name)
    const text = fromHeaderValue(value)
    if (text === undefined) throw invalid('is not UTF-8 behind its percent-encoding', name)
    members[name] = ownNumbers.includes(name) && isCount(text) ? Number(text) : text
  }
  const attributes = attributesOf(members)
  const { body } = message
  if (attributes.datacontenttype === undefined || !isJson(attributes.datacontenttype)) return withData(attributes, body ?? undefined)
  return withData(attributes, isEmpty(body) ? undefined : parsed(body, 'data'))
}

/**
 * Reads a message in whichever mode its headers say; only a batch has another number of events than one.
 *
 * @throws ValidationError (`ES_VALIDATION`) also when it is no CloudEvent at all.
 */
export function fromMessage(message: { readonly headers: MessageHeaders; readonly body?: unknown }): CloudEvent[] {
  const contentType = entriesOf(message.headers).find(([header]) => header === 'content-type')?.[1] ?? ''
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType === batchType) return fromBatch(message.body)
  if (mediaType === structuredType) return [fromStructured(message.body)]
  if (mediaType?.startsWith('application/cloudevents')) throw invalid(`only the JSON format can be read, not ${mediaType}`)
  return [fromBinary(message)]
}

/** The JSON format. The data is encoded once, by the gate that refuses what JSON cannot keep. */
function documentOf(event: CloudEvent): string {
  const attributes = attributesOf(event)
  const { data, datacontenttype } = event
  if (data === undefined) return JSON.stringify(attributes)
  if (data instanceof Uint8Array) return JSON.stringify({ ...attributes, data_base64: toBase64(data) })
  const text = encodeData(data, datacontenttype, event.type)
  return `${JSON.stringify(attributes).slice(0, -1)},"data":${isJson(datacontenttype) ? text : JSON.stringify(text)}}`
}

function fromDocument(document: unknown): CloudEvent {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw invalid('it is not a JSON object')
  const { data_base64: encoded = null, ...members } = document as Record<string, unknown>
  const attributes = attributesOf(members)
  const { data } = members
  if (encoded === null) {
    if (data !== undefined && !isJson(attributes.datacontenttype)) encodeData(data, attributes.datacontenttype, String(attributes.type))
    return withData(attributes, data)
  }
  if (data !== undefined) throw invalid('is there twice, as data and as data_base64', 'data')
  const bytes = typeof encoded === 'string' ? fromBase64(encoded) : undefined
  if (!bytes) throw invalid('must be base64', 'data_base64')
  return withData(attributes, bytes)
}

function entriesOf(headers: MessageHeaders): (readonly [header: string, value: string])[] {
  const entries: Iterable<readonly [string, string | readonly string[] | undefined]> =
    Symbol.iterator in headers ? (headers as Iterable<readonly [string, string]>) : Object.entries(headers)
  return [...entries].flatMap(([header, value]) => [value ?? []].flat().map((one) => [header.toLowerCase(), String(one)] as const))
}

function freeNames(extensions: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const taken = Object.keys(extensions).filter((name) => standardNames.has(name) || ownNames.includes(name))
  if (taken.length === 0) return extensions
  throw new ValidationError(
    'A CloudEvent',
    taken.map((name) => ({ message: 'is a name that is taken: give the extension another one', path: [name] })),
  )
}

function withData(attributes: Readonly<Record<string, Attribute>>, data: unknown): CloudEvent {
  return (data === undefined ? attributes : { ...attributes, data }) as never
}

/** Without the members that are undefined. */
function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isPosition = (value: unknown): boolean =>
  isText(value) && /^\d{1,16}$/.test(value as string) && isWithin(value, Number.MAX_SAFE_INTEGER)
const isCount = (value: unknown): boolean => /^\d{1,10}$/.test(String(value)) && isWithin(value, largestInteger)
const isWithin = (value: unknown, largest: number): boolean => Number(value) >= 1 && Number(value) <= largest
