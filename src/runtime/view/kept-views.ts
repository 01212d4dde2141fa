/**
 * The views that appends keep, as the store has them and as this build has them.
 *
 * Whoever appends folds the rows of transactional projections. A build that does not have one of them, or folds it otherwise, would leave it
 * wrong for ever and in silence; so would one that folds rows of a view that the store does not have any more. Which events a build may
 * append therefore depends on the store's set of such views, which has an epoch. Each request names the epoch that it was judged by,
 * and the store compares it in the append's own commit.
 */
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import type { KeptViews, ViewDefinition, ViewStore } from '../../core/view-store.ts'

/** What keeps a build from appending an event. */
export interface Stranger {
  readonly projection: string
  readonly type: string
}

/** What a build knows of the views that appends keep. */
export interface KeptSet {
  /** Reads what the store has by now. */
  read(views: Pick<ViewStore, 'kept'>): Promise<void>
  /** The request, with the epoch to compare. One that this build may not append names none that there is: so the store refuses it, unless it has an answer to it. */
  mark(request: AppendRequest): AppendRequest
  strangerTo(request: AppendRequest): Stranger | undefined
}

/** @param definitions  what this build has kept by appends. */
export function makeKeptSet(definitions: () => readonly ViewDefinition[]): KeptSet {
  let epoch = 0
  /** Projections that this build has not, or has otherwise, by the types that it may not append; `any`: by all. */
  let strangers: ReadonlyMap<string, string> = new Map()

  const strangerTo: KeptSet['strangerTo'] = ({ events }) => {
    for (const { type } of events) {
      const projection = strangers.get(type) ?? strangers.get(any)
      if (projection !== undefined) return { projection, type }
    }
    return undefined
  }

  return {
    async read(views) {
      const stored = await views.kept()
      const found = new Map<string, string>()
      const own = new Map(definitions().map((one) => [one.view, one]))
      for (const { view, fingerprint, types = [any] } of stored.views) {
        if (own.get(view)?.fingerprint === fingerprint) own.delete(view)
        else for (const type of types) found.set(type, view)
      }
      for (const { view, types = [] } of own.values()) for (const type of types) found.set(type, view)
      epoch = stored.epoch
      strangers = found
    },
    mark(request) {
      if (request.events.length === 0) return request
      return { ...request, viewEpoch: strangers.size > 0 && strangerTo(request) ? nothingKept : epoch }
    },
    strangerTo,
  }
}

/** No event has such a type. */
const any = ''

/** The epoch of a store that has never had such a view. */
const nothingKept = 0

/** Whether the store has a view by this very fold. */
export const isAmong = ({ views }: KeptViews, { view, fingerprint }: ViewDefinition): boolean =>
  views.some((one) => one.view === view && one.fingerprint === fingerprint)

/** The set that a request was judged by is not the store's any more. */
export const isOutdated = (result: AppendResult): boolean => result.kind === 'refused' && result.error.code === 'ES_VIEW_SET_CHANGED'
