/** Reading: an aggregate now or in the past, its history, the log, the rows of a view, the streams. */
import type { AnyAggregate } from '../../core/aggregate.ts'
import { type Duration, toCount, toMs } from '../../core/duration.ts'
import { ValidationError } from '../../core/errors.ts'
import type { AnyEventType } from '../../core/event.ts'
import { decodeEvent } from '../../core/event-codec.ts'
import type { ListStreamsOptions, ReadAllOptions, StreamInfo } from '../../core/event-store.ts'
import { correlationIdOf } from '../../core/metadata.ts'
import { matches } from '../../core/query.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import { assertStreamName, categoryOf, streamName } from '../../core/stream-name.ts'
import type { Engine } from '../engine.ts'
import { loadAggregate } from '../state/load-aggregate.ts'
import { copyOf } from '../state/state-codec.ts'
import type { WarmAggregates } from '../state/warm-aggregates.ts'
import { tellUpcast } from '../tell-upcast.ts'
import { withPatience } from '../timeout.ts'
import { oneByOne } from './one-by-one.ts'
import type { EventsBuffer } from './read-ahead.ts'

/** Which state of an aggregate is asked for. Default: now, confirmed against the store. */
export interface LoadOptions {
  /** As of this version. */
  readonly version?: number
  /** As of this time, by `recordedAt`. */
  readonly at?: Date
  /** What is warm, without asking the store; may be stale. */
  readonly cached?: boolean
  readonly timeout?: Duration
  readonly signal?: AbortSignal
}

/** A state and where it stands. */
export interface Loaded<S> {
  /** Yours to keep: it is not shared with anybody. */
  readonly state: S
  readonly version: number
  /** Whether the stream has any event. */
  readonly exists: boolean
}

/** Which part of a stream's history. */
export interface HistoryOptions {
  /** Only versions above. */
  readonly after?: number
  /** Only versions up to and including. */
  readonly to?: number
  readonly backwards?: boolean
  readonly limit?: number
}

/** Which events of the log. All filters must match. */
export interface EventsOptions<ET extends AnyEventType | string = AnyEventType | string> {
  /** Event types, as values or by name. */
  readonly types?: readonly ET[]
  /** All of them. */
  readonly tags?: readonly string[]
  readonly category?: string
  readonly stream?: string
  readonly correlationId?: string
  /** Only positions above; with `stream`, versions above. */
  readonly after?: number
  /** Only positions up to and including; with `stream`, versions. */
  readonly to?: number
  readonly backwards?: boolean
  readonly limit?: number
  /** Goes on with what is appended from now on, until the signal aborts. */
  readonly live?: boolean
  /** Reads ahead of a live consumer, and says what becomes of events when it cannot keep up. Default: nothing is read before it is asked for. */
  readonly buffer?: EventsBuffer
  readonly signal?: AbortSignal
}

/** A stream without its events. */
export interface StreamSummary {
  readonly stream: string
  readonly version: number
  readonly firstPosition: number
  readonly lastPosition: number
  readonly recordedAt: Date
}

/** Loads an aggregate for a caller. */
export async function loadFor(
  engine: Engine,
  warm: WarmAggregates,
  aggregate: AnyAggregate,
  tenant: string,
  id: string,
  { version, at, cached = false, timeout, signal }: LoadOptions,
): Promise<Loaded<unknown>> {
  const stream = streamName(aggregate.name, id)
  if (version !== undefined && at !== undefined) throw new ValidationError('load', ['as of a version or as of a time, not both'])
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0))
    throw new ValidationError('load', [`version must be a whole number from 0, not ${version}`])
  if (at !== undefined && Number.isNaN(at.getTime())) throw new ValidationError('load', ['at is not a valid date'])
  const timeoutMs = timeout === undefined ? undefined : toMs(timeout, 'timeout')
  return withPatience(() => load(), { timeoutMs, signal }, `load ${stream}`, engine.clock)

  async function load(): Promise<Loaded<unknown>> {
    if (version === undefined && at === undefined) {
      const known = warm.peek(tenant, stream)
      // A warm state is confirmed by the stream's version, unless the caller is content with a stale one.
      if (known && (cached || ((await engine.store.streamInfo(stream, tenant))?.version ?? 0) === known.version)) {
        const copy = copyOf(aggregate, known.state)
        if (copy) return { state: copy.value, version: known.version, exists: known.version > 0 }
      }
    }
    const loaded = await loadAggregate(engine, engine.store, aggregate, tenant, stream, { to: version, at: at?.getTime() })
    return { state: loaded.state, version: loaded.version, exists: loaded.version > 0 }
  }
}

