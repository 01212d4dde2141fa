/**
 * Which process works on which part.
 *
 * Every process shows a sign of life now and then. Who has shown none for as long as a lease lasts, by the clock of the one who watches,
 * is taken for dead, and its parts are taken over: no clocks are compared. A process that was only frozen finds, when it wakes up, that
 * its leases do not hold any more. A process that stops lets go of its parts, and they are taken up at the others' next look.
 *
 * Where several processes want the same parts, each takes its share, and who has more lets go of what is too much. Letting go takes as long
 * as what is being handled; the signs of life go on meanwhile.
 */
import type { Clock } from '../../core/clock.ts'
import { fromJson } from '../../core/json.ts'
import type { Lease, SubscriptionPart, WorkOwner, WorkStore } from '../../core/work-store.ts'
import { leaseOf, partKey } from '../work/leases.ts'
import { ableWorkers, type Folds } from './able-workers.ts'
import { handedOn, type KeptProofs, proofsAt } from './proof.ts'
import { shareOut } from './share-out.ts'
import { partNames, slotCount, slotsOf } from './slots.ts'
import type { Subscription } from './subscription.ts'

/** What membership needs of its engine. */
export interface MembershipOptions {
  readonly work: WorkStore
  readonly clock: Clock
  /** Unique for this start of the process. */
  readonly owner: string
  /** What a process says of itself, beside the names of its subscriptions. */
  readonly about: Readonly<Record<string, unknown>>
  readonly subscriptions: readonly Subscription[]
  readonly leaseMs: number
  /** Where a subscription begins that was never there before. */
  readonly startAt: (subscription: Subscription) => Promise<number>
  /** Told before parts are taken: whatever must be known of them can be read then. */
  readonly prepare: () => Promise<void>
  /** Told of parts that nobody works on, before they are divided otherwise: what is left to be done to them is done now. Returns whether there was anything. */
  readonly beforeDividing: (subscription: Subscription, parts: readonly SubscriptionPart[]) => Promise<boolean>
  readonly acquired: (subscription: Subscription, lease: Lease) => void
  /** Resolves when nothing is done for the part any more. */
  readonly given: (lease: Lease, isLost: boolean) => Promise<void>
  readonly failed: (error: unknown) => void
  /** Which folds the stored rows of views were made by, by subscription. */
  readonly madeBy: () => Promise<Folds>
  /** Told after each look: the parts of all subscriptions, whoever works on them; who lives; and the folds. */
  readonly looked: (parts: readonly SubscriptionPart[], living: readonly WorkOwner[], madeBy: Folds) => void
}

/** The membership of one process. */
export interface Membership {
  /** Looks now; resolves when everything is taken that is to be had. */
  look(): Promise<void>
  /** Looks now, and takes the parts of a subscription that nobody has, instead of leaving them to whoever has least to do. */
  takeUp(subscription: string): Promise<void>
  /** Settles when no look is under way, and nothing is done any more for what it has given up. */
  settled(): Promise<void>
  /** A part is not held any more. */
  lost(lease: Lease): void
  /** Lets go of everything. */
  leave(): Promise<void>
}

