/** What is done, and how it is counted. */
import type { StoreName, System, SystemName } from '../systems/system.ts'

/** How a system is asked: the libraries by concurrent callers, the floor by commits that hold as much. */
export interface Load {
  readonly system: SystemName
  readonly store: StoreName
  /** Who calls at the same time. */
  readonly callers: number
  /** Streams in one call. */
  readonly perCall: number
  readonly quick: boolean
}

/** One run. */
export interface Sample {
  /** In the workload's unit. */
  readonly value: number
  /** Calls that failed; they are not in the value. */
  readonly failed: number
  /** What the first of them said. */
  readonly reason: string
}

export interface Workload {
  readonly name: string
  readonly unit: string
  /** Of a rate the larger one is better, of a duration the smaller one. */
  readonly better: 'larger' | 'smaller'
  readonly stores: readonly StoreName[]
  readonly systems: readonly SystemName[]
  /** Concurrent callers of Dacapo; as many requests share a commit of the floor. */
  readonly callers: number
  /** Whether Emmett may choose how many callers suit it best. */
  readonly anyConcurrency: boolean
  readonly warm: boolean
  /** The store is filled by Dacapo in one process and measured in another. */
  readonly fresh: boolean
  /** Said beside the result. */
  readonly note: string
  fill(system: System, load: Load): Promise<void>
  measure(system: System, load: Load): Promise<Sample>
}

/** What most workloads are. */
export const usual = {
  better: 'larger',
  stores: ['memory', 'sqlite'],
  systems: ['dacapo', 'emmett', 'raw'],
  callers: 1,
  anyConcurrency: false,
  warm: true,
  fresh: false,
  note: '',
} as const
