/**
 * Works on one part of a subscription: takes the next events, has them handled, and commits what came of it with the step.
 *
 * Invariants:
 * - Nothing is committed but under the lease, and each commit names the position up to which everything is done or parked. So after a
 *   crash, or a takeover, exactly what is behind that position is handled again.
 * - Only this loop writes the position, one commit after the other: it never goes back.
 * - An event whose handling failed is parked in the commit that passes it by, and so is every later one of its key.
 */
import type { Clock } from '../../core/clock.ts'
import { DacapoError, LeaseLostError, ProjectionFailedError, RecordConflictError, StoreUnavailableError } from '../../core/errors.ts'
import { decodeEvent, type EventTypes } from '../../core/event-codec.ts'
import type { EventStore } from '../../core/event-store.ts'
import { fromJson } from '../../core/json.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { LogPage, StoredEvent } from '../../core/stored-event.ts'
import type { Lease, Work } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { pause } from '../timeout.ts'
import type { LogFeed } from './log-feed.ts'
import type { PartState } from './membership.ts'
import { asEdited, mostParked, type Parked, parkedKind, toFailure, toParked, toRecord } from './parked.ts'
import { isIn, slotOf, slotsOf } from './slots.ts'
import type { Delivery, Gathered, Subscription } from './subscription.ts'

/** What a worker needs of its engine. */
export interface WorkerContext {
  readonly store: EventStore
  readonly eventTypes: EventTypes
  readonly clock: Clock
  readonly feed: LogFeed
  readonly random: () => number
  /** How long a step without anything to write may stay unwritten, and how long handling may go on without a commit. */
  readonly checkpointEveryMs: number
  readonly restart: { readonly maxRestarts: number; readonly withinMs: number }
  /** Told whenever the position or the status has changed. */
  readonly moved: (worker: PartWorker) => void
  /** Told when something is parked, retried, or done after all. */
  readonly parked: (worker: PartWorker, parked: Parked, before: Parked) => void
  readonly failed: (worker: PartWorker, error: unknown) => void
  readonly tell: Engine['tell']
}

/** `waiting`: everything that was there is done. */
export type WorkerStatus = 'working' | 'waiting' | 'restarting' | 'failed' | 'lost' | 'stopped'

/** Works on a part until it is stopped or has lost it. */
export interface PartWorker {
  readonly subscription: Subscription
  readonly lease: Lease
  readonly status: WorkerStatus
  /** Everything up to here is done or parked, and committed. */
  readonly position: number
  /** Everything up to here was looked at; what is between the two has concerned nobody. */
  readonly seen: number
  /** What is parked, by key. */
  readonly parked: readonly Parked[]
  readonly handled: number
  readonly error: unknown
  /** When there is something to do by itself, in milliseconds since 1970. */
  readonly nextDueAt: number | undefined
  /** Looks again at what is parked: somebody has changed it. */
  poke(): void
  /** Ends after what it is doing; the lease is still held. */
  stop(): Promise<void>
}

/** How many deliveries share a commit at most. */
const mostTogether = 1000

