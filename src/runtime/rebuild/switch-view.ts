/**
 * The switch: from one commit on a view is read from the rows that were built anew, and its subscription goes on where they are.
 *
 * In that commit are the generation that is live, the positions of all parts of the subscription, what is parked in them, and the end of
 * the job. It is made under the lease of the rebuild and under those of the parts: so nobody has written a row since, neither old nor new.
 */
import { fromJson } from '../../core/json.ts'
import type { ViewDefinition } from '../../core/view-store.ts'
import type { RecordWrite, SubscriptionPart, Work, WorkRecord, WorkStore } from '../../core/work-store.ts'
import type { PartState } from '../subscription/membership.ts'
import { parkedKind } from '../subscription/parked.ts'
import { handedOn, proofsAt } from '../subscription/proof.ts'
import { everyRecord } from '../work/every-record.ts'
import { leaseOf } from '../work/leases.ts'
import { deletion, foldedRecord, type Garbage, type Job, jobRecord } from './rebuild-job.ts'

/** What a switch is made of. */
export interface Switch {
  readonly job: Job
  /** The work that rebuilds the view, and the subscription that keeps it. */
  readonly id: string
  readonly subscription: string
  /** The part that has filled the new rows. */
  readonly own: SubscriptionPart | undefined
  readonly definition: ViewDefinition
  /** The rows that are live until then. */
  readonly before: Garbage
  /** All parts of the subscription, which are held. */
  readonly parts: readonly SubscriptionPart[]
  /** Up to here everything is folded into the new rows, or parked; not below that of any part. */
  readonly position: number
  readonly events: number
  readonly now: number
}

/** The work to be committed, under the lease of the rebuild besides. */
export async function switchWork(work: WorkStore, given: Switch): Promise<Pick<Work, 'steps' | 'records' | 'switches'>> {
  const { job, id, subscription, own, definition, before, parts, position, events, now } = given
  const done: Job = { ...job, status: 'done', position, events, endedAt: now, garbage: [...job.garbage, before] }
  const parked = moved(
    await everyRecord(work, { kind: parkedKind, owner: id }),
    await everyRecord(work, { kind: parkedKind, owner: subscription }),
    subscription,
  )
  return {
    steps: parts.map((part, i) => ({ ...leaseOf(part), position, state: stateAt(part, position, i === 0 ? own : undefined) })),
    records: [jobRecord(done), foldedRecord(id, null), ...parked],
    switches: [{ ...definition, generation: job.generation }],
  }
}

/**
 * All slots of a part are at its position now; what else is kept there stays. What was proven of the old rows is of no use any more; one of
 * the parts proves what was looked at for the new ones.
 */
function stateAt({ state }: SubscriptionPart, position: number, own: SubscriptionPart | undefined): string {
  const { ahead: _, proof: __, earlierProofs: ___, ...rest } = fromJson(state) as PartState
  const proofs = own ? handedOn(proofsAt(fromJson(own.state) as PartState, own.position), position) : {}
  return JSON.stringify({ ...rest, ...proofs } satisfies PartState)
}

/** What could not be folded into the new rows takes the place of what could not be folded into the old ones. */
function moved(own: readonly WorkRecord[], old: readonly WorkRecord[], subscription: string): readonly RecordWrite[] {
  const nameOf = ({ tenant, key }: WorkRecord) => `${tenant}\u0000${key}`
  const known = new Map(old.map((record) => [nameOf(record), record]))
  const moves = own.flatMap((record): readonly RecordWrite[] => {
    const there = known.get(nameOf(record))
    known.delete(nameOf(record))
    return [{ ...record, owner: subscription, expectedRevision: there?.revision ?? 0 }, deletion(record)]
  })
  return [...moves, ...[...known.values()].map(deletion)]
}
