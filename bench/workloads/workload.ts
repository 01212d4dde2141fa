/** What is done, and how it is counted. */
import type { PeerName, StoreName, System, SystemName } from '../systems/system.ts'

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
  /** Calls without an answer, long after the time was up. */
  readonly unanswered: number
  /** What the first failure said. */
  readonly reason: string
  /** What else there is to say about this run. */
  readonly remark?: string
}

/** Opens a store: a fresh one at each call, unless the workload has prepared one. */
export type OpenStore = () => Promise<System & { readonly file: string }>

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
  /** Whether the peers may choose how many callers suit them best. */
  readonly anyConcurrency: boolean
  readonly warm: boolean
  /** Peers for which it is the same work as an earlier workload, by that one's name: they are not asked again. */
  readonly sameAs: Readonly<Partial<Record<PeerName, string>>>
  /** How long a run takes, beside one of the others. */
  readonly weight: number
  /** It takes so long that one run has to do. */
  readonly once: boolean
  /** Said beside the result. */
  readonly note: string
  /** Fills a store, once, in a process of its own; every run then measures in a fresh process. The floor reads what Dacapo has written. */
  readonly prepare?: (system: System) => Promise<void>
  measure(open: OpenStore, load: Load): Promise<Sample>
}

/** What most workloads are. */
export const usual = {
  better: 'larger',
  stores: ['memory', 'sqlite'],
  systems: ['dacapo', 'emmett', 'act', 'raw'],
  callers: 1,
  anyConcurrency: false,
  warm: true,
  sameAs: {},
  weight: 1,
  once: false,
  note: '',
} as const
