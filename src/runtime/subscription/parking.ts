/**
 * What is parked in one part, and what becomes of it: which events wait, for what, and when the next attempt is.
 *
 * Changes are worked out from what is known at the moment, and remembered once they are written. Somebody else may have changed a record
 * meanwhile: then everything is read again, and the same changes are worked out anew.
 */
import type { Clock } from '../../core/clock.ts'
import type { WorkStore } from '../../core/work-store.ts'
import { everyRecord } from '../work/every-record.ts'
import { keyOf } from './deliveries.ts'
import { mostParked, type Parked, parkedKind, toFailure, toParked } from './parked.ts'
import { isIn, type Slots } from './slots.ts'
import type { Delivery, Persistence, Verdict } from './subscription.ts'

/** Where events wait for each other. */
export type KeyName = Pick<Parked, 'tenant' | 'key' | 'slot'>

/** What becomes of what is parked under a key; `undefined`: nothing is any more. */
export interface Change {
  readonly known: Parked
  readonly next: Parked | undefined
}

/** What becomes of an event that is not passed by. */
export type ToBeParked = Exclude<Verdict, 'skip'>

/** Nobody will try it again by himself. */
export class Exhausted extends Error {}

/** The parked events of a part. */
export interface Parking {
  readonly all: Iterable<Parked>
  find(name: Pick<KeyName, 'tenant' | 'key'>): Parked | undefined
  /** Reads everything again. */
  load(): Promise<void>
  /** One more attempt at the first one has failed. @throws Exhausted when it is to stop. */
  afterFailure(known: Parked, delivery: Delivery, failure: unknown, verdict: ToBeParked): Parked
  /** Tries again later, which is no failure. */
  postpone(known: Parked, until: number): void
  /** An event takes its place among those of another key, in the order of the log. */
  inserted(name: KeyName, there: Parked | undefined, position: number): Change
  /** Begins to collect what is to be parked in the next commit. */
  collect(): Parkings
  /** The changes are written. */
  written(changes: readonly Change[]): void
}

/** What is to be parked in one commit. */
export interface Parkings {
  /** Whether deliveries of this key must wait. */
  blocks(name: Pick<KeyName, 'tenant' | 'key'>): boolean
  /** The first of its key has failed. @throws Exhausted when it is to stop. */
  failed(delivery: Delivery, failure: unknown, verdict: ToBeParked): void
  /** Waits without having failed, for a time or behind others of its key. @throws Exhausted too many wait. */
  wait(delivery: Delivery, until?: number): void
  /** To be written; worked out from what is known now. */
  changes(): readonly Change[]
}

