/** Begins a rebuild, joins the one that is under way, or ends it. Every step may be repeated, and any number of processes may want the same. */
import { RecordConflictError } from '../../core/errors.ts'
import { fromJson } from '../../core/json.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { Engine } from '../engine.ts'
import { viewDefinitionOf } from '../prepare-store.ts'
import { subscriptionId } from '../subscription/define.ts'
import { positionBefore } from '../subscription/find-position.ts'
import type { PartState } from '../subscription/membership.ts'
import { liveGeneration } from '../subscription/projection-consumer.ts'
import { pause } from '../timeout.ts'
import { type Garbage, idOfJob, type Job, jobRecord, makePart, partOfJob, readJob, takeAway } from './rebuild-job.ts'

/**
 * The job that builds the view with this fold: a new one, or the one that already does. One with another fold is cancelled: the newest
 * wish counts, and the build that has begun it may be gone. So is a comparison, when the view is to be rebuilt.
 *
 * @throws RecordConflictError (`ES_RECORD_CONFLICT`) a comparison is wanted while the view is being rebuilt.
 */
export async function beginRebuild(engine: Engine, view: AnyProjection, isComparison: boolean): Promise<Job> {
  const { store, clock } = engine
  const { work, views } = store
  const { indexes, fingerprint } = viewDefinitionOf(view)
  for (;;) {
    const known = await readJob(work, view.name)
    const isRunning = known.status === 'running'
    if (isRunning && known.fingerprint === fingerprint && known.isComparison === isComparison) {
      const outcome = await awaitPart(engine, known)
      if (outcome === 'there') return known
      if (outcome === 'changed') continue
    }
    if (isRunning && isComparison && !known.isComparison) throw new RecordConflictError('rebuild', view.name)
    const job: Job = {
      view: view.name,
      status: 'running',
      generation: Math.max(known.generation, await liveGeneration(views, view.name)) + 1,
      indexes,
      fingerprint,
      start: await startOf(engine, view),
      isComparison,
      startedAt: clock.now(),
      garbage: isRunning ? [...known.garbage, filledBy(known)] : known.garbage,
      revision: known.revision,
    }
    const [result] = await work.commit([{ records: [jobRecord(job)] }])
    if (result?.kind !== 'done') continue // somebody else was faster: what he has begun is looked at
    if (await makeOnlyPart(engine, job)) return { ...job, revision: job.revision + 1 }
  }
}

/** Whoever has begun a job makes its part at once, unless he dies, or his connection does. */
async function awaitPart({ store: { work } }: Engine, job: Job): Promise<'there' | 'missing' | 'changed'> {
  for (let pauseMs = 10; ; pauseMs *= 2) {
    if (await partOfJob(work, idOfJob(job), job)) return 'there'
    if (pauseMs > longestPauseMs) return 'missing'
    await pause(pauseMs)
    const { revision } = await readJob(work, job.view)
    if (revision !== job.revision) return 'changed'
  }
}

/** About a third of a second in all. */
const longestPauseMs = 160

/** @returns false when there is a later job by now. */
async function makeOnlyPart({ store: { work } }: Engine, job: Job): Promise<boolean> {
  for (;;) {
    await takeAway(work, job.view, (generation) => generation < job.generation)
    if (await makePart(work, idOfJob(job), job)) return true
    // That of an older job may have come in between, too late.
    const now = await readJob(work, job.view)
    if (now.generation !== job.generation || now.status !== 'running') return false
  }
}

/** A view that has begun later than at the first event begins there again. */
async function startOf({ store }: Pick<Engine, 'store'>, { name, startFrom = 'beginning' }: AnyProjection): Promise<number> {
  const [part] = await store.work.parts(subscriptionId('projection', name))
  return part ? ((fromJson(part.state) as PartState).start ?? 0) : positionBefore(store, startFrom)
}

/**
 * Ends a job, wherever it is worked on; its rows are left to `cleanUp`.
 *
 * @returns false when it has ended before by itself.
 */
export async function cancelRebuild({ store: { work }, clock }: Engine, view: string, generation: number): Promise<boolean> {
  for (;;) {
    const job = await readJob(work, view)
    if (job.status !== 'running' || job.generation !== generation) return false
    const cancelled: Job = { ...job, status: 'cancelled', endedAt: clock.now(), garbage: [...job.garbage, filledBy(job)] }
    const [result] = await work.commit([{ records: [jobRecord(cancelled)] }])
    if (result?.kind !== 'done') continue
    await takeAway(work, view, (other) => other === generation)
    return true
  }
}

/** What a job has filled, when it is not to be read by anybody. */
export const filledBy = (job: Job): Garbage => ({ generation: job.generation, indexes: job.indexes, id: idOfJob(job) })
