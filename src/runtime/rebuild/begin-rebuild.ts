/** Begins a rebuild, joins the one that is under way, or ends it. Every step may be repeated, and any number of processes may want the same. */
import { RecordConflictError } from '../../core/errors.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { Engine } from '../engine.ts'
import { viewDefinitionOf } from '../prepare-store.ts'
import { liveGeneration } from '../subscription/projection-consumer.ts'
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
      await completeBeginning(engine, known)
      return known
    }
    if (isRunning && isComparison && !known.isComparison) throw new RecordConflictError('rebuild', view.name)
    const job: Job = {
      view: view.name,
      status: 'running',
      generation: Math.max(known.generation, await liveGeneration(views, view.name)) + 1,
      indexes,
      fingerprint,
      isComparison,
      startedAt: clock.now(),
      garbage: isRunning ? [...known.garbage, filledBy(known)] : known.garbage,
      revision: known.revision,
    }
    const [result] = await work.commit([{ records: [jobRecord(job)] }])
    if (result?.kind !== 'done') continue // somebody else was faster: what he has begun is looked at
    await completeBeginning(engine, job)
    return { ...job, revision: job.revision + 1 }
  }
}

/**
 * Makes the part of a job that is running, if nobody has. While a job runs nobody takes its part away, so a part that is not there was
 * never made; and one that is made too late, for a job that has ended, is given up by whoever takes it.
 */
export async function completeBeginning({ store: { work } }: Pick<Engine, 'store'>, job: Job): Promise<void> {
  const id = idOfJob(job)
  while (!(await partOfJob(work, id, job))) {
    await takeAway(work, job.view, (generation) => generation < job.generation)
    if (await makePart(work, id, job)) return
    // There is another part: that of a later job, or an older one that was made too late.
    const now = await readJob(work, job.view)
    if (now.generation !== job.generation || now.status !== 'running') return
  }
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
