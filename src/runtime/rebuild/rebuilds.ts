/** What `app.subscriptions.rebuild` and `compare` do: they begin the work, or join it, and wait for its end wherever it is done. */
import { closest } from '../../core/closest.ts'
import { DacapoError, DefinitionError, RebuildEndedError, StoppedError, UnsupportedError } from '../../core/errors.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { SomeProjection } from '../definitions.ts'
import type { Engine } from '../engine.ts'
import { controlOf, standing } from '../subscription/control.ts'
import type { Subscriptions } from '../subscription/subscriptions.ts'
import { pause } from '../timeout.ts'
import { beginRebuild, cancelRebuild } from './begin-rebuild.ts'
import { cleanUp } from './clean-up.ts'
import type { Comparison } from './comparison.ts'
import { makePace, type RebuildProgress } from './pace.ts'
import { type Job, partOfJob, readFolded, readJob, rebuildId } from './rebuild-job.ts'

/** How to wait for a rebuild. */
export interface RebuildOptions {
  /** Told how far it is, a few times a second. */
  readonly onProgress?: (progress: RebuildProgress) => void
  /**
   * Cancels it, wherever it runs: the view stays as it is, what was built is deleted, and the call rejects with the signal's reason. Once
   * the view is switched it is too late, and the call resolves.
   */
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
  /**
   * Builds the rows of an async projection anew from its first event, beside those that are read and kept up to date meanwhile; then
   * switches to them in one commit. Side effects are not repeated: only `key`, `initial` and `evolve` run.
   *
   * It is done by one of the processes that follow the log with this projection, and goes on there after a crash. Whoever calls while it
   * is under way joins it.
   *
   * @throws UnsupportedError (`ES_UNSUPPORTED`) a transactional projection, or one with tables or a read model; RebuildEndedError
   *         (`ES_REBUILD_ENDED`) it has failed, or somebody else has cancelled it; StoppedError (`ES_STOPPED`) the app stops, and another
   *         one will go on; the signal's reason.
   */
  rebuild(projection: WhichProjection, options?: RebuildOptions): Promise<Rebuilt>
  /**
   * Builds the rows anew and tells which ones differ from the stored ones, at the same position, although events keep coming. The view
   * is left as it is.
   *
   * @throws what `rebuild` throws; RecordConflictError (`ES_RECORD_CONFLICT`) it is being rebuilt.
   */
  compare(projection: WhichProjection, options?: RebuildOptions): Promise<Comparison>
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
      // What has come to its end before cannot be cancelled: its result is told.
      if (signal?.aborted && (await cancelAndClean(view, begun.generation))) throw signal.reason
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

  /** How far it is. @throws RebuildEndedError it has failed, in whichever process, or was ended by somebody else. */
  async function lookAt(view: AnyProjection, begun: Job) {
    const id = rebuildId(view)
    const job = await readJob(work, view.name)
    if (!isSameWish(job, begun) || job.status === 'cancelled') throw new RebuildEndedError(view.name)
    const { position, events } = job
    if (position !== undefined && events !== undefined) return { job, position, events }
    const part = await partOfJob(work, id, job)
    const [failure] = part ? standing(await controlOf(work, id), [part]) : []
    if (failure) {
      await cancelAndClean(view, job.generation)
      throw new RebuildEndedError(view.name, failure.error.message)
    }
    if (!part && (await readJob(work, view.name)).revision === job.revision) {
      // Somebody who wanted the same has begun it anew, and may not have come to its part.
      await beginRebuild(engine, view, job.isComparison)
      await running()?.takeUp(id)
    }
    return { job, position: part?.position ?? 0, events: (await readFolded(work, id))?.events ?? 0 }
  }

  async function cancelAndClean(view: AnyProjection, generation: number): Promise<boolean> {
    const isCancelled = await cancelRebuild(engine, view.name, generation)
    await cleanUp(engine, view.name, stopping)
    if (!isCancelled) return false
    const { position = 0, events = 0, startedAt } = await readJob(work, view.name)
    const durationMs = clock.now() - startedAt
    tell?.({ signal: 'projection.rebuild.stop', projection: view.name, outcome: 'cancelled', position, events, durationMs })
    return true
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
  if (!view) {
    const meant = closest(
      name,
      views.map((one) => one.name),
    )
    const hint = meant ? `did you mean ${JSON.stringify(meant)}?` : 'list it in the projections of createApp.'
    throw new DefinitionError(`There is no projection ${JSON.stringify(name)} in this app: ${hint}`)
  }
  if (view.readModel) {
    throw new UnsupportedError(
      `Projection ${name} keeps its rows in a read model of yours: give it another name, and the model other rows.`,
    )
  }
  if (view.consistency !== 'async') {
    throw new UnsupportedError(
      `Projection ${name} is transactional: it is rebuilt by itself when it has changed, before the first use of the store.`,
    )
  }
  return view
}
