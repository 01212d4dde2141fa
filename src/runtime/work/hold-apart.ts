/**
 * Holds parts for a moment, apart from all work: by an owner of its own, whom no share of any work belongs to.
 *
 * The others leave him alone as long as he lives; and when this process dies, he shows no more signs of life, and the parts are free again
 * after a lease.
 */
import type { SubscriptionPart, WorkStore } from '../../core/work-store.ts'
import { leaseOf } from './leases.ts'

export interface HeldApart {
  /** Those that were to be had. */
  readonly parts: readonly SubscriptionPart[]
  letGo(): Promise<void>
}

/** @param owner  a new one. */
export async function holdApart(work: WorkStore, owner: string, parts: readonly SubscriptionPart[]): Promise<HeldApart> {
  const letGo = () => work.leave(owner)
  await work.beat(owner, JSON.stringify({ subscriptions: [] }))
  try {
    return { parts: await work.acquire(owner, parts.map(leaseOf)), letGo }
  } catch (error) {
    await letGo().catch(() => {}) // he is taken for dead, at the latest
    throw error
  }
}
