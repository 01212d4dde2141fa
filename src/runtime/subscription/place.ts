/**
 * Where a part is in the log, as far as its worker knows: up to where everything is committed, up to where everything was looked at, and
 * what is kept with the position.
 *
 * Invariant: `position` and what is kept change only after the commit that wrote them.
 */
import type { WorkStep } from '../../core/work-store.ts'
import type { PartState } from './membership.ts'
import { makeProver, type Proof } from './proof.ts'
import type { Delivery, Subscription } from './subscription.ts'

/** A step that is about to be made. */
export interface NextStep {
  /** What has to be committed for it; nothing when it leads to where the part is. */
  kept(): Pick<WorkStep, 'position' | 'state'>
  /** It was committed. */
  written(): void
}

/** The place of one part. */
export interface Place {
  /** Everything up to here is done or parked, and committed. */
  readonly position: number
  /** Everything up to here was looked at. */
  readonly seen: number
  /** The furthest of its slots. */
  readonly furthest: number
  readonly proofs: readonly Proof[]
  /** Begins at what the store has. */
  resume(position: number, state: PartState): void
  /** Whether a slot was already further, from a time when it was in another part. */
  isDone(slot: number, position: number): boolean
  /** These concern nobody here. */
  pass(positions: readonly number[]): void
  /** Goes on without a commit. */
  see(to: number, taken: readonly Delivery[]): void
  /** The step to a position; `taken`: what it does beside what was passed. */
  at(to: number, taken: readonly Delivery[]): NextStep
  /** A proof need not be kept any more. */
  compared(proof: Proof): void
}

export function makePlace({ types }: Pick<Subscription, 'types'>, isProving: boolean): Place {
  const prover = isProving ? makeProver(types) : undefined
  let position = 0
  let seen = 0
  /** What is kept with the position beside what changes with it. */
  let state: PartState = {}
  /** Less is to be proven than the store has. */
  let isProofOld = false

  /** Without proofs, what is kept stays as it is. */
  function stateAt(to: number, looked: Proof | undefined): { readonly state?: string } {
    if (!prover || !looked) return {}
    const { ahead = {}, proof: _, earlierProofs: __, ...others } = state
    const later = Object.entries(ahead).filter(([, slotAt]) => slotAt > to)
    const next: PartState = { ...others, ...(later.length > 0 && { ahead: Object.fromEntries(later) }), ...prover.kept(looked) }
    return { state: JSON.stringify(next) }
  }

  return {
    get position() {
      return position
    },
    get seen() {
      return seen
    },
    get furthest() {
      return Math.max(position, ...Object.values(state.ahead ?? {}))
    },
    get proofs() {
      return prover?.proofs ?? []
    },
    resume(at, kept) {
      position = at
      seen = at
      state = kept
      isProofOld = false
      prover?.resume(kept, at)
    },
    isDone: (slot, at) => (state.ahead?.[slot] ?? 0) >= at,
    pass: (positions) => prover?.pass(positions),
    see(to, taken) {
      seen = to
      prover?.written(prover.upTo(to, taken))
    },
    at(to, taken) {
      const looked = prover?.upTo(to, taken)
      return {
        kept: () => (to > position || (to >= seen && isProofOld) ? { position: to, ...stateAt(to, looked) } : {}),
        written() {
          position = Math.max(position, to)
          if (to < seen) return
          seen = to
          if (looked) prover?.written(looked)
          isProofOld = false
        },
      }
    },
    compared(proof) {
      prover?.compared(proof)
      isProofOld = true
    },
  }
}