/** The events of one stream. */
export function readHistory(
  engine: Engine,
  tenant: string,
  aggregate: AnyAggregate,
  id: string,
  options: HistoryOptions,
  ready: () => Promise<void>,
): AsyncIterable<RecordedEvent> {
  async function* pages() {
    await ready()
    if (options.limit !== undefined) toCount(options.limit, 'limit')
    yield* engine.store.readStream(streamName(aggregate.name, id), { ...options, tenant })
  }
  return oneByOne(pages(), (stored) => decode(engine, stored))
}

/** The log as a pull stream: nothing is read before it is asked for, so a slow reader holds up nobody. */
export function readEvents(
  engine: Engine,
  tenant: string,
  options: EventsOptions,
  ready: () => Promise<void>,
): AsyncIterable<RecordedEvent> {
  async function* pages() {
    await ready()
    yield* options.buffer ? aheadOf(engine, tenant, options, options.buffer) : eventPages(engine, tenant, options)
  }
  return oneByOne(pages(), (stored) => decode(engine, stored), options.signal)
}

async function* aheadOf(
  engine: Engine,
  tenant: string,
  options: EventsOptions,
  buffer: EventsBuffer,
): AsyncGenerator<readonly StoredEvent[]> {
  const { readAhead } = await import('./read-ahead.ts')
  yield* readAhead({
    engine,
    tenant,
    options,
    buffer,
    pagesOf: (pageSize, signal) => eventPages(engine, tenant, { ...options, pageSize, signal }),
  })
}

async function* eventPages(
  engine: Engine,
  tenant: string,
  options: EventsOptions & { readonly pageSize?: number },
): AsyncGenerator<readonly StoredEvent[]> {
  const { live = false, signal, limit } = options
  if (limit !== undefined) toCount(limit, 'limit')
  if (live && options.backwards) throw new ValidationError('events', ['live goes forwards: leave out backwards'])
  let after = options.after ?? 0
  let left = limit ?? Number.POSITIVE_INFINITY
  // Listening begins before reading, so that nothing falls between the last page and the first wake-up.
  const stopListening = new AbortController()
  const heard = AbortSignal.any(signal ? [signal, stopListening.signal] : [stopListening.signal])
  const wakeUps = live ? engine.store.changes(heard)[Symbol.asyncIterator]() : undefined
  try {
    for (;;) {
      for await (const page of pagesOf(engine, tenant, options, after, left)) {
        if (signal?.aborted) return
        yield page.events
        left -= page.events.length
        after = page.position
        if (left <= 0) return
      }
      if (!wakeUps || (await wakeUps.next()).done) return
    }
  } finally {
    stopListening.abort()
    await wakeUps?.return?.()
  }
}

async function* pagesOf(
  engine: Engine,
  tenant: string,
  options: EventsOptions & { readonly pageSize?: number },
  after: number,
  left: number,
) {
  const { types, tags, category, stream, correlationId, to, backwards, pageSize } = options
  const bounds = { tenant, after, ...(to === undefined ? {} : { to }), ...(backwards && { backwards }), ...(pageSize && { pageSize }) }
  const names = types?.map((type) => (typeof type === 'string' ? type : type.type))
  const item = { ...(names ? { types: names } : {}), ...(tags ? { tags } : {}) }
  if (stream !== undefined) {
    assertStreamName(stream)
    for await (const events of engine.store.readStream(stream, bounds)) {
      const matching = events.filter(
        (event) =>
          matches([item], event) &&
          (category === undefined || categoryOf(event.stream) === category) &&
          (correlationId === undefined || correlationIdOf(event.metadata) === correlationId),
      )
      yield { events: matching.slice(0, left), position: events.at(-1)?.version ?? after }
      left -= matching.length
      if (left <= 0) return
    }
    return
  }
  const filter: ReadAllOptions = {
    ...bounds,
    ...(names || tags ? { query: [item] } : {}),
    ...(category === undefined ? {} : { category }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(left === Number.POSITIVE_INFINITY ? {} : { limit: left }),
  }
  yield* engine.store.readAll(filter)
}

/** The streams of a tenant, by name. */
export async function listStreams(
  engine: Engine,
  tenant: string,
  options: Omit<ListStreamsOptions, 'tenant'>,
): Promise<readonly StreamSummary[]> {
  if (options.limit !== undefined) toCount(options.limit, 'limit')
  return (await engine.store.listStreams({ ...options, tenant })).map(toSummary)
}

/** One stream without its events. */
export async function findStream(engine: Engine, tenant: string, stream: string): Promise<StreamSummary | undefined> {
  assertStreamName(stream)
  const info = await engine.store.streamInfo(stream, tenant)
  return info && toSummary(info)
}

function toSummary({ stream, version, firstPosition, lastPosition, recordedAt }: StreamInfo): StreamSummary {
  return { stream, version, firstPosition, lastPosition, recordedAt: new Date(recordedAt) }
}

function decode(engine: Engine, stored: StoredEvent): RecordedEvent {
  const type = engine.definitions.eventTypes.get(stored.type)
  tellUpcast(engine.tell, type, stored)
  return decodeEvent(type, stored)
}
