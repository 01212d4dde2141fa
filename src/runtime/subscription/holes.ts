/** Holes: where what a subscription has looked at and what is in the log differ. They are kept until somebody has dealt with them. */
import { fromJson } from '../../core/json.ts'
import type { Lease, RecordWrite, WorkStore } from '../../core/work-store.ts'
import { commitOne } from '../work/commit-one.ts'
import { slotsOf } from './slots.ts'

/** A piece of the log that a part of a subscription has not taken as it is. */
export interface Hole {
  readonly part: string
  /** Only positions above. */
  readonly after: number
  /** Only positions up to and including. */
  readonly to: number
  /** How many events of its types are in the log there. */
  readonly expected: number
  /** How many the part has looked at. */
  readonly actual: number
  /** Which events were left out, or taken twice; `undefined` when there are too many to tell. */
  readonly positions: readonly number[] | undefined
  readonly foundAt: Date
}

const holeKind = 'hole'

/** How many are shown of one subscription. */
const mostShown = 100

/** The record of a hole. Found again, because a process has ended before it could write that the proof was compared, it is the same one. */
export function holeRecord({ subscription, part }: Lease, { foundAt, ...hole }: Hole): RecordWrite {
  return {
    kind: holeKind,
    owner: subscription,
    tenant: '',
    key: `${hole.after}-${hole.to} ${part}`,
    slot: slotsOf(part).from,
    status: 'found',
    dueAt: null,
    body: JSON.stringify({ ...hole, foundAt: foundAt.getTime() }),
  }
}

/** At most 100 of a subscription. */
export async function holesOf(work: WorkStore, subscription: string): Promise<readonly Hole[]> {
  const records = await work.records({ kind: holeKind, owner: subscription, limit: mostShown })
  return records.map(({ body }) => {
    const { foundAt, ...hole } = fromJson(body) as Omit<Hole, 'foundAt' | 'positions'> & { foundAt: number; positions?: readonly number[] }
    return { ...hole, positions: hole.positions, foundAt: new Date(foundAt) }
  })
}

/** Forgets the holes of some subscriptions. Returns how many there were. */
export async function forgetHoles(work: WorkStore, subscriptions: readonly { readonly id: string }[]): Promise<number> {
  let count = 0
  for (const { id: owner } of subscriptions) {
    for (;;) {
      const records = await work.records({ kind: holeKind, owner, limit: mostShown })
      if (records.length === 0) break
      await commitOne(work, { records: records.map(({ revision: _, ...record }) => ({ ...record, body: null })) })
      count += records.length
    }
  }
  return count
}
