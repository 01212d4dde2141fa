/** What `app.subscriptions.rebuild` and `compare` do: they begin the work, or join it, and wait for its end wherever it is done. */
import { DacapoError, DefinitionError, RebuildEndedError, StoppedError, UnsupportedError } from '../../core/errors.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { SomeProjection } from '../definitions.ts'
import type { Engine } from '../engine.ts'
import type { Subscriptions } from '../subscription/subscriptions.ts'
import { pause } from '../timeout.ts'
import { beginRebuild, cancelRebuild, completeBeginning } from './begin-rebuild.ts'
import { cleanUp } from './clean-up.ts'
import type { Comparison } from './comparison.ts'
import { makePace, type RebuildProgress } from './pace.ts'
import { type Job, partOfJob, readFolded, readJob, rebuildId } from './rebuild-job.ts'

/** How to wait for a rebuild. */
export interface RebuildOptions {
  /** Told how far it is, a few times a second. */
  readonly onProgress?: (progress: RebuildProgress) => void
  /** Cancels it, wherever it runs: the view stays as it is, what was built is deleted, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What a rebuild has come to. */
export interface Rebuilt {
  /** Where the view was switched. */
  readonly position: number
  /** How many events were folded. */
  readonly events: number
  readonly durationMs: number
}

/** Which projection: as it is defined, or its name. */
export type WhichProjection = string | Pick<SomeProjection, 'kind' | 'name'>

/** Rebuilds views that follow the log. */
export interface Rebuilds {
  rebuild(which: WhichProjection, options?: RebuildOptions): Promise<Rebuilt>
  compare(which: WhichProjection, options?: RebuildOptions): Promise<Comparison>
}

/** How often the store is asked how far it is. */
const askEveryMs = { first: 10, most: 200 } as const

/**
 * @param running   what this process works on, if it follows the log.
 * @param stopping  aborts when the app stops: the work goes on elsewhere, or when an app with this projection is started again.
 */
export function rebuildsOf(engine: Engine, running: () => Subscriptions | undefined, stopping: AbortSignal): Rebuilds {
  const { store, clock, tell } = engine
  const { work } = store

  async function run(which: WhichProjection, isComparison: boolean, { signal, onProgress }: RebuildOptions): Promise<Job> {
    const view = findView(engine, which)
    signal?.throwIfAborted()
    const ending = signal ? AbortSignal.any([signal, stopping]) : stopping
    const pace = makePace(clock, 0)
    let begun = await beginRebuild(engine, view, isComparison)
    await running()?.takeUp(rebuildId(view))
    let known: number | undefined
    for (let pauseMs: number = askEveryMs.first; ; pauseMs = Math.min(pauseMs * 2, askEveryMs.most)) {
      if (signal?.aborted) {
        await cancelAndClean(view, begun.generation)
        throw signal.reason
      }
      if (stopping.aborted) throw new StoppedError('The app')
      try {
        const now = await lookAt(view, begun)
        begun = now.job
        if (known === undefined) pace.begin(now.position, now.events)
        const progress = now.position === known ? undefined : pace.at({ ...now, head: Math.max(now.position, await store.head()) })
        known = now.position
        if (progress) onProgress?.(progress)
        if (begun.status === 'done') return begun
      } catch (error) {
        // What passes by itself does not end the work, so it does not end the waiting.
        if (!DacapoError.is(error) || !error.retryable) throw error
      }
      await pause(pauseMs, ending)
    }
  }

  /** How far it is. @throws RebuildEndedError, and what has made the work fail in this process. */
  async function lookAt(view: AnyProjection, begun: Job) {
    const id = rebuildId(view)
    const job = await readJob(work, view.name)
    if (!isSameWish(job, begun) || job.status === 'cancelled') throw new RebuildEndedError(view.name)
    const failed = running()?.workers.find((worker) => worker.subscription.id === id && worker.status === 'failed')
    if (failed) throw failed.error
    const { position, events } = job
    if (position !== undefined && events !== undefined) return { job, position, events }
    const part = await partOfJob(work, id, job)
    if (!part) {
      // Somebody who wanted the same has begun it anew, and may not have come to its part.
      await completeBeginning(engine, job)
      await running()?.takeUp(id)
    }
    return { job, position: part?.position ?? 0, events: (await readFolded(work, id))?.events ?? 0 }
  }

  async function cancelAndClean(view: AnyProjection, generation: number): Promise<void> {
    const isCancelled = await cancelRebuild(engine, view.name, generation)
    await cleanUp(engine, view.name)
    if (!isCancelled) return
    const { position = 0, events = 0, startedAt } = await readJob(work, view.name)
    const durationMs = clock.now() - startedAt
    tell?.({ signal: 'projection.rebuild.stop', projection: view.name, outcome: 'cancelled', position, events, durationMs })
  }

  return {
    async rebuild(which, options = {}) {
      const { position = 0, events = 0, startedAt, endedAt = startedAt } = await run(which, false, options)
      return { position, events, durationMs: endedAt - startedAt }
    },
    async compare(which, options = {}) {
      return (await run(which, true, options)).comparison as Comparison
    },
  }
}

const isSameWish = (left: Job, right: Job): boolean => left.fingerprint === right.fingerprint && left.isComparison === right.isComparison

/** @throws DefinitionError (`ES_DEFINITION`) there is none in this app; UnsupportedError (`ES_UNSUPPORTED`) it does not follow the log, or keeps tables. */
function findView({ definitions: { views, tables } }: Engine, which: WhichProjection): AnyProjection {
  const name = typeof which === 'string' ? which : which.name
  if (tables.some((table) => table.name === name)) {
    throw new UnsupportedError(
      `Table projection ${name} writes into tables that its own statements name, so no other ones can be filled beside them: give it another name and other tables, and drop the old ones when it has caught up.`,
    )
  }
  const view = views.find((one) => one.name === name)
  if (!view)
    throw new DefinitionError(`There is no projection ${JSON.stringify(name)} in this app: list it in the projections of createApp.`)
  if (view.consistency !== 'async') {
    throw new UnsupportedError(
      `Projection ${name} is transactional: it is rebuilt by itself when it has changed, before the first use of the store.`,
    )
  }
  return view
}
