/** Which views there are in memory, and which generation of their rows is live. */
import { type DefinedView, type KeptView, type KeptViews, keptUnder, type ViewDefinition } from '../../core/view-store.ts'

export interface ViewRegistry {
  readonly all: readonly DefinedView[]
  readonly kept: KeptViews
  readonly epoch: number
  /** The name under which the rows of a generation are kept; of the live one, when none is named. */
  keptUnder(view: string, generation: number | undefined): string
  has(view: string): boolean
  set(definition: ViewDefinition, generation: number): void
  isLive(view: string, generation: number): boolean
  /** Registers a view that appends keep. */
  keep(definition: ViewDefinition): void
  /** Whether there was one to forget. */
  retire(view: string): boolean
}

export function viewRegistry(): ViewRegistry {
  const views = new Map<string, DefinedView>()
  const keptViews = new Map<string, KeptView>()
  let epoch = 0
  const liveOf = (view: string) => views.get(view)?.generation ?? 0
  const set: ViewRegistry['set'] = ({ view, indexes, fingerprint }, generation) =>
    void views.set(view, { view, indexes, fingerprint, generation })
  return {
    get all() {
      return [...views.values()]
    },
    get epoch() {
      return epoch
    },
    get kept() {
      return { epoch, views: [...keptViews.values()] }
    },
    keptUnder: (view, generation) => keptUnder(view, generation ?? liveOf(view)),
    has: (view) => views.has(view),
    set,
    isLive: (view, generation) => liveOf(view) === generation,
    keep(definition) {
      const { view, fingerprint, types } = definition
      set(definition, 0)
      const [before, now] = [keptViews.get(view), { view, fingerprint, ...(types ? { types: [...types].sort() } : {}) }]
      if (JSON.stringify(before) === JSON.stringify(now)) return
      keptViews.set(view, now)
      epoch++
    },
    retire(view) {
      if (!keptViews.delete(view)) return false
      views.delete(view)
      epoch++
      return true
    },
  }
}
