/** How far the parts are that this process works on: what waiting can rely on without asking the store. */
import type { Parked } from './parked.ts'
import { slotCount, slotsOf } from './slots.ts'
import { makeWaiters } from './waiters.ts'
import type { WorkerStatus } from './worker.ts'

/** What is known of a part. */
export interface PartProgress {
  /** Everything up to here is done, or parked. */
  readonly seen: number
  readonly parked: readonly Parked[]
  readonly status?: WorkerStatus
  /** Why it has failed. */
  readonly error?: unknown
}

/** The progress of the parts of one process. */
export interface Progress {
  /** The parts of a subscription, if this process works on all of them. */
  allOf(subscription: string): readonly PartProgress[] | undefined
  set(subscription: string, part: string, progress: PartProgress): void
  forget(subscription: string, part: string): void
  /** Resolves when anything has moved; at the latest when the signal aborts. */
  change(signal: AbortSignal): Promise<void>
}

const ofEngines = new WeakMap<object, Progress>()

/** The progress of what an engine works on; not a part of it, because an app that waits for nobody does not load it. */
export function progressOf(engine: object): Progress {
  const known = ofEngines.get(engine)
  if (known) return known
  const made = makeProgress()
  ofEngines.set(engine, made)
  return made
}

function makeProgress(): Progress {
  const parts = new Map<string, Map<string, PartProgress>>()
  const waiters = makeWaiters()
  const of = (subscription: string) => {
    const known = parts.get(subscription)
    if (known) return known
    const made = new Map<string, PartProgress>()
    parts.set(subscription, made)
    return made
  }
  return {
    allOf(subscription) {
      const known = of(subscription)
      let slots = 0
      for (const part of known.keys()) {
        const { from, to } = slotsOf(part)
        slots += to - from + 1
      }
      return slots === slotCount ? [...known.values()] : undefined
    },
    set(subscription, part, progress) {
      of(subscription).set(part, progress)
      waiters.wake()
    },
    forget(subscription, part) {
      of(subscription).delete(part)
      waiters.wake()
    },
    change: waiters.change,
  }
}