export function makeMembership(options: MembershipOptions): Membership {
  const { work, clock, owner, subscriptions, leaseMs, startAt, prepare, beforeDividing, acquired, given, failed, madeBy, looked } = options
  const wanted = new Map(subscriptions.map((subscription) => [subscription.id, subscription]))
  const about = JSON.stringify({ ...options.about, subscriptions: [...wanted.keys()] })
  const held = new Map<string, Lease>()
  /** Parts whose work has not ended yet. */
  const leaving = new Map<string, Promise<void>>()
  const signs = new Map<string, { readonly beat: number; readonly seenAt: number }>()
  /** Those who had parts at the last look, and had shown no sign of life at all. */
  let strangers: ReadonlySet<string> = new Set()
  let cancel = () => {}
  let left = false
  let looking: Promise<void> = Promise.resolve()

  /** The owners that have shown a sign of life within a lease. */
  function alive(owners: readonly WorkOwner[]): ReadonlySet<string> {
    const now = clock.now()
    for (const name of signs.keys()) if (!owners.some((one) => one.owner === name)) signs.delete(name)
    return new Set(
      owners
        .filter(({ owner: name, beat }) => {
          const known = signs.get(name)
          if (known?.beat !== beat) signs.set(name, { beat, seenAt: now })
          return name === owner || known?.beat !== beat || now - known.seenAt <= leaseMs
        })
        .map((one) => one.owner),
    )
  }

  async function lookOnce(): Promise<void> {
    const owners = await work.beat(owner, about)
    const living = alive(owners)
    for (const one of owners) if (!living.has(one.owner)) await work.leave(one.owner)
    // Who was frozen, was taken for dead, woke up, took a part, and died: nobody would ever miss his signs of life.
    const isKnown = (name: string) => owners.some((one) => one.owner === name)
    for (const name of strangers) if (!isKnown(name)) await work.leave(name)
    const [there] = await Promise.all([work.parts(), prepare()])
    const parts = await divideAll(there, living)
    strangers = new Set(parts.flatMap((part) => (part.owner === null || isKnown(part.owner) ? [] : [part.owner])))
    const own = parts.filter((part) => wanted.has(part.subscription))
    for (const lease of held.values()) if (!own.some((part) => sameLease(part, lease))) giveUp(lease, 'lost')
    // After the parts: whoever sees an epoch of after a switch sees its fold, too.
    const folds = await madeBy()
    const present = owners.filter((one) => living.has(one.owner))
    const shares = shareOut(parts, ableWorkers(present, folds))
    const isMine = (part: SubscriptionPart) => shares[parts.indexOf(part)] === owner
    for (const part of own) {
      const lease = held.get(partKey(part))
      if (lease && !isMine(part)) giveUp(lease, 'shared')
    }
    // Without an answer of the store, a part may be this process's without its knowing.
    const isFree = (part: SubscriptionPart) =>
      !leaving.has(partKey(part)) && (part.owner === null || (part.owner === owner && !held.has(partKey(part))))
    const free = own.filter(isFree)
    const abandoned = free.filter((part) => part.owner === owner && !isMine(part))
    if (abandoned.length > 0) await work.release(abandoned.map(leaseOf))
    await take(free.filter(isMine))
    looked(parts, present, folds)
  }

  /** Divides what is new, and what is divided otherwise than this process wants it while nobody works on it. */
  async function divideAll(parts: readonly SubscriptionPart[], living: ReadonlySet<string>): Promise<readonly SubscriptionPart[]> {
    let isDivided = false
    for (const subscription of subscriptions) {
      let there = parts.filter((part) => part.subscription === subscription.id)
      const isFree = (part: SubscriptionPart) => part.owner === null || !living.has(part.owner)
      if (there.length === subscription.partitions || !there.every(isFree) || subscription.isOnDemand) continue
      if (await beforeDividing(subscription, there)) there = [...(await work.parts(subscription.id))]
      if (!there.every(isFree)) continue
      const start = there.length === 0 ? await startAt(subscription) : 0
      isDivided = true
      await work.divide(subscription.id, there.map(leaseOf), redivided(there, subscription.partitions, start))
    }
    return isDivided ? work.parts() : parts
  }

  async function take(parts: readonly SubscriptionPart[]): Promise<void> {
    if (parts.length === 0 || left) return
    for (const part of await work.acquire(owner, parts.map(leaseOf))) {
      const lease = leaseOf(part)
      held.set(partKey(lease), lease)
      acquired(wanted.get(part.subscription) as Subscription, lease)
    }
  }

  function giveUp(lease: Lease, why: 'lost' | 'shared' | 'leaving'): void {
    held.delete(partKey(lease))
    const end = (async () => {
      await given(lease, why === 'lost')
      if (why === 'shared') await work.release([lease])
    })()
      .catch(failed)
      .finally(() => {
        leaving.delete(partKey(lease))
        // Who has taken it may have let go of it again, as one does who switches a view: it need not wait for the next look.
        if (why === 'lost' && !left) void look()
      })
    leaving.set(partKey(lease), end)
  }

  function look(before: () => Promise<unknown> = async () => {}): Promise<void> {
    cancel()
    looking = looking
      .then(() => (left ? undefined : before()))
      .then(() => (left ? undefined : lookOnce()))
      .catch(failed)
      .then(() => {
        cancel() // of a look that was under way when this one was asked for
        if (!left) cancel = clock.after(Math.ceil(leaseMs / 3), () => void look(), true) // a process that follows the log is not at its end
      })
    return looking
  }

  return {
    look: () => look(),
    takeUp: (subscription) =>
      look(async () => {
        const free = (await work.parts(subscription)).filter((part) => part.owner === null)
        if (free.length > 0) await work.acquire(owner, free.map(leaseOf))
      }),
    async settled() {
      await looking
      await Promise.all(leaving.values())
      await looking
    },
    lost(lease) {
      if (held.get(partKey(lease))?.epoch === lease.epoch) held.delete(partKey(lease))
    },
    async leave() {
      left = true
      cancel()
      await looking
      for (const lease of [...held.values()]) giveUp(lease, 'leaving')
      await Promise.all(leaving.values())
      await work.leave(owner).catch(failed) // without a sign of life, its parts are free after a lease all the same
    },
  }
}

