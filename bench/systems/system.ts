/** What is measured: three systems behind one small interface, so that all of them do the same work. */

export type StoreName = 'memory' | 'sqlite'
export type SystemName = 'dacapo' | 'emmett' | 'raw'

/** How a system is opened. */
export interface Opening {
  readonly store: StoreName
  /** A path in an existing folder; not used in memory. */
  readonly file: string
  /** Whether state stays in memory between commands, where the system can do that. */
  readonly warm: boolean
  /** Emmett on SQLite: one connection for everything instead of a new one for each call. Sound with one caller only. */
  readonly oneConnection: boolean
}

/** Streams are called `account-<id>`. The libraries get one stream a call; the floor gets as many as share a commit. */
export interface System {
  /** What the engine itself says about its durability. */
  readonly durability: string
  /** Appends so many events to each stream. */
  append(streams: readonly string[], events: number): Promise<void> | void
  /** Loads, decides, appends one event, on each stream. */
  command(streams: readonly string[]): Promise<void> | void
  /** Brings the state of a stream into memory, where it can stay. */
  load(stream: string): Promise<void> | void
  /** Every event of a stream with its data parsed; how many there were. */
  readStream(stream: string): Promise<number> | number
  /** Every event of the store with its data parsed; absent when the system has no such read. */
  readonly readAll?: () => Promise<number> | number
  /** Takes a snapshot; absent where there are none. */
  readonly snapshot?: (stream: string) => Promise<void>
  close(): Promise<void> | void
}
