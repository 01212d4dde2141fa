/**
 * Whether code runs inside the work on a part, and who waits for whom from there.
 *
 * Who waits while an event is handled holds up its part. So when that part, or one that waits for it, is what is waited for, there is no
 * end to it. This is seen within one process and one app; across processes only time ends it.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Awaited } from './await-handled.ts'
import type { PartWorker } from './worker.ts'

interface Place {
  readonly engine: object
  readonly worker: PartWorker
  /** What was begun there and not waited for goes on, but holds up nobody any more. */
  isOver: boolean
}

const current = new AsyncLocalStorage<Place>()

/** Runs what an event leads to in the name of the part that is held up by it. */
export function inside<T>(engine: object, worker: PartWorker, work: () => Promise<T> | T): Promise<T> | T {
  const place = { engine, worker, isOver: false }
  let result: Promise<T> | T
  try {
    result = current.run(place, work)
  } catch (error) {
    place.isOver = true
    throw error
  }
  const over = () => {
    place.isOver = true
  }
  if (result === undefined) place.isOver = true
  else Promise.resolve(result).then(over, over)
  return result
}

/** The part whose work the caller holds up. */
export function insideOf(engine: object): PartWorker | undefined {
  const place = current.getStore()
  return place && place.engine === engine && !place.isOver ? place.worker : undefined
}

interface Wait {
  readonly by: PartWorker
  readonly awaited: readonly Awaited[]
}

const ofEngines = new WeakMap<object, Set<Wait>>()

function waitsOf(engine: object): Set<Wait> {
  const known = ofEngines.get(engine)
  if (known) return known
  const made = new Set<Wait>()
  ofEngines.set(engine, made)
  return made
}

/** Notes who waits for whom, until the end of it. */
export async function whileWaiting<T>(engine: object, by: PartWorker, awaited: readonly Awaited[], work: () => Promise<T>): Promise<T> {
  const waits = waitsOf(engine)
  const wait = { by, awaited }
  waits.add(wait)
  try {
    return await work()
  } finally {
    waits.delete(wait)
  }
}

/** From who wants to wait, over those that wait already, back to itself; `undefined` when there is no such way. */
export function cycleOf(engine: object, by: PartWorker, awaited: readonly Awaited[]): readonly string[] | undefined {
  const seen = new Set<Wait>()
  const wayFrom = (some: readonly Awaited[]): readonly string[] | undefined => {
    for (const { id, name, to } of some) {
      const isHeldUp = ({ subscription, seen: at }: PartWorker) => subscription.id === id && at < to
      if (isHeldUp(by)) return [name]
      for (const wait of waitsOf(engine)) {
        if (seen.has(wait) || !isHeldUp(wait.by)) continue
        seen.add(wait)
        const way = wayFrom(wait.awaited)
        if (way) return [name, ...way]
      }
    }
    return undefined
  }
  const way = wayFrom(awaited)
  return way && [by.subscription.name, ...way]
}
