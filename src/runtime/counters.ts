/** What a running app counts. */

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

/** Adds what was counted aside. */
export function addCounters(to: Counters, more: Counters): void {
  for (const name of Object.keys(more) as (keyof Counters)[]) to[name] += more[name]
}
