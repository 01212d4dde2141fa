/** Holds what a store tells against what the model has. */
import assert from 'node:assert/strict'
import type { EventStore, ReadAllOptions, StoreTransaction, StreamInfo } from '../../../src/core/event-store.ts'
import type { StoredEvent } from '../../../src/core/stored-event.ts'
import { categoryOf, isMatch, type ModelEvent, type ModelStore } from './model-store.ts'
import { outcomeKeys, rowKeys, streamNames, tenantNames, viewNames } from './random-requests.ts'
import type { ListStreams, Look, Range, ReadLog, ReadStream } from './store-steps.ts'

type Reader = EventStore | StoreTransaction

/** The events of a stream, in pages that are not too large. */
export async function assertSameStream(reader: Reader, model: ModelStore, { kind: _, stream, ...options }: ReadStream): Promise<void> {
  const events: StoredEvent[] = []
  for await (const page of reader.readStream(stream, options)) {
    assertSize(page, options)
    events.push(...page)
  }
  const { after = 0, to = Number.POSITIVE_INFINITY } = options
  const inRange = model.stream(options.tenant, stream).filter(({ version }) => version > after && version <= to)
  assert.deepEqual(events, inOrder(inRange, options))
}

/** The events of the log; and each page has exactly what matches between the position of the one before it and its own. */
export async function assertSameLog(reader: Reader, model: ModelStore, { kind: _, ...wish }: ReadLog): Promise<void> {
  const { log } = model.kept
  const head = log.at(-1)?.position ?? 0
  const positionOf = (count: number) => (count === 0 ? 0 : (log[count - 1]?.position ?? head + count))
  const options = {
    ...wish,
    ...(wish.after === undefined ? {} : { after: positionOf(wish.after) }),
    ...(wish.to === undefined ? {} : { to: positionOf(wish.to) }),
  }
  const { after = 0, to = head, backwards = false, limit = Number.POSITIVE_INFINITY } = options
  const matching = log.filter((event) => isAskedFor(event, options))
  const last = Math.min(to, head)

  const events: StoredEvent[] = []
  let looked = backwards ? last + 1 : after
  for await (const page of reader.readAll(options)) {
    assertSize(page.events, options)
    const [low, high] = backwards ? [page.position, looked - 1] : [looked + 1, page.position]
    assert.ok(after < low && low <= high && high <= last, `a page looks further, but not too far: from ${low} to ${high}`)
    const within = matching.filter(({ position }) => position >= low && position <= high)
    assert.deepEqual(page.events, backwards ? within.toReversed() : within)
    events.push(...page.events)
    looked = page.position
  }
  assert.ok(events.length <= limit)
  if (events.length < limit && after < last) assert.equal(looked, backwards ? after + 1 : last, 'it has looked at everything')
}

/** One of everything that can be asked for by name. */
export async function assertSameLook(reader: Reader, model: ModelStore, look: Look, now: number): Promise<void> {
  const { tenant, stream, outcome, view, key, fingerprint, to } = look
  assert.deepEqual(await reader.streamInfo(stream, tenant), infoOf(model, tenant, stream))
  assert.deepEqual(await reader.remembered(tenant, outcome), model.remembered(tenant, outcome, now))
  assert.deepEqual(await reader.views.get(tenant, view, key), model.row(tenant, view, key))
  assert.deepEqual(await reader.snapshots.latest(tenant, stream, fingerprint, to), model.latestSnapshot(tenant, stream, fingerprint, to))
}

/** The streams of a tenant by name; the names that programs use sort alike in every way. */
export async function assertSameList(store: EventStore, model: ModelStore, { kind: _, ...options }: ListStreams): Promise<void> {
  const { tenant, category, search = '', after = '', limit = 100 } = options
  const expected = streamNames
    .toSorted()
    .filter((stream) => stream > after && stream.includes(search) && (category === undefined || categoryOf(stream) === category))
    .flatMap((stream) => infoOf(model, tenant, stream) ?? [])
    .slice(0, limit)
  assert.deepEqual(await store.listStreams(options), expected)
}

/** Everything that there is. */
export async function assertSameContents(store: EventStore, model: ModelStore, now: number): Promise<void> {
  const { log } = model.kept
  assert.equal(await store.head(), log.at(-1)?.position ?? 0)
  await assertSameLog(store, model, { kind: 'readLog' })
  const types = (await store.eventTypes()).map(({ category, type, schemaVersion }) => `${category} ${type} ${schemaVersion}`)
  assert.deepEqual(types.toSorted(), typesOf(log))
  const defined = (await store.views.defined()).map(({ view, fingerprint }) => [view, fingerprint])
  assert.deepEqual(defined.toSorted(), [...model.kept.views].toSorted())
  for (const tenant of tenantNames) {
    await assertSameList(store, model, { kind: 'listStreams', tenant })
    for (const stream of streamNames) {
      await assertSameStream(store, model, { kind: 'readStream', tenant, stream })
      assert.deepEqual(await store.snapshots.list(tenant, stream), model.snapshots(tenant, stream))
    }
    for (const key of outcomeKeys) assert.deepEqual(await store.remembered(tenant, key), model.remembered(tenant, key, now))
    for (const view of viewNames) {
      for (const key of rowKeys) assert.deepEqual(await store.views.get(tenant, view, key), model.row(tenant, view, key))
      const rows = await store.views.list(tenant, { view, indexes: {}, fingerprint: 'any' }, allRows)
      assert.deepEqual(rows, rowsOf(model, tenant, view))
    }
  }
}

const allRows = { where: [], orderBy: undefined, descending: false, limit: 100, after: undefined }

/** Those that are not deleted, by key. */
function rowsOf(model: ModelStore, tenant: string, view: string): readonly unknown[] {
  return rowKeys.flatMap((key) => {
    const found = model.row(tenant, view, key)
    return found && found.row !== null ? [{ key, ...found }] : []
  })
}

function infoOf(model: ModelStore, tenant: string, stream: string): StreamInfo | undefined {
  const events = model.stream(tenant, stream)
  const [first, last] = [events.at(0), events.at(-1)]
  if (!first || !last) return undefined
  return { tenant, stream, version: events.length, firstPosition: first.position, lastPosition: last.position, recordedAt: last.recordedAt }
}

function isAskedFor(
  event: ModelEvent,
  { tenant, category, correlationId, query = [], after = 0, to = Number.POSITIVE_INFINITY }: ReadAllOptions,
): boolean {
  if (event.position <= after || event.position > to) return false
  if (tenant !== undefined && event.tenant !== tenant) return false
  if (category !== undefined && categoryOf(event.stream) !== category) return false
  return isMatch(query, event) && (correlationId === undefined || JSON.parse(event.metadata).correlationId === correlationId)
}

function inOrder<T>(found: readonly T[], { backwards = false, limit }: Range): readonly T[] {
  return (backwards ? found.toReversed() : found).slice(0, limit)
}

function assertSize(page: readonly StoredEvent[], { pageSize = 1000 }: Range): void {
  assert.ok(page.length <= pageSize, `a page of ${page.length} events, asked for ${pageSize}`)
}

/** By category and name, with the highest schema version. */
function typesOf(log: readonly ModelEvent[]): readonly string[] {
  const highest = new Map<string, number>()
  for (const { stream, type, schemaVersion } of log) {
    const name = `${categoryOf(stream)} ${type}`
    highest.set(name, Math.max(highest.get(name) ?? 0, schemaVersion))
  }
  return [...highest].map(([name, schemaVersion]) => `${name} ${schemaVersion}`).sort()
}
