/** The plan of the faults: made from a seed alone, so that the same seed makes the same plan. */
import { random } from '../../examples/bank/make/random.ts'
import { leaseMs } from './bank.ts'

/**
 * What can happen to a process. A long freeze is longer than a lease, and at times longer than a transfer may take. `terminate`: the
 * server ends one of its connections; `cut`: all of them are gone at once; `lose an answer`: of something that was done.
 */
export type FaultKind = 'kill' | 'freeze' | 'long freeze' | 'terminate' | 'cut' | 'lose an answer'

export interface Fault {
  /** From the beginning. */
  readonly atMs: number
  readonly kind: FaultKind
  /** Which process: from 0. */
  readonly victim: number
  /** How long it is down or frozen. */
  readonly forMs: number
  /** A frozen process is killed instead of woken up. */
  readonly isFatal: boolean
}

/** How often each kind comes, beside the others. */
export type Weights = Readonly<Partial<Record<FaultKind, number>>>

export const onFiles: Weights = { kill: 40, freeze: 25, 'long freeze': 15 }
/** Where there are connections. */
export const onServers: Weights = { ...onFiles, terminate: 20, cut: 12, 'lose an answer': 20 }

/** After a start a process is left alone for so long; it may have come to its work by then, or not. */
const restMs = 400

/** The faults of a campaign in their order, without end. Now and then all processes are down or frozen at the same time. */
export function* faultsOf(seed: number, processes: number, weights: Weights): Generator<Fault> {
  const { int, pick, chance, weighted } = random(seed)
  const freeAt = Array.from({ length: processes }, () => 0)
  for (let atMs = 0; ; ) {
    atMs += int(50, 700)
    const free = freeAt.flatMap((at, victim) => (at <= atMs ? [victim] : []))
    if (free.length === 0 || (free.length === 1 && chance(0.8))) continue
    const victim = pick(free)
    const kind = weighted(weights as Readonly<Record<FaultKind, number>>)
    const isFreeze = kind === 'freeze' || kind === 'long freeze'
    const forMs = kind === 'long freeze' ? int(leaseMs * 1.5, leaseMs * 4) : kind === 'kill' || isFreeze ? int(0, leaseMs * 0.8) : 0
    freeAt[victim] = atMs + forMs + restMs
    yield { atMs, kind, victim, forMs, isFatal: isFreeze && chance(0.15) }
  }
}
