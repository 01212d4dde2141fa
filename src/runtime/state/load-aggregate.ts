/** From a store to a state: the newest usable snapshot, then the events after it. */
import type { AnyAggregate } from '../../core/aggregate.ts'
import { DacapoError, type ErrorCode } from '../../core/errors.ts'
import { assertNext, decodeDecided, ownType } from '../../core/event-codec.ts'
import type { EventStore } from '../../core/event-store.ts'
import { step } from '../../core/fold.ts'
import { fromJson } from '../../core/json.ts'
import type { Metadata } from '../../core/metadata.ts'
import type { SnapshotStore, StoredSnapshot } from '../../core/snapshot-store.ts'
import type { Engine } from '../engine.ts'
import { tellUpcast } from '../tell-upcast.ts'
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

/** Whose events are folded, where they are read, and who is told. */
interface Replay {
  readonly tell: Engine['tell']
  readonly source: LoadSource
  readonly aggregate: AnyAggregate
  readonly tenant: string
  readonly stream: string
}

/**
 * Loads an aggregate.
 *
 * @throws UnknownEventError, CorruptStreamError, UpcastError, or what the store throws.
 */
export function loadAggregate(
  engine: Engine,
  source: LoadSource,
  aggregate: AnyAggregate,
  tenant: string,
  stream: string,
  bounds: LoadBounds = {},
): Promise<LoadedState> {
  const { tracing, store } = engine
  const load = () => loadFrom(engine, { tell: engine.tell, source, aggregate, tenant, stream }, bounds)
  return tracing ? tracing.around({ kind: 'load', store: store.name, tenant, stream }, load) : load()
}

async function loadFrom(engine: Engine, replay: Replay, bounds: LoadBounds): Promise<LoadedState> {
  const { aggregate, tenant, stream } = replay
  const startedAt = engine.clock.now()
  let loaded: LoadedState
  try {
    loaded = (await fromSnapshot(engine, replay, bounds)) ?? {
      ...(await fold(replay, { state: aggregate.initial(), version: 0 }, bounds)),
      snapshotVersion: undefined,
    }
  } catch (error) {
    if (DacapoError.is(error) && unreadable.has(error.code))
      engine.tell?.({ signal: 'aggregate.unreadable', tenant, stream, code: error.code, error })
    throw error
  }
  engine.counters.loads++
  const { version, snapshotVersion } = loaded
  const events = version - (snapshotVersion ?? 0)
  engine.tell?.({ signal: 'aggregate.init', tenant, stream, version, events, snapshotVersion, durationMs: engine.clock.now() - startedAt })
  return loaded
}

/** A gap, a type that the aggregate does not list, an upcaster that throws: no later attempt will do better. */
const unreadable: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ES_CORRUPT_STREAM', 'ES_UNKNOWN_EVENT', 'ES_UPCAST'])

/** `undefined` when no snapshot can be used; snapshots are a hint, so anything odd about one means a full fold. */
async function fromSnapshot(engine: Engine, replay: Replay, bounds: LoadBounds): Promise<LoadedState | undefined> {
  const { source, aggregate, tenant, stream } = replay
  // A snapshot does not know the time of its last event, so a load as of a time folds from the beginning.
  if (aggregate.snapshot === false || bounds.at !== undefined) return undefined
  const codec = stateCodecOf(aggregate)
  const snapshot = await source.snapshots.latest(tenant, stream, codec.fingerprint, bounds.to)
  if (!snapshot) return undefined
  const { version } = snapshot
  let state: unknown
  try {
    state = codec.decode(snapshot.body)
  } catch (error) {
    engine.tell?.({ signal: 'snapshot.failed', tenant, stream, version, error })
    discard(engine, replay, snapshot)
    return undefined
  }
  // One event early: when the snapshot's own last event is not there, the stream was restored to a time before it.
  const { overlaps, ...tail } = await fold(replay, { state, version }, bounds, 1)
  if (!overlaps) {
    discard(engine, replay, snapshot)
    return undefined
  }
  if (engine.random() * engine.settings.compareSnapshotOneIn < 1 && !(await equalsFullFold(replay, snapshot))) {
    engine.tell?.({ signal: 'snapshot.mismatch', tenant, stream, version })
    discard(engine, replay, snapshot)
    return undefined
  }
  engine.counters.snapshotsLoaded++
  engine.tell?.({ signal: 'snapshot.load', tenant, stream, version })
  engine.tell?.({ signal: 'aggregate.activate', tenant, stream, version: tail.version, from: 'snapshot' })
  return { ...tail, snapshotVersion: version }
}

/** Later, and past the source: a transaction that loads must not wait for a store that waits for the transaction. */
function discard(engine: Engine, { tenant, stream }: Replay, { version, fingerprint }: StoredSnapshot): void {
  engine.background.run(
    async () => void (await engine.store.snapshots.delete(tenant, stream, version, fingerprint)),
    (error) => engine.tell?.({ signal: 'snapshot.failed', tenant, stream, version, error }),
  )
}

async function equalsFullFold(replay: Replay, { version, body }: StoredSnapshot): Promise<boolean> {
  const codec = stateCodecOf(replay.aggregate)
  const full = await fold({ ...replay, tell: undefined }, { state: replay.aggregate.initial(), version: 0 }, { to: version })
  // Through the codec once more: a restored state may order its members differently than the text that was saved.
  return codec.encode(full.state) === codec.encode(codec.decode(body))
}

/** Folds the events behind a state. Reading may overlap with what the state has seen already: `overlaps` tells if it did. */
async function fold(
  { source, aggregate, tenant, stream, tell }: Replay,
  start: { readonly state: unknown; readonly version: number },
  { to, at }: LoadBounds,
  overlap = 0,
): Promise<{ readonly state: unknown; readonly version: number; readonly overlaps: boolean }> {
  const types = typesOf(aggregate)
  let { state, version } = start
  let overlaps = false
  const range = { tenant, after: start.version - overlap, ...(to === undefined ? {} : { to }) }
  for await (const page of source.readStream(stream, range)) {
    for (const stored of page) {
      if (stored.version <= start.version) {
        overlaps = true
        continue
      }
      if (at !== undefined && stored.recordedAt > at) return { state, version, overlaps }
      assertNext(stored, version)
      const type = ownType(types, stored, aggregate.name)
      tellUpcast(tell, type, stored)
      state = step(aggregate.evolve, state, decodeDecided(type, stored, fromJson(stored.metadata) as Metadata))
      version = stored.version
    }
  }
  return { state, version, overlaps }
}
