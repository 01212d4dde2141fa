/** Taking snapshots: in the background, never in the way of a command. */
import type { AnyAggregate } from '../../core/aggregate.ts'
import { DefinitionError } from '../../core/errors.ts'
import { streamName } from '../../core/stream-name.ts'
import type { Engine } from '../engine.ts'
import { loadAggregate } from './load-aggregate.ts'
import { stateCodecOf } from './state-codec.ts'

/** A state that is worth keeping. */
export interface SnapshotTarget {
  readonly aggregate: AnyAggregate
  readonly tenant: string
  readonly stream: string
}

/** What is known of a snapshot. */
export interface SnapshotInfo {
  readonly version: number
  readonly takenAt: Date
  /** Whether the running build can use it. */
  readonly current: boolean
}

/** Snapshots of one aggregate instance, by hand. */
export interface Snapshots {
  /** The newest one, of any build. */
  latest(): Promise<SnapshotInfo | undefined>
  list(): Promise<readonly SnapshotInfo[]>
  /** Takes one now; `undefined` when there is nothing to keep. @throws SerializationError a state that is not JSON. */
  take(): Promise<SnapshotInfo | undefined>
  /** Deletes one version, or all; returns how many. */
  delete(version?: number): Promise<number>
}

/** How often an aggregate wants one, and how many are kept; `undefined`: never. */
export function snapshotPolicyOf(
  { settings }: Pick<Engine, 'settings'>,
  aggregate: AnyAggregate,
): { everyEvents: number; keep: number } | undefined {
  if (aggregate.snapshot === false) return undefined
  const base = settings.snapshot || (aggregate.snapshot ? { everyEvents: 100, keep: 1 } : undefined)
  return base && { everyEvents: aggregate.snapshot?.everyEvents ?? base.everyEvents, keep: aggregate.snapshot?.keep ?? base.keep }
}

/** Whether a multiple of `everyEvents` lies between two versions: crossed, not only hit. */
export function isDue(before: number, after: number, everyEvents: number): boolean {
  return Math.floor(after / everyEvents) > Math.floor(before / everyEvents)
}

/** Takes a snapshot after the current turn; a state that cannot be kept is signalled, and nobody's command fails. */
export function takeLater(engine: Engine, target: SnapshotTarget, at: { readonly state: unknown; readonly version: number }): void {
  const { tenant, stream } = target
  engine.background.run(
    () => save(engine, target, at),
    (error) => engine.tell?.({ signal: 'snapshot.failed', tenant, stream, version: at.version, error }),
  )
}

/** The snapshots of one aggregate instance. */
export function snapshotsOf(
  engine: Engine,
  aggregate: AnyAggregate,
  tenant: string,
  id: string,
  during: <T>(call: () => Promise<T>) => Promise<T>,
): Snapshots {
  const stream = streamName(aggregate.name, id)
  const { fingerprint } = stateCodecOf(aggregate)
  const list = async () => {
    const stored = await engine.store.snapshots.list(tenant, stream)
    return stored.map((one) => ({ version: one.version, takenAt: new Date(one.takenAt), current: one.fingerprint === fingerprint }))
  }
  const take = async () => {
    if (aggregate.snapshot === false) throw new DefinitionError(`Aggregate ${aggregate.name} has snapshot: false.`)
    const loaded = await loadAggregate(engine, engine.store, aggregate, tenant, stream)
    if (loaded.version === 0) return undefined
    await save(engine, { aggregate, tenant, stream }, loaded)
    return (await list()).findLast((one) => one.version === loaded.version && one.current)
  }
  return {
    list: () => during(list),
    latest: () => during(async () => (await list()).at(-1)),
    take: () => during(take),
    delete: (version) => during(() => engine.store.snapshots.delete(tenant, stream, version)),
  }
}

async function save(
  engine: Engine,
  { aggregate, tenant, stream }: SnapshotTarget,
  at: { readonly state: unknown; readonly version: number },
): Promise<void> {
  const codec = stateCodecOf(aggregate)
  const body = codec.encode(at.state)
  const snapshot = { version: at.version, fingerprint: codec.fingerprint, body, takenAt: engine.clock.now() }
  await engine.store.snapshots.save(tenant, stream, snapshot, snapshotPolicyOf(engine, aggregate)?.keep ?? 1)
  engine.counters.snapshotsSaved++
  engine.tell?.({ signal: 'snapshot.save', tenant, stream, version: at.version, characters: body.length })
}
