/**
 * Seizes all parts of a subscription, for a moment: whoever works on them can commit nothing more, and nobody else takes them.
 *
 * They are held by an owner of their own, whom no share of any work belongs to. So the others leave him alone as long as he lives; and
 * when this process dies, he shows no more signs of life, and the parts are free again after a lease.
 */
import { fromJson } from '../../core/json.ts'
import type { SubscriptionPart, WorkStore } from '../../core/work-store.ts'
import type { PartState } from '../subscription/membership.ts'
import { leaseOf } from './rebuild-job.ts'

export interface SeizedParts {
  readonly parts: readonly SubscriptionPart[]
  /** The highest position that anything of them has reached. */
  readonly position: number
  letGo(): Promise<void>
}

/** @returns `undefined` when not all of them were to be had: somebody has just taken one over, or there are none yet. */
export async function seizeParts(work: WorkStore, subscription: string, owner: string): Promise<SeizedParts | undefined> {
  await work.beat(owner, JSON.stringify({ subscriptions: [] }))
  const letGo = () => work.leave(owner)
  try {
    const there = await work.parts(subscription)
    const parts = there.length > 0 ? await work.acquire(owner, there.map(leaseOf)) : []
    if (parts.length > 0 && parts.length === there.length) return { parts, position: Math.max(...parts.map(highest)), letGo }
  } catch (error) {
    await letGo().catch(() => {}) // he is taken for dead, at the latest
    throw error
  }
  await letGo()
  return undefined
}

const highest = ({ position, state }: SubscriptionPart): number =>
  Math.max(position, ...Object.values((fromJson(state) as PartState).ahead ?? {}))
