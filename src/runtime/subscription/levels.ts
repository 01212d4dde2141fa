/** How far behind each subscription is, and what holds it up: what is measured again and again, so it asks for nothing else. */
import type { SubscriptionPart } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { followersOf } from './define.ts'
import { parkedKind } from './parked.ts'
import type { Subscription, SubscriptionKind } from './subscription.ts'
import type { Subscriptions } from './subscriptions.ts'

/** The level of one subscription. */
export interface Level {
  readonly lag: {
    /** Positions behind the head; not all of them concern it. */
    readonly events: number
    /** Age of the oldest event that concerns it and was not handled yet. */
    readonly ms: number
  }
  /** Keys with an event that is to be tried again, and those with a dead letter. */
  readonly parked: { readonly retrying: number; readonly dead: number }
}

/** Counting is for a look; nobody has to know whether there are a thousand or more. */
const mostCounted = 1000

/** Everything up to here is done or parked in all of its parts, as far as this process knows. */
export function positionOf(running: Subscriptions | undefined, parts: readonly SubscriptionPart[]): number {
  return parts.length === 0 ? 0 : Math.min(...parts.map((part) => running?.workerOf(part)?.seen ?? part.position))
}

/** @param position  everything up to here is done or parked. */
export async function levelOf(
  { store, clock }: Pick<Engine, 'store' | 'clock'>,
  { id, types }: Pick<Subscription, 'id' | 'types'>,
  position: number,
  head: number,
): Promise<Level> {
  const countParked = async (status: string) =>
    (await store.work.records({ kind: parkedKind, owner: id, status, limit: mostCounted })).length
  async function age(): Promise<number> {
    if (position >= head) return 0
    for await (const { events } of store.readAll({ after: position, query: [{ types: [...types] }], limit: 1 })) {
      if (events[0]) return Math.max(0, clock.now() - events[0].recordedAt)
    }
    return 0
  }
  const [retrying, dead, ms] = await Promise.all([countParked('retrying'), countParked('dead'), age()])
  return { lag: { events: Math.max(0, head - position), ms }, parked: { retrying, dead } }
}

/** The levels of all subscriptions of an app. */
export async function subscriptionLevels(
  engine: Engine,
  running: Subscriptions,
): Promise<readonly ({ readonly kind: SubscriptionKind; readonly name: string } & Level)[]> {
  const { store } = engine
  const [head, parts] = await Promise.all([store.head(), store.work.parts()])
  return Promise.all(
    followersOf(engine).map(async (follower) => {
      const { id, kind, name } = follower
      const own = parts.filter(({ subscription }) => subscription === id)
      return { kind, name, ...(await levelOf(engine, follower, positionOf(running, own), head)) }
    }),
  )
}