export function makeParking(
  { work, clock }: { readonly work: WorkStore; readonly clock: Clock },
  subscription: { readonly id: string; readonly name: string; readonly persistence: Persistence },
  slots: Slots,
): Parking {
  const { persistence } = subscription
  const parked = new Map<string, Parked>()

  const nothing = (name: KeyName): Parked => ({
    subscription: subscription.id,
    ...name,
    status: 'retrying',
    dueAt: null,
    positions: [],
    attempts: 0,
    firstFailedAt: clock.now(),
    failure: { message: 'It has not failed: it waits for what comes before it.' },
    revision: 0,
  })

  function afterFailure(known: Parked, { event }: Delivery, failure: unknown, verdict: ToBeParked): Parked {
    const attempts = known.attempts + 1
    const isExhausted = attempts >= persistence.attempts
    const isDead = verdict === 'dead-letter' || isExhausted
    if (verdict === 'stop' || (verdict !== 'dead-letter' && isExhausted && persistence.whenExhausted === 'stop')) {
      const at = `${event.type} at position ${event.position}, in stream ${event.stream}`
      const message = `${subscription.name} gave up after ${attempts} attempts: ${toFailure(failure).message} (${at})`
      throw new Exhausted(message, { cause: failure })
    }
    const pauseMs = typeof verdict === 'object' ? verdict.pauseMs : persistence.pauseMs(attempts + 1)
    return {
      ...known,
      attempts,
      failure: toFailure(failure),
      status: isDead ? 'dead' : 'retrying',
      dueAt: isDead ? null : Math.ceil(clock.now() + pauseMs),
    }
  }

  function behind(known: Parked, positions: readonly number[], unread: readonly number[] = []): Parked {
    // A key that was not known when its event was parked may turn out to have later ones parked already.
    const all = [...new Set([...known.positions, ...positions])].sort((left, right) => left - right)
    if (all.length > mostParked) {
      throw new Exhausted(`${mostParked} events of key "${known.key}" wait behind one that failed: ${known.failure.message}`)
    }
    return { ...known, positions: all, ...(unread.length > 0 ? { unread: [...(known.unread ?? []), ...unread] } : {}) }
  }

  interface Wish {
    readonly name: KeyName
    readonly positions: readonly number[]
    readonly unread: readonly number[]
    /** The first of them, as it would be alone. */
    readonly first: Parked | undefined
  }

  function collect(): Parkings {
    const wishes = new Map<string, Wish>()
    const nextOf = ({ name, positions, unread, first }: Wish): Change => {
      const there = parked.get(idOf(name))
      const known = there ?? nothing(name)
      return { known, next: behind(there ?? first ?? { ...known, dueAt: clock.now() }, positions, unread) }
    }
    function add(delivery: Delivery, first?: Parked): void {
      const name = keyOf(delivery)
      const { position } = delivery.event
      const wish = wishes.get(idOf(name)) ?? { name, positions: [], unread: [], first }
      const unread = delivery.unreadable ? [...wish.unread, position] : wish.unread
      const longer = { ...wish, positions: [...wish.positions, position], unread }
      nextOf(longer) // there may be too many
      wishes.set(idOf(name), longer)
    }
    return {
      blocks: (name) => wishes.size + parked.size > 0 && (wishes.has(idOf(name)) || parked.has(idOf(name))),
      failed(delivery, failure, verdict) {
        add(delivery, afterFailure(nothing(keyOf(delivery)), delivery, failure, verdict))
      },
      wait(delivery, until) {
        add(delivery, until === undefined ? undefined : { ...nothing(keyOf(delivery)), dueAt: until })
      },
      changes: () => [...wishes.values()].map(nextOf),
    }
  }

  return {
    get all() {
      return parked.values()
    },
    find: (name) => (parked.size > 0 ? parked.get(idOf(name)) : undefined), // nearly always nothing is
    async load() {
      const found = await everyRecord(work, { kind: parkedKind, owner: subscription.id, slots })
      parked.clear()
      for (const one of found.map(toParked)) parked.set(idOf(one), one)
    },
    afterFailure,
    postpone(known, until) {
      parked.set(idOf(known), { ...known, dueAt: until })
    },
    inserted(name, there, position) {
      const known = there ?? nothing(name)
      return { known, next: behind({ ...known, dueAt: there ? there.dueAt : clock.now() }, [position]) }
    },
    collect,
    written(changes) {
      for (const { known, next } of changes) {
        if (!isIn(slots, known.slot)) continue // another part has it now
        if (next) parked.set(idOf(next), { ...next, revision: known.revision + 1 })
        else parked.delete(idOf(known))
      }
    },
  }
}

/** What is left of a key when its first event is done; `undefined`: nothing. */
export function withoutFirst({ edited: _, retries: __, ...known }: Parked, now: number): Parked | undefined {
  const [first, ...positions] = known.positions
  if (positions.length === 0) return undefined
  const unread = known.unread?.filter((position) => position !== first) ?? []
  const { unread: ___, ...others } = known
  return { ...others, positions, attempts: 0, status: 'retrying', dueAt: now, ...(unread.length > 0 ? { unread } : {}) }
}

const idOf = ({ tenant, key }: Pick<Parked, 'tenant' | 'key'>): string => `${tenant}\u0000${key}`
