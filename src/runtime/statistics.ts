/** Numbers about a running app: what `app.stats()` answers. */
import type { PressureLevel } from '../core/observer.ts'

/** Counts since the app was made. */
export interface Counters {
  accepted: number
  empty: number
  rejected: number
  failed: number
  duplicates: number
  conflicts: number
  events: number
  snapshotsSaved: number
  snapshotsLoaded: number
  loads: number
}

/** All at zero. */
export function makeCounters(): Counters {
  return {
    accepted: 0,
    empty: 0,
    rejected: 0,
    failed: 0,
    duplicates: 0,
    conflicts: 0,
    events: 0,
    snapshotsSaved: 0,
    snapshotsLoaded: 0,
    loads: 0,
  }
}

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
