/** Accepts or refuses one request: the reference for the order of the checks. */
import { UnsupportedError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult, RememberedOutcome } from '../../core/event-store.ts'
import { type AppendFacts, knownEvents, refusalOf, timeOf } from '../../core/judge-append.ts'
import { type StoredEvent, storedAt } from '../../core/stored-event.ts'
import type { Layer } from './layer.ts'
import type { ViewRegistry } from './view-registry.ts'

/** Writes a request into a layer, or says why not; a refused one leaves the layer as it was. */
export function accept(layer: Layer, registry: ViewRegistry, request: AppendRequest, now: number): AppendResult {
  const { tenant = '', stream, events, idempotency, views = [], statements = [] } = request
  const entry = idempotency && remembered(layer, tenant, idempotency.key, now)
  if (entry) return { kind: 'remembered', entry }
  const facts = factsOf(layer, registry, now)
  const known = knownEvents(request, facts)
  if (known) return known
  const error = refusalOf(request, facts)
  if (error) return { kind: 'refused', error }
  if (statements.length > 0) {
    return { kind: 'refused', error: new UnsupportedError('The memory store runs no SQL statements: table projections need an SQL store.') }
  }

  const before = layer.version(tenant, stream)
  const recordedAt = timeOf(request, facts)
  const written = events.map((event, i): StoredEvent => {
    const stored = storedAt(event, { tenant, stream, version: before + 1 + i, position: layer.head + 1 + i, recordedAt })
    Object.freeze(stored.tags)
    return Object.freeze(stored)
  })
  // From here on nothing can fail, so that a request is written as a whole.
  for (const event of written) layer.add(event)
  for (const { view, key, row } of views)
    layer.setRow({ tenant, view, key, row, rowVersion: (layer.row(tenant, view, key)?.rowVersion ?? 0) + 1 })
  const version = before + written.length
  if (idempotency) {
    const { key, hash, outcome, expiresAt } = idempotency
    const versions = written.length > 0 ? { firstVersion: before + 1, lastVersion: version } : { firstVersion: 0, lastVersion: 0 }
    layer.remember(tenant, key, { hash, outcome, stream, ...versions, expiresAt })
  }
  return { kind: 'appended', version, events: Object.freeze(written) }
}

/** The outcome kept under a key, unless it has expired. */
export function remembered(layer: Layer, tenant: string, key: string, now: number): RememberedOutcome | undefined {
  const kept = layer.outcome(tenant, key)
  if (!kept || kept.expiresAt < now) return undefined
  const { hash, outcome, stream, firstVersion, lastVersion } = kept
  return { hash, outcome, stream, firstVersion, lastVersion }
}

function factsOf(layer: Layer, registry: ViewRegistry, now: number): AppendFacts {
  return {
    now,
    recordedAt: layer.newest?.recordedAt ?? 0,
    version: (tenant, stream) => layer.version(tenant, stream),
    eventById: (tenant, id) => layer.eventById(tenant, id),
    viewEpoch: () => registry.epoch,
    rowVersion: (tenant, view, key) => layer.row(tenant, view, key)?.rowVersion ?? 0,
    firstMatch: (tenant, query, after) => layer.unseen(tenant, query, after)?.position,
  }
}
