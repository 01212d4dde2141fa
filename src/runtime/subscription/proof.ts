/**
 * What a part proves of itself: which events it has looked at, in a few numbers that cost next to nothing to keep.
 *
 * A proof says: of the events behind `after`, up to `to`, that are of the types that are followed, I have looked at so many, and the sums
 * over their positions are these. Looked at means that an event was done or parked for each of its keys that belong to this part, in the
 * commit that passed it by, or that none of its keys does. So the proof does not depend on what makes keys of events, which may change.
 *
 * Sums do not depend on an order, and can be taken apart again: what was compared with the log is taken away, and the rest is still a proof.
 * An event that is left out, or taken twice, changes the count; one instead of another changes the sums.
 */
import { hash53 } from '../../core/fingerprint.ts'
import { sameEvent } from './deliveries.ts'
import type { Delivery } from './subscription.ts'

/** What was looked at in a piece of the log. */
export interface Proof {
  /** Tells one choice of event types from another. */
  readonly types: string
  /** Only positions above. */
  readonly after: number
  /** Only positions up to and including. */
  readonly to: number
  readonly count: number
  /** Sums of two different hashes of each position, both modulo 2^32, as numbers with a sign. */
  readonly sums: Sums
}

export type Sums = readonly [number, number]

/** The proofs of a part, as they are kept with its position. */
export interface KeptProofs {
  /** Ends where the part is. */
  readonly proof?: Proof
  /** Of the parts that this one was made of; they end elsewhere. */
  readonly earlierProofs?: readonly Proof[]
}

/** How many proofs of earlier parts are kept; more than that is only left when nobody compares them for a long time. */
const mostEarlier = 128

export const nothingProven = (types: string, at: number): Proof => ({ types, after: at, to: at, count: 0, sums: [0, 0] })

/** The proof of whoever has looked at these, too, and thus is at `to`. */
export function extended({ types, after, count, sums: [a, b] }: Proof, positions: readonly number[], to: number): Proof {
  // Whole numbers of 32 bits with a sign, which the engine need not put on the heap.
  for (let i = 0; i < positions.length; i++) {
    const hash = hashOf(positions[i] as number)
    a = (a + hash) | 0
    b = (b + hashAgain(hash)) | 0
  }
  return { types, after, to, count: count + positions.length, sums: [a, b] }
}

/** A proof and the one that begins where it ends, in one. */
function joined({ types, after, count, sums }: Proof, next: Proof): Proof {
  return { types, after, to: next.to, count: count + next.count, sums: [(sums[0] + next.sums[0]) | 0, (sums[1] + next.sums[1]) | 0] }
}

/** What is left of a proof when its beginning was compared; nothing of it is taken away when that is not its beginning. */
function withoutBeginning(proof: Proof, beginning: Proof): Proof {
  const { types, after, to, count, sums } = beginning
  if (proof.types !== types || proof.after !== after || proof.to < to) return proof
  return { types, after: to, to: proof.to, count: proof.count - count, sums: difference(proof.sums, sums) }
}

export const difference = (left: Sums, right: Sums): Sums => [(left[0] - right[0]) | 0, (left[1] - right[1]) | 0]

export const sumsOf = (position: number): Sums => extended(nothingProven('', 0), [position], 0).sums

const isEqual = (left: Proof, right: Proof): boolean =>
  left.types === right.types &&
  left.after === right.after &&
  left.to === right.to &&
  left.count === right.count &&
  isSame(left.sums, right.sums)

export const isSame = (left: Sums, right: Sums): boolean => left[0] === right[0] && left[1] === right[1]

/** A last stir of MurmurHash3: neighbouring positions have nothing in common. */
function hashOf(position: number): number {
  const low = position | 0
  let h = position > 0x7fff_ffff ? low ^ Math.imul((position / 0x1_0000_0000) | 0, 0x9e3779b9) : low
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Another one: two sets of positions may have the same sum of the first hashes, but hardly also of these. */
function hashAgain(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return h ^ (h >>> 12)
}

/**
 * The proofs for the parts of a subscription that is divided otherwise. Each goes to one of the new parts, and if that begins where the
 * proof ends, it goes on with it: whoever goes on looks at all events again, whichever slots they are in.
 */
export function handedOn(proofs: readonly Proof[], position: number): KeptProofs {
  const different = proofs.filter((one, i) => proofs.findIndex((other) => isEqual(one, other)) === i)
  const proof = different.find(({ to }) => to === position)
  const earlierProofs = different.filter((one) => one !== proof && one.to > one.after).slice(-mostEarlier)
  return { ...(proof && { proof }), ...(earlierProofs.length > 0 && { earlierProofs }) }
}

/** All proofs of a part that is at a position; one that ends elsewhere is none: somebody has moved the part without it. */
export function proofsAt({ proof, earlierProofs = [] }: KeptProofs, position: number): readonly Proof[] {
  return [...earlierProofs, ...(proof?.to === position ? [proof] : [])]
}

/** Keeps the proofs of one part while it is worked on. */
export interface Prover {
  /** What can be compared with the log now. */
  readonly proofs: readonly Proof[]
  /** Begins with what was kept at a position. */
  resume(kept: KeptProofs, position: number): void
  /** These concern nobody here; they count when the part is at or behind them. */
  pass(positions: readonly number[]): void
  /** What has been looked at when these were taken and the part is at `to`; counts when it is `written`. */
  upTo(to: number, taken: readonly Delivery[]): Proof
  /** The proofs as they are to be kept then. */
  kept(more: Proof): KeptProofs
  written(more: Proof): void
  /** A proof was compared with the log: it is not needed any more. */
  compared(proof: Proof): void
}

/** Tells one choice of event types from another. */
export const choiceOf = (types: ReadonlySet<string>): string => hash53([...types].sort().join('\n'))

export function makeProver(followed: ReadonlySet<string>): Prover {
  const types = choiceOf(followed)
  let running = nothingProven(types, 0)
  let earlier: readonly Proof[] = []
  /** Behind the running proof. */
  let passed: readonly number[] = []

  return {
    get proofs() {
      return [...earlier, running].filter((proof) => proof.to > proof.after)
    },
    resume(kept, position) {
      passed = []
      // What was looked at by another choice of types cannot be compared any more: nobody knows what that choice was.
      const proofs = proofsAt(kept, position).filter((one) => one.types === types)
      running = proofs.findLast(({ to }) => to === position) ?? nothingProven(types, position)
      earlier = proofs.filter((one) => one !== running)
    },
    pass(positions) {
      passed = passed.length === 0 ? positions : [...passed, ...positions]
    },
    upTo(to, taken) {
      const positions = passed.slice(0, countUpTo(passed, to))
      // Deliveries of one event come one after the other; the same event again is another one.
      for (let i = 0; i < taken.length; i++) {
        const one = taken[i] as Delivery
        if (!sameEvent(one, taken[i - 1])) positions.push(one.event.position)
      }
      return extended(nothingProven(types, running.to), positions, to)
    },
    kept: (more) => ({ proof: joined(running, more), ...(earlier.length > 0 && { earlierProofs: earlier }) }),
    written(more) {
      running = joined(running, more)
      passed = passed.slice(countUpTo(passed, more.to))
    },
    compared(proof) {
      const others = earlier.filter((one) => !isEqual(one, proof))
      if (others.length === earlier.length) running = withoutBeginning(running, proof)
      earlier = others
    },
  }
}

function countUpTo(positions: readonly number[], to: number): number {
  let count = 0
  while (count < positions.length && (positions[count] as number) <= to) count++
  return count
}