export function startPartWorker(context: WorkerContext, subscription: Subscription, lease: Lease): PartWorker {
  const { store, eventTypes, clock, feed, random, checkpointEveryMs, restart, moved, tell } = context
  const { types, persistence, kind, name } = subscription
  const { part } = lease
  const slots = slotsOf(part)
  const stopping = new AbortController()
  const consumer = subscription.consumer({
    slots,
    stopping: stopping.signal,
    commit: (gathered) => commit({ ...gathered, steps: [lease] }),
  })
  const parked = new Map<string, Parked>()
  let status: WorkerStatus = 'working'
  let error: unknown
  let position = 0
  let seen = 0
  /** Slots that are further than the part. */
  let ahead: NonNullable<PartState['ahead']> = {}
  let handled = 0
  let unwrittenSince: number | undefined
  let isPoked = false
  let dueInVain = 0
  let wake = () => {}

  const become = (next: WorkerStatus) => {
    if (status === next) return
    status = next
    moved(worker)
  }

  async function run(): Promise<void> {
    const restarts: number[] = []
    while (!stopping.signal.aborted) {
      try {
        await resume()
        await work()
      } catch (caught) {
        if (stopping.signal.aborted) break
        error = caught
        consumer.forget()
        if (caught instanceof LeaseLostError) return become('lost')
        context.failed(worker, caught)
        // What passes by itself is waited for as long as it takes; anything else is tried again a few times.
        const passes = DacapoError.is(caught) && caught.retryable
        if (!passes) restarts.push(clock.now())
        while (restarts.length > 0 && (restarts[0] as number) < clock.now() - restart.withinMs) restarts.shift()
        if (caught instanceof Exhausted || restarts.length > restart.maxRestarts) return become('failed')
        become('restarting')
        tell?.({ signal: 'subscription.restart', kind, name, part, error: caught })
        await pause(Math.min(5000, 50 * 2 ** restarts.length) * (0.5 + random() / 2))
      }
    }
    if (unwrittenSince !== undefined && status !== 'lost') await commit({ steps: [{ ...lease, position: seen }] }).catch(() => {})
    become('stopped')
  }

  /** Where the part is, and what is parked: the store knows. */
  async function resume(): Promise<void> {
    const part = (await store.work.parts(lease.subscription)).find((one) => one.part === lease.part && one.epoch === lease.epoch)
    if (!part) throw new LeaseLostError(lease.subscription, lease.part)
    position = part.position
    seen = part.position
    ahead = (fromJson(part.state) as PartState).ahead ?? {}
    unwrittenSince = undefined
    await loadParked()
    await consumer.resume?.()
    become('working')
  }

  async function loadParked(): Promise<void> {
    isPoked = false
    parked.clear()
    const question = { kind: parkedKind, owner: subscription.id, slots, limit: 1000 }
    for (let after: Parked | undefined; ; ) {
      const from = after && { owner: after.subscription, tenant: after.tenant, key: after.key, dueAt: null }
      const page = (await store.work.records({ ...question, ...(from && { after: from }) })).map(toParked)
      for (const one of page) parked.set(idOf(one), one)
      after = page.at(-1)
      if (page.length < question.limit) return
    }
  }

  async function work(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (isPoked) {
        await loadParked()
        await consumer.resume?.()
      }
      await retryDue()
      await consumer.due?.(seen, (tenant, key) => parked.has(idOf({ tenant, key })))
      if (unwrittenSince !== undefined && clock.now() >= unwrittenSince + checkpointEveryMs) await step(seen, {}, [])
      const page = await nextPage()
      if (page) await take(page)
    }
  }

  /** The next events, or nothing when there is something else to do. */
  async function nextPage(): Promise<LogPage | undefined> {
    const due = nextDueAt()
    if (due !== undefined && due <= clock.now() && seen >= feed.head) {
      // What is due may have to wait for something else; the pause is real, because a test clock may stand still.
      await pause(dueInVain++ < 10 ? 0 : 10)
      return undefined
    }
    dueInVain = 0
    const enough = new AbortController()
    const stop = () => enough.abort()
    wake = stop
    stopping.signal.addEventListener('abort', stop)
    const cancel = due === undefined ? () => {} : clock.after(Math.max(0, due - clock.now()), stop)
    try {
      if (isPoked || stopping.signal.aborted) return undefined
      if (seen >= feed.head) become('waiting')
      const page = await feed.next(seen, types, enough.signal)
      if (page) become('working')
      return page
    } finally {
      cancel()
      stopping.signal.removeEventListener('abort', stop)
    }
  }

  function nextDueAt(): number | undefined {
    const times = [...parked.values()].flatMap(({ dueAt }) => (dueAt === null ? [] : [dueAt]))
    if (unwrittenSince !== undefined) times.push(unwrittenSince + checkpointEveryMs)
    if (consumer.nextDueAt !== undefined) times.push(consumer.nextDueAt)
    return times.length > 0 ? Math.min(...times) : undefined
  }

  async function take(page: LogPage): Promise<void> {
    const deliveries = page.events.flatMap(deliveriesOf)
    for (let done = 0; done < deliveries.length && !stopping.signal.aborted; ) {
      const some = wholeEvents(deliveries, done, done + mostTogether)
      done += await takeSome(some, done + some.length === deliveries.length ? page.position : positionOf(some))
    }
    if (deliveries.length > 0) return
    seen = page.position
    // On whole intervals, so that all who are in the same situation can share a commit.
    unwrittenSince ??= Math.floor(clock.now() / checkpointEveryMs) * checkpointEveryMs
    moved(worker)
  }

  /** Deliveries of an event to the keys of this part. What cannot be read is a delivery, too: it fails when it is handled. */
  function deliveriesOf(stored: StoredEvent): readonly Delivery[] {
    const { tenant, stream } = stored
    let event: RecordedEvent
    let keys: readonly string[]
    try {
      event = decodeEvent(eventTypes.get(stored.type), stored)
      keys = consumer.keysOf(event)
    } catch (unreadable) {
      event = { ...stored, unreadable } as never
      keys = [stream]
    }
    return keys.flatMap((key) => {
      const slot = slotOf(tenant, key)
      const isDone = (ahead[slot] ?? 0) >= event.position
      return isIn(slots, slot) && !isDone ? [{ event, key, slot, attempt: 1 }] : []
    })
  }

  /** Does as many of the deliveries as time permits, all of an event or none; with all of them it has come to `end`. Returns how many. */
  async function takeSome(deliveries: readonly Delivery[], end: number): Promise<number> {
    const startedAt = clock.now()
    const changes = new Map<string, Change>()
    const batch = await consumer.begin(deliveries.filter((one) => !parked.has(idOf(keyOf(one)))))
    let count = 0
    for (const delivery of deliveries) {
      const isNext = delivery.event !== deliveries[count - 1]?.event
      const isEnough = stopping.signal.aborted || clock.now() - startedAt >= checkpointEveryMs || batch.isFull?.(delivery)
      if (count > 0 && isNext && isEnough) break
      count++
      const name = keyOf(delivery)
      const known = changes.get(idOf(name))?.known ?? parked.get(idOf(name)) ?? { ...nothingParked, ...name }
      const waiting = changes.get(idOf(name))?.next ?? parked.get(idOf(name))
      if (waiting) {
        changes.set(idOf(name), { known, next: behind(waiting, delivery) })
        continue
      }
      try {
        const handling = handle(batch, delivery)
        if (handling) await handling
      } catch (failure) {
        if (stopping.signal.aborted) throw failure
        changes.set(idOf(name), { known, next: parkFirst(known, delivery, failure) })
      }
    }
    const done = deliveries.slice(0, count)
    const to = count === deliveries.length ? end : positionOf(done)
    try {
      await step(to, batch.gathered(), [...changes.values()])
    } catch (failure) {
      if (DacapoError.is(failure) && !(failure instanceof ProjectionFailedError)) throw failure
      // One of them makes it impossible for all: which one shows when each event goes alone.
      consumer.forget()
      const first = wholeEvents(done, 0, 1)
      if (first.length < count) return takeSome(first, positionOf(first))
      await parkAll(done, to, failure)
    }
    handled += count
    if (tell && kind === 'projection') {
      const events = new Set(done.map(({ event }) => event)).size
      tell({ signal: 'projection.checkpoint', projection: name, part, position: to, events, durationMs: clock.now() - startedAt })
    }
    await batch.committed?.()
    return count
  }

  async function parkAll(deliveries: readonly Delivery[], last: number, failure: unknown): Promise<void> {
    const changes = deliveries.map((delivery) => {
      const known = parked.get(idOf(keyOf(delivery)))
      const none = { ...nothingParked, ...keyOf(delivery) }
      return { known: known ?? none, next: known ? behind(known, delivery) : parkFirst(none, delivery, failure) }
    })
    await step(last, {}, changes)
  }

  function keyOf({ event, key, slot }: Delivery): Pick<Parked, 'subscription' | 'tenant' | 'key' | 'slot'> {
    return { subscription: subscription.id, tenant: event.tenant, key, slot }
  }

  function behind(known: Parked, { event }: Delivery): Parked {
    if (known.positions.length >= mostParked) {
      throw new Exhausted(`${mostParked} events of key "${known.key}" wait behind one that failed: ${known.failure.message}`)
    }
    return { ...known, positions: [...known.positions, event.position] }
  }

  function parkFirst(known: Parked, { event }: Delivery, failure: unknown): Parked {
    return afterFailure({ ...known, positions: [event.position], attempts: 0, firstFailedAt: clock.now() }, failure)
  }

  /** One more attempt has failed. */
  function afterFailure(known: Parked, failure: unknown): Parked {
    const attempts = known.attempts + 1
    if (kind === 'projection') {
      const { tenant, key, positions } = known
      const position = positions[0] as number
      tell?.({ signal: 'projection.exception', projection: name, part, tenant, key, position, attempt: attempts, error: failure })
    }
    const isDead = attempts >= persistence.attempts
    if (isDead && persistence.whenExhausted === 'stop') {
      throw new Exhausted(`${subscription.name} gave up after ${attempts} attempts: ${toFailure(failure).message}`, { cause: failure })
    }
    return {
      ...known,
      attempts,
      failure: toFailure(failure),
      status: isDead ? 'dead' : 'retrying',
      dueAt: isDead ? null : Math.ceil(clock.now() + persistence.pauseMs(attempts + 1)),
    }
  }

  async function retryDue(): Promise<void> {
    const now = clock.now()
    for (const one of [...parked.values()]) {
      if (one.dueAt !== null && one.dueAt <= now && !stopping.signal.aborted) await retry(one)
    }
  }

  /** Tries the first one of a key again, and then those that have waited behind it, as long as it goes well. */
  async function retry(start: Parked): Promise<void> {
    let known: Parked | undefined = start
    while (known && !stopping.signal.aborted) {
      const [at, ...rest] = known.positions as [number, ...number[]]
      const { edited: _, retries: __, ...others }: Parked = known
      let next: Parked | undefined = rest.length > 0 ? { ...others, positions: rest, attempts: 0, dueAt: clock.now() } : undefined
      let gathered: Gathered = {}
      let isDone = true
      try {
        const delivery = await deliveryAt(at, known)
        if (delivery) {
          const batch = await consumer.begin([delivery])
          await handle(batch, delivery)
          gathered = batch.gathered()
          await step(position, gathered, [{ known, next }])
          await batch.committed?.()
        } else await step(position, {}, [{ known, next }])
      } catch (failure) {
        if (stopping.signal.aborted || (DacapoError.is(failure) && !(failure instanceof ProjectionFailedError))) throw failure
        consumer.forget()
        next = afterFailure(known, failure)
        await step(position, {}, [{ known, next }])
        isDone = false
      }
      if (isDone) handled++
      known = isDone && next ? parked.get(idOf(next)) : undefined
    }
  }

  async function deliveryAt(at: number, known: Parked): Promise<Delivery | undefined> {
    for await (const { events } of store.readAll({ after: at - 1, to: at })) {
      const [stored] = events
      if (!stored) return undefined
      const event = asEdited(eventTypes, stored, known.edited)
      return { event, key: known.key, slot: known.slot, attempt: known.attempts + 1 }
    }
    return undefined
  }

  /** Commits, and only then remembers. */
  async function step(to: number, gathered: Gathered, changes: readonly Change[]): Promise<void> {
    const records = [...(gathered.records ?? []), ...changes.map(({ known, next }) => toRecord(known, next))]
    await commit({ ...gathered, steps: [{ ...lease, ...(to > position ? { position: to } : {}) }], records })
    position = Math.max(position, to)
    if (to >= seen) {
      seen = to
      unwrittenSince = undefined
    }
    for (const { known, next } of changes) {
      const now = next && { ...next, revision: known.revision + 1 }
      if (now) parked.set(idOf(now), now)
      else parked.delete(idOf(known))
      context.parked(worker, now ?? { ...known, positions: [] }, known)
    }
    moved(worker)
  }

  async function commit(work: Work): Promise<void> {
    const [result] = await store.work.commit([work])
    if (result?.kind === 'done') return
    if (result?.error instanceof RecordConflictError) isPoked = true
    throw result?.error ?? new StoreUnavailableError(store.name, 'The store did not answer a piece of work.')
  }

  const worker: PartWorker = {
    subscription,
    lease,
    get status() {
      return status
    },
    get position() {
      return position
    },
    get seen() {
      return seen
    },
    get parked() {
      return [...parked.values()]
    },
    get handled() {
      return handled
    },
    get error() {
      return error
    },
    get nextDueAt() {
      return nextDueAt()
    },
    poke() {
      isPoked = true
      wake()
    },
    async stop() {
      stopping.abort()
      wake()
      await running
    },
  }
  const running = run()
  return worker
}

