/** Numbers about a running app: what `app.stats()` answers. */
import type { AnyAggregate } from '../core/aggregate.ts'
import type { PressureLevel } from '../core/observer.ts'
import { streamName } from '../core/stream-name.ts'
import type { Counters } from './counters.ts'
import type { Engine } from './engine.ts'
import { stateCodecOf } from './state/state-codec.ts'
import type { WarmAggregates } from './state/warm-aggregates.ts'

/** What `app.stats()` answers. */
export interface AppStatistics {
  readonly commands: Readonly<Pick<Counters, 'accepted' | 'empty' | 'rejected' | 'failed' | 'duplicates' | 'conflicts'>>
  readonly events: { readonly appended: number; readonly head: number }
  readonly aggregates: { readonly warm: number; readonly hibernated: number; readonly loads: number }
  readonly snapshots: { readonly saved: number; readonly loaded: number }
  readonly memory: { readonly level: PressureLevel; readonly warmRows: number }
}

/** What `app.stats(Account, id)` answers. */
export interface AggregateStatistics {
  readonly stream: string
  readonly exists: boolean
  readonly events: number
  readonly version: number
  readonly hasSnapshot: boolean
  readonly snapshotVersion: number | undefined
  readonly state: 'warm' | 'hibernated' | 'cold'
}

/** The numbers of a whole app. */
export async function appStatistics({ counters, store, views, memory }: Engine, warm: WarmAggregates): Promise<AppStatistics> {
  const { accepted, empty, rejected, failed, duplicates, conflicts, events, loads, snapshotsSaved, snapshotsLoaded } = counters
  return {
    commands: { accepted, empty, rejected, failed, duplicates, conflicts },
    events: { appended: events, head: await store.head() },
    aggregates: { ...warm.count(), loads },
    snapshots: { saved: snapshotsSaved, loaded: snapshotsLoaded },
    memory: { level: memory.level, warmRows: views.warmRows },
  }
}

/** The numbers of one aggregate. */
export async function aggregateStatistics(
  { store }: Engine,
  warm: WarmAggregates,
  tenant: string,
  aggregate: AnyAggregate,
  id: string,
): Promise<AggregateStatistics> {
  const stream = streamName(aggregate.name, id)
  const version = (await store.streamInfo(stream, tenant))?.version ?? 0
  const snapshot = await store.snapshots.latest(tenant, stream, stateCodecOf(aggregate).fingerprint)
  return {
    stream,
    exists: version > 0,
    events: version,
    version,
    hasSnapshot: snapshot !== undefined,
    snapshotVersion: snapshot?.version,
    state: warm.stateOf(tenant, stream),
  }
}
