/** Numbers about subscriptions: how far they are, and what holds them up. */

import { fromJson } from '../../core/json.ts'
import type { SubscriptionPart } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { type ViewStatistics, viewStatistics } from '../rebuild/rebuild-statistics.ts'
import { madeBy } from '../rebuild/tend-views.ts'
import { loadControls, noControl, standing } from './control.ts'
import { followersOf } from './define.ts'
import { type Hole, holesOf } from './holes.ts'
import { type Level, levelOf, positionOf } from './levels.ts'
import type { PartState } from './membership.ts'
import { type Failure, toFailure } from './parked.ts'
import { type KeptProofs, proofsAt } from './proof.ts'
import type { SubscriptionKind } from './subscription.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { WorkerStatus } from './worker.ts'

/** What `app.subscriptions.list()` answers for each. */
export interface SubscriptionStatistics extends ViewStatistics, Level {
  readonly kind: SubscriptionKind
  readonly name: string
  /** Of the part that is worst off. `paused`: by an operator; `elsewhere`: another process works on it; `idle`: nobody does. */
  readonly state: WorkerStatus | 'paused' | 'elsewhere' | 'idle'
  /** Where it began when it was new: 1 is the first event of the log. `undefined`: it was never started. */
  readonly start: number | undefined
  /** Everything up to here is done, or parked. */
  readonly position: number
  readonly head: number
  /** Events a second that this process has handled in the last ten. */
  readonly rate: number
  readonly parts: readonly { readonly part: string; readonly owner: string | undefined; readonly position: number }[]
  /** By this process, since it was started. */
  readonly handled: number
  /** Up to here, what was looked at was compared with the log; `undefined` when it never is (`audit: false`). */
  readonly audited: number | undefined
  /** Where what was looked at and what is in the log differ: at most 100, until they are forgotten. */
  readonly holes: readonly Hole[]
  /** What has interrupted it last, or why it has failed, in whichever process. */
  readonly error: Failure | undefined
}

/** One line for each subscription of the app. */
export async function subscriptionStatistics(
  engine: Engine,
  running: Subscriptions | undefined,
): Promise<readonly SubscriptionStatistics[]> {
  const { store } = engine
  const [head, parts, controls, folds] = await Promise.all([store.head(), store.work.parts(), loadControls(store.work), madeBy(engine)])
  return Promise.all(followersOf(engine).map(statisticsOf))

  async function statisticsOf(follower: ReturnType<typeof followersOf>[number]): Promise<SubscriptionStatistics> {
    const { id, kind, name } = follower
    const own = parts.filter((part) => part.subscription === id)
    const workers = running?.workers.filter((worker) => worker.subscription.id === id) ?? []
    const proofsOf = (part: SubscriptionPart) =>
      running?.workerOf(part)?.proofs ?? proofsAt(JSON.parse(part.state) as KeptProofs, part.position).filter(({ after, to }) => to > after)
    const lowest = positionOf(running, own)
    const worst = workers.toSorted((left, right) => rank[right.status] - rank[left.status])[0]
    const { isPaused, ...control } = controls.get(id) ?? noControl
    const [failure] = standing({ isPaused, ...control }, own)
    const [level, holes] = await Promise.all([levelOf(engine, follower, lowest, head), holesOf(store.work, id)])
    return {
      kind,
      name,
      state: isPaused ? 'paused' : failure ? 'failed' : (worst?.status ?? (own.some(({ owner }) => owner !== null) ? 'elsewhere' : 'idle')),
      start: own[0] && ((fromJson(own[0].state) as PartState).start ?? 0) + 1,
      position: lowest,
      head,
      ...level,
      parts: own.map((part) => ({ part: part.part, owner: part.owner ?? undefined, position: positionOf(running, [part]) })),
      ...(running?.paceOf(id) ?? { handled: 0, rate: 0 }),
      audited:
        engine.settings.auditEveryMs === undefined ? undefined : Math.min(lowest, ...own.flatMap(proofsOf).map(({ after }) => after)),
      holes,
      error: worst?.error === undefined ? failure?.error : toFailure(worst.error),
      ...(kind === 'projection' ? await viewStatistics(engine, name, parts, folds) : { changed: false, rebuild: undefined }),
    }
  }
}

const rank: Record<WorkerStatus, number> = { waiting: 0, working: 1, restarting: 2, stopped: 3, lost: 4, failed: 5 }