/** Nobody will try it again by himself. */
class Exhausted extends Error {}

function handle(batch: { handle(delivery: Delivery): Promise<void> | void }, delivery: Delivery): Promise<void> | void {
  const { unreadable } = delivery.event as { unreadable?: unknown }
  if (unreadable) throw unreadable
  return batch.handle(delivery)
}

/** So many deliveries, and those of the last one's event that come after it. */
function wholeEvents(deliveries: readonly Delivery[], from: number, to: number): readonly Delivery[] {
  let end = Math.min(to, deliveries.length)
  while (end < deliveries.length && deliveries[end]?.event === deliveries[end - 1]?.event) end++
  return deliveries.slice(from, end)
}

const positionOf = (deliveries: readonly Delivery[]): number => (deliveries.at(-1) as Delivery).event.position

/** What becomes of what is parked under a key; `undefined`: nothing is any more. */
interface Change {
  readonly known: Parked
  readonly next: Parked | undefined
}

const idOf = ({ tenant, key }: Pick<Parked, 'tenant' | 'key'>): string => `${tenant}\u0000${key}`

const nothingParked = {
  status: 'retrying' as const,
  dueAt: null,
  positions: [],
  attempts: 0,
  firstFailedAt: 0,
  failure: { message: '' },
  revision: 0,
}