/**
 * The parts of a subscription that is divided for the first time, or otherwise from now on. Slots may be at different positions: a new part begins at the
 * lowest, and knows which of its slots are further.
 */
function redivided(
  parts: readonly SubscriptionPart[],
  partitions: number,
  start: number,
): readonly Pick<SubscriptionPart, 'part' | 'position' | 'state'>[] {
  const positions = Array.from({ length: slotCount }, () => start)
  const states = parts.map(({ state }) => fromJson(state) as PartState)
  const proofs = parts.map(({ part, position }, i) => ({ slot: slotsOf(part).from, ofPart: proofsAt(states[i] as PartState, position) }))
  const began = parts.length > 0 ? Math.max(...states.map((state) => state.start ?? 0)) : start
  const rewound = Math.min(...states.map((state) => state.rewound ?? 0), Number.MAX_SAFE_INTEGER)
  const known: PartState = { ...(began > 0 ? { start: began } : {}), ...(parts.length > 0 && rewound > 0 ? { rewound } : {}) }
  for (const [i, { part, position }] of parts.entries()) {
    const { from, to } = slotsOf(part)
    const { ahead = {} } = states[i] as PartState
    for (let slot = from; slot <= to; slot++) positions[slot] = Math.max(position, ahead[slot] ?? 0)
  }
  return partNames(partitions).map((part) => {
    const { from, to } = slotsOf(part)
    const position = Math.min(...positions.slice(from, to + 1))
    const ahead: Record<number, number> = {}
    for (let slot = from; slot <= to; slot++) if ((positions[slot] as number) > position) ahead[slot] = positions[slot] as number
    const own = proofs.filter(({ slot }) => slot >= from && slot <= to).flatMap(({ ofPart }) => ofPart)
    const state: PartState = { ...known, ...(Object.keys(ahead).length > 0 && { ahead }), ...handedOn(own, position) }
    return { part, position, state: JSON.stringify(state) }
  })
}

/** What a part keeps with its position. */
export interface PartState extends KeptProofs {
  /** Slots that are further than the part, from a time when they were in another one. */
  readonly ahead?: Readonly<Record<number, number>>
  /** Where the subscription began when it was new; absent: before the first event. */
  readonly start?: number
  /** The number of the last rewind that it has made. */
  readonly rewound?: number
}

const sameLease = (left: Lease, right: Lease): boolean => partKey(left) === partKey(right) && left.epoch === right.epoch
