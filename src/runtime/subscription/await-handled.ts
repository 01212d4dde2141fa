/**
 * Waiting until subscriptions have dealt with some events: a look at positions, not a message. So it works across processes, and for
 * events that concern nobody.
 */
import { DeadLetteredError } from '../../core/errors.ts'
import type { EventStore } from '../../core/event-store.ts'
import type { WorkRecord } from '../../core/work-store.ts'
import { type Parked, parkedKind, toParked } from './parked.ts'
import type { PartProgress, Progress } from './progress.ts'

/** What is waited for. */
export interface Awaited {
  /** The id of a subscription, and its name for people. */
  readonly id: string
  readonly name: string
  /** Positions behind `after`, up to `to`. */
  readonly after: number
  readonly to: number
  /** Only what waits under this key concerns us. */
  readonly key?: { readonly tenant: string; readonly key: string }
}

/** How often the store is asked about parts that another process works on. */
const askEveryMs = { first: 10, most: 200 } as const

/**
 * @returns once everything is dealt with.
 * @throws DeadLetteredError (`ES_DEAD_LETTERED`) one of the events has failed, or waits behind one that has, and nobody tries it again.
 */
export async function awaitHandled(
  store: EventStore,
  progress: Progress,
  awaited: readonly Awaited[],
  signal: AbortSignal | undefined,
): Promise<void> {
  let left = awaited
  for (let pauseMs: number = askEveryMs.first; ; pauseMs = Math.min(pauseMs * 2, askEveryMs.most)) {
    const still: Awaited[] = []
    let isLocal = true
    for (const one of left) {
      const own = progress.allOf(one.id)
      if (isDone(one, own ?? (await inStore(store, one)))) continue
      still.push(one)
      isLocal &&= own !== undefined
    }
    left = still
    if (left.length === 0) return
    signal?.throwIfAborted()
    await changeOrPause(progress, isLocal ? undefined : pauseMs, signal)
    signal?.throwIfAborted()
  }
}

/** Who has not got there, and where it is: for the message when time is over. */
export async function laggards(store: EventStore, progress: Progress, awaited: readonly Awaited[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const one of awaited) {
    const parts = progress.allOf(one.id) ?? (await inStore(store, one))
    if (parts.length === 0) found.push(`${one.name} was never started`)
    else {
      const at = Math.min(...parts.map(({ seen }) => seen))
      if (at < one.to) found.push(`${one.name} is at position ${at} of ${one.to}`)
      else if (parts.some(({ parked }) => parked.some((waiting) => concerns(waiting, one)))) found.push(`${one.name} tries again`)
    }
  }
  return found
}

function isDone(one: Awaited, parts: readonly PartProgress[]): boolean {
  if (parts.length === 0 || parts.some(({ seen }) => seen < one.to)) return false
  const waiting = parts.flatMap(({ parked }) => parked.filter((parked) => concerns(parked, one)))
  const dead = waiting.find(({ status }) => status === 'dead')
  if (dead) throw new DeadLetteredError(one.name, dead.key, dead.failure.message)
  return waiting.length === 0
}

function concerns({ positions, tenant, key }: Parked, one: Awaited): boolean {
  if (one.key && (one.key.tenant !== tenant || one.key.key !== key)) return false
  return positions.some((position) => position > one.after && position <= one.to)
}

async function inStore(store: EventStore, one: Awaited): Promise<readonly PartProgress[]> {
  const parts = await store.work.parts(one.id)
  if (parts.length === 0 || parts.some(({ position }) => position < one.to))
    return parts.map(({ position }) => ({ seen: position, parked: [] }))
  const parked = await allParked(store, one)
  return parts.map(({ position }, i) => ({ seen: position, parked: i === 0 ? parked : [] }))
}

async function allParked(store: EventStore, { id: owner, key }: Awaited): Promise<readonly Parked[]> {
  if (key) {
    const record = await store.work.record({ kind: parkedKind, owner, ...key })
    return record ? [toParked(record)] : []
  }
  const found: WorkRecord[] = []
  for (;;) {
    const after = found.at(-1)
    const page = await store.work.records({ kind: parkedKind, owner, limit: 1000, ...(after && { after }) })
    found.push(...page)
    if (page.length < 1000) return found.map(toParked)
  }
}

/** Resolves when something has moved, or after the pause; keeps a process alive meanwhile that has nothing else to do. */
export async function changeOrPause(progress: Progress, pauseMs: number | undefined, signal: AbortSignal | undefined): Promise<void> {
  const enough = new AbortController()
  const stop = () => enough.abort()
  const timer = pauseMs === undefined ? undefined : setTimeout(stop, pauseMs)
  signal?.addEventListener('abort', stop)
  try {
    await progress.change(enough.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}
