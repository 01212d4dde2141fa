/** What `app.subscriptions.rebuild` and `compare` do: they begin the work, or join it, and wait for its end wherever it is done. */
import { DefinitionError, RebuildEndedError, StoppedError, UnsupportedError } from '../../core/errors.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { SomeProjection } from '../definitions.ts'
import type { Engine } from '../engine.ts'
import type { Subscriptions } from '../subscription/subscriptions.ts'
import { pause } from '../timeout.ts'
import { beginRebuild, cancelRebuild } from './begin-rebuild.ts'
import { cleanUp } from './clean-up.ts'
import type { Comparison } from './comparison.ts'
import { makePace, type RebuildProgress } from './pace.ts'
import { type Job, readFolded, readJob, rebuildId } from './rebuild-job.ts'

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
    let begun = await beginRebuild(engine, view, isComparison)
    await running()?.takeUp(rebuildId(view))
    const pace = makePace(clock, 0)
    let known = -1
    for (let pauseMs: number = askEveryMs.first; ; pauseMs = Math.min(pauseMs * 2, askEveryMs.most)) {
      if (signal?.aborted) {
        await cancelAndClean(view, begun.generation)
        throw signal.reason
      }
      if (stopping.aborted) throw new StoppedError('The app')
      const job = await readJob(work, view.name)
      if (!isSameWish(job, begun) || job.status === 'cancelled') throw new RebuildEndedError(view.name)
      begun = job // somebody who wanted the same at the same time may have begun it anew
      const events = job.events ?? (await readFolded(work, rebuildId(view)))?.events ?? 0
      const position = job.position ?? (await work.parts(rebuildId(view)))[0]?.position ?? 0
      if (known < 0) pace.begin(position, events)
      const progress = position === known ? undefined : pace.at({ position, head: Math.max(position, await store.head()), events })
      known = position
      if (progress) onProgress?.(progress)
      if (job.status === 'done') return job
      const failed = running()?.workers.find((worker) => worker.subscription.id === rebuildId(view) && worker.status === 'failed')
      if (failed) throw failed.error
      await pause(pauseMs, signal ? AbortSignal.any([signal, stopping]) : stopping)
    }
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
