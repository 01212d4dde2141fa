/**
 * Waiting until subscriptions have dealt with some events: a look at positions, not a message. So it works across processes, and for
 * events that concern nobody.
 */
import { DeadLetteredError, SubscriptionFailedError, SubscriptionPausedError } from '../../core/errors.ts'
import type { EventStore } from '../../core/event-store.ts'
import { everyRecord } from '../work/every-record.ts'
import { controlOf, standing } from './control.ts'
import { type Parked, parkedKind, toFailure, toParked } from './parked.ts'
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
 * @throws SubscriptionPausedError (`ES_SUBSCRIPTION_PAUSED`), SubscriptionFailedError (`ES_SUBSCRIPTION_FAILED`) nobody goes on there by himself.
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
      const parts = own ?? (await inStore(store, one))
      if (isDone(one, parts)) continue
      assertGoesOn(one, parts)
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

/** Whether somebody works on what it has not come to yet, or tries again what is parked. */
function assertGoesOn({ name, to }: Awaited, parts: readonly PartProgress[]): void {
  const behind = parts.filter(({ seen }) => seen < to)
  const failed = (behind.length > 0 ? behind : parts).find(({ status }) => status === 'failed')
  if (failed) throw new SubscriptionFailedError(name, toFailure(failed.error).message)
}

async function inStore(store: EventStore, one: Awaited): Promise<readonly PartProgress[]> {
  const parts = await store.work.parts(one.id)
  const isBehind = parts.length === 0 || parts.some(({ position }) => position < one.to)
  const parked = isBehind ? [] : await allParked(store, one)
  const found = parts.map(({ position }, i): PartProgress => ({ seen: position, parked: i === 0 ? parked : [] }))
  if (isDone(one, found)) return found
  const control = await controlOf(store.work, one.id)
  if (control.isPaused) throw new SubscriptionPausedError(one.name)
  const failures = standing(control, parts)
  return found.map((progress, i) => {
    const failure = failures.find(({ part }) => part === parts[i]?.part)
    return failure ? { ...progress, status: 'failed', error: new Error(failure.error.message) } : progress
  })
}

async function allParked(store: EventStore, { id: owner, key }: Awaited): Promise<readonly Parked[]> {
  if (key) {
    const record = await store.work.record({ kind: parkedKind, owner, ...key })
    return record ? [toParked(record)] : []
  }
  return (await everyRecord(store.work, { kind: parkedKind, owner })).map(toParked)
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
