/** From a store to a state: the newest usable snapshot, then the events after it. */
import type { AnyAggregate } from '../core/aggregate.ts'
import { assertNext, decodeDecided, ownType } from '../core/event-codec.ts'
import type { EventStore } from '../core/event-store.ts'
import { step } from '../core/fold.ts'
import { fromJson } from '../core/json.ts'
import type { Metadata } from '../core/metadata.ts'
import type { SnapshotStore, StoredSnapshot } from '../core/snapshot-store.ts'
import type { StoredEvent } from '../core/stored-event.ts'
import type { Engine } from './engine.ts'
import { stateCodecOf } from './state-codec.ts'
import { typesOf } from './types-of.ts'

/** What is needed of a store, or of a transaction, to load from it. */
export interface LoadSource {
  readStream: EventStore['readStream']
  readonly snapshots: Pick<SnapshotStore, 'latest'>
}

/** A state and where it stands. */
export interface LoadedState {
  readonly state: unknown
  /** 0: the stream does not exist. */
  readonly version: number
  /** The snapshot it was built on. */
  readonly snapshotVersion: number | undefined
}

/** Up to where to load: everything, a version, or a time in milliseconds since 1970. */
export interface LoadBounds {
  readonly to?: number | undefined
  readonly at?: number | undefined
}

/**
 * Loads an aggregate.
 *
 * @throws UnknownEventError, CorruptStreamError, UpcastError, or what the store throws.
 */
export async function loadAggregate(
  engine: Engine,
  source: LoadSource,
  aggregate: AnyAggregate,
  tenant: string,
  stream: string,
  bounds: LoadBounds = {},
): Promise<LoadedState> {
  const startedAt = engine.clock.now()
  const loaded = (await fromSnapshot(engine, source, aggregate, tenant, stream, bounds)) ?? {
    ...(await foldFrom(source, aggregate, tenant, stream, 0, aggregate.initial(), bounds)),
    snapshotVersion: undefined,
  }
  engine.counters.loads++
  const { version, snapshotVersion } = loaded
  const events = version - (snapshotVersion ?? 0)
  engine.tell?.({ signal: 'aggregate.init', tenant, stream, version, events, snapshotVersion, durationMs: engine.clock.now() - startedAt })
  return loaded
}

/** `undefined` when no snapshot can be used; snapshots are a hint, so anything odd about one means a full fold. */
async function fromSnapshot(
  engine: Engine,
  source: LoadSource,
  aggregate: AnyAggregate,
  tenant: string,
  stream: string,
  bounds: LoadBounds,
): Promise<LoadedState | undefined> {
  // A snapshot does not know the time of its last event, so a load as of a time folds from the beginning.
  if (aggregate.snapshot === false || bounds.at !== undefined) return undefined
  const codec = stateCodecOf(aggregate)
  const snapshot = await source.snapshots.latest(tenant, stream, codec.fingerprint, bounds.to)
  if (!snapshot) return undefined
  // Reading starts one event early: when the snapshot's own event is not there, the stream was restored to before it.
  const tail = await foldFrom(source, aggregate, tenant, stream, snapshot.version, codec.decode(snapshot.body), bounds, true)
  if (!tail) {
    await engine.store.snapshots.delete(tenant, stream, snapshot.version)
    return undefined
  }
  engine.counters.snapshotsLoaded++
  engine.tell?.({ signal: 'snapshot.load', tenant, stream, version: snapshot.version })
  engine.tell?.({ signal: 'aggregate.activate', tenant, stream, version: tail.version, from: 'snapshot' })
  if (engine.random() * engine.settings.compareSnapshotOneIn < 1) {
    const truth = await agreesWithFullFold(source, aggregate, tenant, stream, snapshot)
    if (!truth) {
      engine.tell?.({ signal: 'snapshot.mismatch', tenant, stream, version: snapshot.version })
      await engine.store.snapshots.delete(tenant, stream, snapshot.version)
      return undefined
    }
  }
  return { ...tail, snapshotVersion: snapshot.version }
}

async function agreesWithFullFold(
  source: LoadSource,
  aggregate: AnyAggregate,
  tenant: string,
  stream: string,
  snapshot: StoredSnapshot,
): Promise<boolean> {
  const codec = stateCodecOf(aggregate)
  const full = await foldFrom(source, aggregate, tenant, stream, 0, aggregate.initial(), { to: snapshot.version })
  // Through the codec once more: a restored state may order its members differently than the text that was saved.
  return codec.encode(full.state) === codec.encode(codec.decode(snapshot.body))
}

/** Folds the events after a version. With `proveStart`, `undefined` when the event at that version is not there. */
async function foldFrom(
  source: LoadSource,
  aggregate: AnyAggregate,
  tenant: string,
  stream: string,
  after: number,
  start: unknown,
  bounds: LoadBounds,
): Promise<{ state: unknown; version: number }>
async function foldFrom(
  source: LoadSource,
  aggregate: AnyAggregate,
  tenant: string,
  stream: string,
  after: number,
  start: unknown,
  bounds: LoadBounds,
  proveStart: true,
): Promise<{ state: unknown; version: number } | undefined>
async function foldFrom(
  source: LoadSource,
  aggregate: AnyAggregate,
  tenant: string,
  stream: string,
  after: number,
  start: unknown,
  { to, at }: LoadBounds,
  proveStart = false,
): Promise<{ state: unknown; version: number } | undefined> {
  const types = typesOf(aggregate)
  let state = start
  let version = after
  let proven = !proveStart
  const options = { tenant, after: proveStart ? after - 1 : after, ...(to === undefined ? {} : { to }) }
  for await (const page of source.readStream(stream, options)) {
    for (const stored of page) {
      if (!proven) {
        if (stored.version !== after) return undefined
        proven = true
        continue
      }
      if (at !== undefined && stored.recordedAt > at) return { state, version }
      assertNext(stored, version)
      state = fold(aggregate, state, stored, types)
      version = stored.version
    }
  }
  return proven ? { state, version } : undefined
}

function fold(aggregate: AnyAggregate, state: unknown, stored: StoredEvent, types: ReturnType<typeof typesOf>): unknown {
  const type = ownType(types, stored, aggregate.name)
  return step(aggregate.evolve, state, decodeDecided(type, stored, fromJson(stored.metadata) as Metadata))
}
