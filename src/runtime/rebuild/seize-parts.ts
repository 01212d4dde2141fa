/** Seizes all parts of a subscription, for a moment: whoever works on them can commit nothing more, and nobody else takes them. */
import { fromJson } from '../../core/json.ts'
import type { SubscriptionPart, WorkStore } from '../../core/work-store.ts'
import type { PartState } from '../subscription/membership.ts'
import { type HeldApart, holdApart } from '../work/hold-apart.ts'

export interface SeizedParts extends HeldApart {
  /** The highest position that anything of them has reached. */
  readonly position: number
}

/** @returns `undefined` when not all of them were to be had: somebody has just taken one over, or there are none yet. */
export async function seizeParts(work: WorkStore, subscription: string, owner: string): Promise<SeizedParts | undefined> {
  const there = await work.parts(subscription)
  if (there.length === 0) return undefined
  const held = await holdApart(work, owner, there)
  const { parts } = held
  if (parts.length === there.length) return { ...held, position: Math.max(...parts.map(highest)) }
  await held.letGo()
  return undefined
}

const highest = ({ position, state }: SubscriptionPart): number =>
  Math.max(position, ...Object.values((fromJson(state) as PartState).ahead ?? {}))
