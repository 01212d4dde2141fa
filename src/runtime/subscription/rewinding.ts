/**
 * Rewinds: everything behind a position is handled again.
 *
 * A rewind is recorded (`control.ts`), and each part makes it by itself, under its lease, in one commit: its position goes back, it
 * remembers the rewind, and what was parked behind the new position is forgotten, dead letters included. So an event that is handled
 * again does not come a second time from what was parked, and whoever takes a part over knows which rewinds are still to be made.
 *
 * What is parked at the new position or before it stays: the log does not bring it again. Later events of its key wait behind it, as before.
 */
import { LeaseLostError, RecordConflictError } from '../../core/errors.ts'
import { fromJson } from '../../core/json.ts'
import type { Lease, SubscriptionPart, WorkStore } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { commitOne } from '../work/commit-one.ts'
import { everyRecord } from '../work/every-record.ts'
import { holdApart } from '../work/hold-apart.ts'
import { leaseOf } from '../work/leases.ts'
import type { Rewind, Wish } from './control.ts'
import type { PartState } from './membership.ts'
import { type Parked, parkedKind, toParked, toRecord } from './parked.ts'
import { slotsOf } from './slots.ts'

/** How often what was parked is read again because somebody else has changed it. */
const mostConflicts = 10

/** The rewinds that a part has yet to make. */
export function rewindsOf({ state }: Pick<SubscriptionPart, 'state'>, { rewinds }: Wish): readonly Rewind[] {
  const { rewound = 0 } = fromJson(state) as PartState
  return rewinds.filter(({ number }) => number > rewound)
}

/**
 * Makes the rewinds that a part has yet to make; nobody may be working on it.
 *
 * @returns where it was and where it is, or nothing when there was nothing to do.
 * @throws LeaseLostError (`ES_LEASE_LOST`)
 */
export async function rewindPart(
  work: WorkStore,
  lease: Lease,
  wish: Wish,
): Promise<{ readonly from: number; readonly to: number } | undefined> {
  for (let attempt = 1; ; attempt++) {
    const parts = await work.parts(lease.subscription)
    const part = parts.find((one) => one.part === lease.part && one.epoch === lease.epoch)
    if (!part) throw new LeaseLostError(lease.subscription, lease.part)
    const pending = rewindsOf(part, wish)
    if (pending.length === 0) return undefined
    // None of them may be lost, and none goes forwards: the lowest is what they come to.
    const to = Math.min(...pending.map((one) => one.to))
    const back = atMost(part, to, Math.max(...pending.map(({ number }) => number)))
    const parked = await parkedIn(work, part)
    const records = parked.filter(({ positions }) => (positions.at(-1) as number) > to).map((one) => toRecord(one, upTo(one, to)))
    try {
      await commitOne(work, { steps: [{ ...lease, ...back }], records })
      return { from: part.position, to: back.position }
    } catch (error) {
      if (attempt === mostConflicts || !(error instanceof RecordConflictError)) throw error
    }
  }
}

/** Where a part is then; slots that were further than the part go back, too. */
function atMost(part: SubscriptionPart, to: number, rewound: number): { readonly position: number; readonly state: string } {
  const { ahead = {}, ...others } = fromJson(part.state) as PartState
  const position = Math.min(part.position, to)
  const still = Object.entries(ahead)
    .map(([slot, at]) => [slot, Math.min(at, to)] as const)
    .filter(([, at]) => at > position)
  const state: PartState = { ...others, rewound, ...(still.length > 0 ? { ahead: Object.fromEntries(still) } : {}) }
  return { position, state: JSON.stringify(state) }
}

/** What stays parked; `undefined`: nothing. */
function upTo(parked: Parked, to: number): Parked | undefined {
  const positions = parked.positions.filter((position) => position <= to)
  if (positions.length === 0) return undefined
  const { unread = [], ...others } = parked
  const stillUnread = unread.filter((position) => position <= to)
  return { ...others, positions, ...(stillUnread.length > 0 ? { unread: stillUnread } : {}) }
}

async function parkedIn(work: WorkStore, { subscription: owner, part }: Lease): Promise<readonly Parked[]> {
  return (await everyRecord(work, { kind: parkedKind, owner, slots: slotsOf(part) })).map(toParked)
}

/** Makes the rewinds of parts that nobody works on: takes them, and lets go of them again. Returns whether there was anything to do. */
export async function rewindFree(
  { store: { work }, ids }: Pick<Engine, 'store' | 'ids'>,
  parts: readonly SubscriptionPart[],
  wish: Wish,
  rewound: (lease: Lease, from: number, to: number) => void = () => {},
): Promise<boolean> {
  const pending = parts.filter((part) => rewindsOf(part, wish).length > 0)
  if (pending.length === 0) return false
  const { parts: held, letGo } = await holdApart(work, ids.next(), pending)
  try {
    for (const lease of held.map(leaseOf)) {
      const made = await rewindPart(work, lease, wish)
      if (made) rewound(lease, made.from, made.to)
    }
  } finally {
    await letGo()
  }
  return true
}
