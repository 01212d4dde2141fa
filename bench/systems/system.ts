/** What is measured: four systems behind one small interface, so that all of them do the same work. */

import type { Followers } from './followers.ts'

export const storeNames = ['memory', 'sqlite', 'postgres'] as const
export type StoreName = (typeof storeNames)[number]

/** Who is beside Dacapo: libraries that are installed into this folder. */
export const peerNames = ['emmett', 'act'] as const
export type PeerName = (typeof peerNames)[number]
export type SystemName = 'dacapo' | PeerName | 'raw'

/** Whether a system has such a store: that of Act for PostgreSQL is made for an older Act. */
export const has = (system: SystemName, store: StoreName): boolean => !(system === 'act' && store === 'postgres')

/** How a system is opened. */
export interface Opening {
  readonly store: StoreName
  /** A path in an existing folder, or the URL of a database; not used in memory. */
  readonly at: string
  /** Whether state stays in memory between commands, where the system can do that. */
  readonly warm: boolean
  /** Emmett on SQLite: one connection for everything instead of a new one for each call. Sound with one caller only. */
  readonly oneConnection: boolean
}

/** Streams are called `account-<id>`. The libraries get one stream a call; the floor gets as many as share a commit. */
export interface System {
  /** What the engine itself says about its durability. */
  readonly durability: string
  /** Appends so many events to each stream, in whatever way is quickest: nobody measures it. */
  fill(streams: readonly string[], events: number): Promise<void> | void
  /** Appends so many events to each stream. */
  append(streams: readonly string[], events: number): Promise<void> | void
  /** Loads, decides, appends one event, on each stream. */
  command(streams: readonly string[]): Promise<void> | void
  /** Brings the states of streams into memory, for as long as they can stay; absent where they cannot, or are there already. */
  readonly keepWarm?: (streams: readonly string[]) => Promise<void> | void
  /** Loads the state of a stream; absent where that is no more than reading it. */
  readonly load?: (stream: string) => Promise<void> | void
  /** Every event of a stream with its data parsed; how many there were. */
  readStream(stream: string): Promise<number> | number
  /**
   * Every event of the store with its data parsed; how many there were. Absent when the system has no such read.
   *
   * @param onEvent  hears after each event how many there have been.
   */
  readonly readAll?: (onEvent?: (count: number) => void) => Promise<number> | number
  /** 1,000 events of the store above a position, with their data parsed; how many there were. Absent where nobody asks. */
  readonly readPage?: (after: number) => Promise<number> | number
  /** Takes a snapshot; absent where there are none. */
  readonly snapshot?: (stream: string) => Promise<void>
  /** Those that follow the log; absent where there are none. */
  readonly followers?: Followers
  close(): Promise<void> | void
}

/** What the file of each system exports. */
export type Open = (opening: Opening) => Promise<System> | System
