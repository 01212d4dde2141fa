/**
 * Looks after the views of async projections: notices a fold that has changed, has it rebuilt where that is wanted, and goes on with what a
 * process has left half done.
 *
 * A rebuild is begun by itself only when no process lives that has the fold of the stored rows. So a build that is being replaced does not
 * take back what the new one has rebuilt, and the new one begins when the last of the old ones has gone.
 */
import type { AnyProjection } from '../../core/projection.ts'
import type { WorkOwner } from '../../core/work-store.ts'
import { type Engine, report } from '../engine.ts'
import { type About, aboutOf, type Folds } from '../subscription/able-workers.ts'
import { subscriptionId } from '../subscription/define.ts'
import { beginRebuild } from './begin-rebuild.ts'
import { asyncTables, fingerprintOf, isChanged } from './changed-folds.ts'
import { cleanUp } from './clean-up.ts'
import { isRebuildable, type Job, partOfJob, readJob, readJobs, rebuildId } from './rebuild-job.ts'

const idOf = ({ name }: AnyProjection): string => subscriptionId('projection', name)

const asyncViews = ({ definitions }: Pick<Engine, 'definitions'>): readonly AnyProjection[] => definitions.views.filter(isRebuildable)

/** The folds of this build. */
export const foldsOf = (engine: Pick<Engine, 'definitions'>): Readonly<Record<string, string>> =>
  Object.fromEntries(asyncViews(engine).map((view) => [idOf(view), fingerprintOf(view)]))

/** Somebody who lives, and what he says of himself. */
type Present = About & Pick<WorkOwner, 'owner'>

export interface ViewTender {
  /** Tells which folds have changed. */
  tellChanged(folds: Folds): void
  /** After a look: begins what is to be begun by itself. */
  looked(living: readonly WorkOwner[], folds: Folds): void
}

/**
 * @param owner   of this process.
 * @param takeUp  has this process take the part of a rebuild, if nobody has it.
 */
export function tendViews(engine: Engine, owner: string, takeUp: (subscription: string) => Promise<void>): ViewTender {
  const { store, settings, tell } = engine
  const policyOf = (view: AnyProjection) => view.rebuild ?? settings.rebuild
  let isTending = false
  /** Views for which something is being begun. */
  const busy = new Set<AnyProjection>()

  function beginInBackground(view: AnyProjection, work: (stopping: AbortSignal) => Promise<unknown>): void {
    if (busy.has(view)) return
    busy.add(view)
    engine.background.run(
      async (stopping) => {
        try {
          await work(stopping)
        } finally {
          busy.delete(view)
        }
      },
      (error) => report(`beginning a rebuild of ${view.name} failed; it is tried again`, error),
    )
  }

  /** One of those who would begin the same begins it; any of them could. */
  function isFirstOfItsKind(view: AnyProjection, present: readonly Present[]): boolean {
    const alike = present.filter(({ folds = {} }) => folds[idOf(view)] === fingerprintOf(view)).map((one) => one.owner)
    return alike.sort()[0] === owner
  }

  async function beginChanged(view: AnyProjection, present: readonly Present[]): Promise<void> {
    const job = await readJob(store.work, view.name)
    // Another build rebuilds it: it is left alone as long as it is there.
    const isOthers = job.status === 'running' && present.some(({ folds = {} }) => folds[idOf(view)] === job.fingerprint)
    if (isOthers && job.fingerprint !== fingerprintOf(view)) return
    await beginRebuild(engine, view, false)
    await takeUp(rebuildId(view))
  }

  /** A process that has begun something may be gone before it was done. */
  const isHalfDone = (job: Job | undefined, view: AnyProjection): boolean =>
    job !== undefined && (job.garbage.length > 0 || (job.status === 'running' && job.fingerprint === fingerprintOf(view)))

  async function goOn(view: AnyProjection, stopping: AbortSignal): Promise<void> {
    await cleanUp(engine, view.name, stopping)
    const job = await readJob(store.work, view.name)
    if (job.status !== 'running' || job.fingerprint !== fingerprintOf(view) || (await partOfJob(store.work, rebuildId(view), job))) return
    await beginRebuild(engine, view, job.isComparison)
    await takeUp(rebuildId(view))
  }

  return {
    tellChanged(folds) {
      for (const view of asyncViews(engine)) {
        if (!isChanged(view, folds)) continue
        tell?.({ signal: 'projection.changed', projection: view.name, rebuild: policyOf(view) })
        const what = policyOf(view) === 'auto' ? 'it is rebuilt' : `call app.subscriptions.rebuild('${view.name}')`
        report(`projection ${view.name}`, `its stored rows were made by another fold than this build has: ${what}`)
      }
      for (const { name } of asyncTables(engine).filter((table) => isChanged(table, folds))) {
        tell?.({ signal: 'projection.changed', projection: name, rebuild: 'manual' })
        report(
          `projection ${name}`,
          'its tables were filled by other statements than this build has: give it another name and other tables',
        )
      }
    },
    looked(living, folds) {
      if (isTending) return // the next look comes soon
      isTending = true
      engine.background.run(
        () =>
          tend(living, folds).finally(() => {
            isTending = false
          }),
        (error) => report('looking after rebuilds failed; it is tried again', error),
      )
    },
  }

  /** What concerns no view in particular is asked once: there may be a thousand of them, and rarely anything to do. */
  async function tend(living: readonly WorkOwner[], folds: Folds): Promise<void> {
    const present: readonly Present[] = living.map((one) => ({ owner: one.owner, ...aboutOf(one) }))
    const jobs = await readJobs(store.work)
    for (const view of asyncViews(engine)) {
      const made = folds.get(idOf(view))
      const isKept = present.some((one) => one.folds?.[idOf(view)] === made)
      const isDue = policyOf(view) === 'auto' && isChanged(view, folds) && !isKept
      const isLeft = isHalfDone(jobs.get(view.name), view)
      if (!(isDue || isLeft) || !isFirstOfItsKind(view, present)) continue
      beginInBackground(view, async (stopping) => {
        if (isLeft) await goOn(view, stopping)
        if (isDue && !stopping.aborted) await beginChanged(view, present)
      })
    }
  }
}
