/** Which views there are in memory, and which generation of their rows is live. */
import { type DefinedView, keptUnder, type ViewDefinition } from '../../core/view-store.ts'

export interface ViewRegistry {
  readonly all: readonly DefinedView[]
  /** The name under which the rows of a generation are kept; of the live one, when none is named. */
  keptUnder(view: string, generation: number | undefined): string
  has(view: string): boolean
  set(definition: ViewDefinition, generation: number): void
  isLive(view: string, generation: number): boolean
}

export function viewRegistry(): ViewRegistry {
  const views = new Map<string, DefinedView>()
  const liveOf = (view: string) => views.get(view)?.generation ?? 0
  return {
    get all() {
      return [...views.values()]
    },
    keptUnder: (view, generation) => keptUnder(view, generation ?? liveOf(view)),
    has: (view) => views.has(view),
    set: ({ view, indexes, fingerprint }, generation) => void views.set(view, { view, indexes, fingerprint, generation }),
    isLive: (view, generation) => liveOf(view) === generation,
  }
}
