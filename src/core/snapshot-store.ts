/** PORT: snapshots, a fold's state at a version. A hint to skip the past, never the truth. */

/** A snapshot in a store. */
export interface StoredSnapshot {
  /** The version of the stream whose state this is. */
  readonly version: number
  /** Which build of the fold made it; only the same build reads it. */
  readonly fingerprint: string
  /** JSON text. */
  readonly body: string
  /** Milliseconds since 1970. */
  readonly takenAt: number
}

/** Snapshots by tenant and stream. */
export interface SnapshotStore {
  /** The newest one with this fingerprint, at most at version `to`. */
  latest(tenant: string, stream: string, fingerprint: string, to?: number): Promise<StoredSnapshot | undefined>
  /** All of a stream, of every fingerprint, by version. */
  list(tenant: string, stream: string): Promise<readonly StoredSnapshot[]>
  /** Keeps it, replacing one of the same version and fingerprint, and only the newest `keep` of its fingerprint. */
  save(tenant: string, stream: string, snapshot: StoredSnapshot, keep: number): Promise<void>
  /** Deletes one version, or all; of one fingerprint, or of every one. Returns how many. */
  delete(tenant: string, stream: string, version?: number, fingerprint?: string): Promise<number>
}
