/** Numbers about views that are built anew, or should be. */
import type { SubscriptionPart } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import type { Folds } from '../subscription/able-workers.ts'
import { asyncTables, isChanged } from './changed-folds.ts'
import { generationOf, idOfJob, readJob } from './rebuild-job.ts'

/** A rebuild that is under way, in whichever process. */
export interface RebuildStatistics {
  /** Everything up to here is folded into the new rows. */
  readonly position: number
  /** Only to compare the rows. */
  readonly comparison: boolean
  readonly startedAt: Date
}

/** What `app.subscriptions.list()` tells of a projection's view besides. */
export interface ViewStatistics {
  /** A projection whose stored rows were made by another fold than this build has. */
  readonly changed: boolean
  /** The rebuild of a projection's view that is under way. */
  readonly rebuild: RebuildStatistics | undefined
}

export async function viewStatistics(
  engine: Pick<Engine, 'definitions' | 'store'>,
  name: string,
  parts: readonly SubscriptionPart[],
  folds: Folds,
): Promise<ViewStatistics> {
  const { definitions, store } = engine
  const view = definitions.views.find((one) => one.name === name)
  if (!view) return { changed: asyncTables(engine).some((table) => table.name === name && isChanged(table, folds)), rebuild: undefined }
  const job = await readJob(store.work, name)
  const { status, generation, isComparison, startedAt } = job
  const part = parts.find((one) => status === 'running' && one.subscription === idOfJob(job) && generationOf(one) === generation)
  const rebuild = part && { position: part.position, comparison: isComparison, startedAt: new Date(startedAt) }
  return { changed: isChanged(view, folds), rebuild }
}
