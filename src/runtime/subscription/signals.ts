/** What observers are told of parts, and of events that could not be handled. */
import type { Signals } from '../../core/observer.ts'
import { type Engine, report } from '../engine.ts'
import { type Parked, toFailure } from './parked.ts'
import type { Delivery } from './subscription.ts'
import type { Late, PartWorker } from './worker.ts'

type OfPart = Pick<Signals['subscription.start'], 'kind' | 'name' | 'part'>

/** How signals name a part. */
export function partOf({ subscription: { kind, name }, lease: { part } }: Pick<PartWorker, 'subscription' | 'lease'>): OfPart {
  return { kind, name, part }
}

/** A part is not worked on any more: it was let go of, or somebody else has it. */
export function tellEnd(tell: Engine['tell'], part: Pick<PartWorker, 'subscription' | 'lease'>, isLost: boolean): void {
  if (!tell) return
  const about = { ...partOf(part), epoch: part.lease.epoch }
  if (isLost) tell({ signal: 'lease.lost', ...about })
  tell({ signal: 'subscription.stop', ...about })
}

/** What was added was not looked for before: events of these types that are behind it already are not handled. */
export function tellChanged(tell: Engine['tell'], worker: PartWorker): void {
  const { subscription, position } = worker
  tell?.({ signal: 'subscription.changed', ...partOf(worker), position })
  report(
    `${subscription.kind} ${subscription.name}`,
    `it follows other types of events than before; those up to position ${position} were looked at by the types of then.`,
  )
}

export function tellLate(tell: Engine['tell'], worker: PartWorker, late: Late): void {
  const { kind, name } = worker.subscription
  tell?.({ signal: 'subscription.late', ...partOf(worker), ...late })
  const keys = late.keys.map((key) => `"${key}"`).join(', ')
  const advice = kind === 'projection' ? ' Where the order matters, rebuild it.' : ''
  report(`${kind} ${name}`, `the event at position ${late.position} comes to ${keys} only now, perhaps behind later ones.${advice}`)
}

/** An attempt has failed when there is one more than before; waiting behind another event is none. */
export function tellParked(tell: Engine['tell'], part: OfPart, parked: Parked, before: Parked): void {
  if (!tell || parked.attempts <= before.attempts) return
  const { tenant, key, positions, attempts, failure: error, dueAt } = parked
  const failed = { ...part, tenant, key, position: positions[0] as number, attempts, error }
  if (dueAt === null) tell({ signal: 'handler.dead-letter', ...failed })
  else tell({ signal: 'handler.retry', ...failed, dueAt })
}

/** An event has failed, and was passed by: its handler has said so. */
export function tellSkip(tell: Engine['tell'], part: OfPart, { event, key, attempt }: Delivery, failure: unknown): void {
  const { tenant, position } = event
  tell?.({ signal: 'handler.skip', ...part, tenant, key, position, attempts: attempt, error: toFailure(failure) })
}
