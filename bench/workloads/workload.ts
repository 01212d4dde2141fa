/** What is done, and how it is counted. */
import type { Site } from '../place.ts'
import { type PeerName, type StoreName, type System, type SystemName, storeNames } from '../systems/system.ts'

/** How a system is asked: the libraries by concurrent callers, the floor by commits that hold as much. */
export interface Load {
  readonly system: SystemName
  readonly store: StoreName
  /** Who calls at the same time. */
  readonly callers: number
  /** Streams in one call. */
  readonly perCall: number
  readonly quick: boolean
  /** Events that are handled together, where that can be chosen. */
  readonly batch?: number
}

/** One run. */
export interface Sample {
  /** In the workload's unit. */
  readonly value: number
  /** Calls that failed; they are not in the value. */
  readonly failed: number
  /** Calls without an answer, long after the time was up. */
  readonly unanswered: number
  /** What the first failure said. */
  readonly reason: string
  /** What else there is to say about this run. */
  readonly remark?: string
}

/** Opens a store: a fresh one at each call, unless the workload has prepared one. */
export type OpenStore = () => Promise<System & Site>

export interface Workload {
  readonly name: string
  /** The name in words. */
  readonly title: string
  readonly unit: string
  /** Of a rate the larger one is better, of a duration the smaller one. */
  readonly better: 'larger' | 'smaller'
  readonly stores: readonly StoreName[]
  readonly systems: readonly SystemName[]
  /** Concurrent callers of Dacapo; as many requests share a commit of the floor. */
  readonly callers: number
  /** Where the peers may choose how many callers suit them best. */
  readonly anyConcurrency: readonly StoreName[]
  /** What Emmett may choose from as the size of a batch. */
  readonly batches: readonly number[]
  readonly warm: boolean
  /** Peers for which it is the same work as an earlier workload, by that one's name: they are not asked again where they had their choice. */
  readonly sameAs: Readonly<Partial<Record<PeerName, string>>>
  /** How long a run takes, beside one of the others. */
  readonly weight: number
  /** How long a run may take, beyond which it is stopped. */
  readonly timeoutSeconds: number
  /** It takes so long that one run has to do. */
  readonly once: boolean
  /** It takes longer than all the others together, and is run only when it is named. */
  readonly onDemand: boolean
  /** Said beside the result. */
  readonly note: string
  /** Fills a store, once, in a process of its own; every run then measures in a fresh process. The floor reads what Dacapo has written. */
  readonly prepare?: (system: System) => Promise<void>
  /** @param tell  how far it is, where it takes long. */
  measure(open: OpenStore, load: Load, tell: (progress: string) => void): Promise<Sample>
}

/** What most workloads are. */
export const usual = {
  better: 'larger',
  stores: storeNames,
  systems: ['dacapo', 'emmett', 'act', 'raw'],
  callers: 1,
  anyConcurrency: [],
  batches: [],
  warm: true,
  sameAs: {},
  weight: 1,
  timeoutSeconds: 240,
  once: false,
  onDemand: false,
  note: '',
} as const
