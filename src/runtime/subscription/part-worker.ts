/**
 * Works on one part of a subscription: takes the next events, has them handled, and commits what came of it with the step.
 *
 * Invariants:
 * - Nothing is committed but under the lease, and each commit names the position up to which everything is done or parked. So after a
 *   crash, or a takeover, exactly what is behind that position is handled again.
 * - Only this loop writes the position, one commit after the other: it never goes back, except to where a consumer that keeps something
 *   outside of the store has lost it. (A rewind is made while no loop runs.)
 * - An event whose handling failed is parked in the commit that passes it by, and so is every later one of its key.
 *
 * One loop and one position: whoever takes, handles, retries and commits has to know where the others are, so the file is long.
 */
import { CheckpointAheadError, DacapoError, LeaseLostError, RecordConflictError } from '../../core/errors.ts'
import { fromJson } from '../../core/json.ts'
import type { LogPage, StoredEvent } from '../../core/stored-event.ts'
import type { Lease, Work } from '../../core/work-store.ts'
import { tellUpcast } from '../tell-upcast.ts'
import { breath, pause } from '../timeout.ts'
import { commitOne } from '../work/commit-one.ts'
import { decoded, keyOf, positionOf, sameEvent, wholeEvents } from './deliveries.ts'
import type { PartState } from './membership.ts'
import { type Parked, parkedKind, toParked, toRecord } from './parked.ts'
import { type Change, Exhausted, makeParking, type Parkings, withoutFirst } from './parking.ts'
import { makePlace } from './place.ts'
import { choiceOf } from './proof.ts'
import { isIn, slotOf, slotsOf } from './slots.ts'
import type { Batch, Delivery, Failed, Gathered, Subscription, Verdict } from './subscription.ts'
import { makeTold } from './told.ts'
import type { PartWorker, WorkerContext, WorkerStatus } from './worker.ts'

/** How often what is to be parked is worked out anew because somebody else has changed what was parked before. */
const mostConflicts = 10

export function startPartWorker(context: WorkerContext, subscription: Subscription, lease: Lease): PartWorker {
  const { store, eventTypes, clock, feed, random, checkpointEveryMs, restart, moved, inside, tell } = context
  const { kind, name, together: mostTogether = 1000 } = subscription
  const { part } = lease
  const slots = slotsOf(part)
  const stopping = new AbortController()
  const consumer = subscription.consumer({
    part,
    slots,
    stopping: stopping.signal,
    lease,
    commit: ({ steps = [], ...work }) => commit({ ...work, steps: [lease, ...steps] }),
  })
  const log = feed.reader(subscription.types, mostTogether)
  const told = makeTold(context, subscription, part)
  const parking = makeParking({ work: store.work, clock }, subscription, slots)
  let status: WorkerStatus = 'working'
  let error: unknown
  const place = makePlace(subscription, context.isProving)
  let handled = 0
  let unwrittenSince: number | undefined
  let hasResumed = false
  let isPoked = false
  let dueInVain = 0
  /** How many deliveries go together: fewer while one of them makes the commit of all impossible. */
  let together = mostTogether
  let wake = () => {}

  const become = (next: WorkerStatus) => {
    if (status === next) return
    status = next
    moved(worker)
  }

  async function run(): Promise<void> {
    const restarts: number[] = []
    let inVain = 0
    while (!stopping.signal.aborted) {
      try {
        await resume()
        inVain = 0
        await work().catch(async (caught) => {
          if (caught instanceof Exhausted) await writeStep() // what was done before the end of all patience stays done
          throw caught
        })
        // A courtesy to whoever is next: without it, events that have concerned nobody are looked at once more.
        await writeStep()
      } catch (caught) {
        // Where the part is now is not known here; nothing more may be written, and whoever is next reads it.
        if (stopping.signal.aborted) break
        consumer.forget()
        if (caught instanceof RecordConflictError) continue // somebody has changed what is parked: it is read again
        error = caught
        if (caught instanceof LeaseLostError) return become('lost')
        context.failed(worker, caught)
        // What passes by itself is waited for as long as it takes; anything else is tried again a few times.
        const passes = DacapoError.is(caught) && caught.retryable
        if (!passes) restarts.push(clock.now())
        while (restarts.length > 0 && (restarts[0] as number) < clock.now() - restart.withinMs) restarts.shift()
        const isFinal = caught instanceof Exhausted || (DacapoError.is(caught) && isHopeless.has(caught.code))
        if (isFinal || restarts.length > restart.maxRestarts) return become('failed')
        become('restarting')
        tell?.({ signal: 'subscription.restart', kind, name, part, error: caught })
        const pauseMs = Math.min(5000, 50 * 2 ** Math.max(restarts.length, inVain++)) * (0.5 + random() / 2)
        await pause(pauseMs, stopping.signal)
      }
    }
    become('stopped')
  }

  async function writeStep(): Promise<void> {
    if (unwrittenSince !== undefined) await step(place.seen, {}, [])
  }

  /** Where the part is, and what is parked: the store knows. */
  async function resume(): Promise<void> {
    const part = (await store.work.parts(lease.subscription)).find((one) => one.part === lease.part && one.epoch === lease.epoch)
    if (!part) throw new LeaseLostError(lease.subscription, lease.part)
    const state = fromJson(part.state) as PartState
    place.resume(part.position, state)
    if (!hasResumed && hasChanged(state)) context.changed(worker)
    hasResumed = true
    const head = await store.head()
    if (place.furthest > head) throw new CheckpointAheadError(name, place.furthest, head)
    unwrittenSince = undefined
    const kept = await consumer.kept?.()
    const { start = 0 } = state
    if (kept !== undefined && Math.max(kept, start) < place.position) await goBack(Math.max(kept, start), start)
    await lookAgain()
    become('working')
  }

  /** Whether somebody else has worked on it who followed other types of events; what has proven nothing does not know. */
  function hasChanged({ proof }: PartState): boolean {
    return context.isProving && proof !== undefined && proof.types !== choiceOf(subscription.types)
  }

  /** Begins again where everything is still there that was done. */
  async function goBack(to: number, start: number): Promise<void> {
    const state: PartState = start > 0 ? { start } : {}
    await commit({ steps: [{ ...lease, position: to, state: JSON.stringify(state) }] })
    tell?.({ signal: 'read-model.behind', projection: name, part, position: place.position, checkpoint: to })
    place.resume(to, state)
  }

  async function lookAgain(): Promise<void> {
    isPoked = false
    await parking.load()
    await consumer.resume?.()
  }

  async function work(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (isPoked) await lookAgain()
      await retryDue()
      if (consumer.due) await inside(worker, () => consumer.due?.(place.seen, (tenant, key) => parking.find({ tenant, key }) !== undefined))
      if (unwrittenSince !== undefined && clock.now() >= unwrittenSince + checkpointEveryMs) await step(place.seen, {}, [])
      const page = await nextPage()
      if (!page) continue
      await take(page)
      // Stores and handlers that never let go of the thread would keep everybody else from it until the end of the log.
      if (place.seen < feed.head) await breath()
    }
  }

  /** The next events, or nothing when there is something else to do. */
  async function nextPage(): Promise<LogPage | undefined> {
    const due = nextDueAt()
    if (due !== undefined && due <= clock.now() && place.seen >= feed.head) {
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
      if (place.seen >= feed.head) become('waiting')
      const page = await log.next(place.seen, enough.signal)
      if (page) become('working')
      return page
    } finally {
      cancel()
      stopping.signal.removeEventListener('abort', stop)
    }
  }

  function nextDueAt(): number | undefined {
    const times = unwrittenSince === undefined ? [] : [unwrittenSince + checkpointEveryMs]
    for (const { dueAt } of parking.all) if (dueAt !== null) times.push(dueAt)
    if (consumer.nextDueAt !== undefined) times.push(consumer.nextDueAt)
    return times.length > 0 ? times.reduce((first, one) => Math.min(first, one)) : undefined
  }

  async function take(page: LogPage): Promise<void> {
    const deliveries: Delivery[] = []
    const passed: number[] = []
    for (const stored of page.events) {
      const before = deliveries.length
      addDeliveries(deliveries, stored)
      if (deliveries.length === before) passed.push(stored.position)
    }
    place.pass(passed)
    for (let done = 0; done < deliveries.length && !stopping.signal.aborted; ) {
      const some = wholeEvents(deliveries, done, done + together)
      const end = done + some.length === deliveries.length ? page.position : positionOf(some)
      done += await told.around(some, () => takeSome(some, end))
    }
    if (deliveries.length === 0) passBy(page.position, [])
  }

  /** Goes on without a commit; the step is written a little later. */
  function passBy(to: number, taken: readonly Delivery[]): void {
    place.see(to, taken)
    // On whole intervals, so that all who are in the same situation can share a commit.
    unwrittenSince ??= Math.floor(clock.now() / checkpointEveryMs) * checkpointEveryMs
    moved(worker)
  }

  /** Those of an event to the keys of this part. */
  function addDeliveries(deliveries: Delivery[], stored: StoredEvent): void {
    const { event, keys, unreadable } = decoded(eventTypes, consumer, stored)
    if (keys.length > 0 && !unreadable) tellUpcast(tell, eventTypes.get(stored.type), stored)
    for (const key of keys) {
      const slot = slotOf(stored.tenant, key)
      if (isIn(slots, slot) && !place.isDone(slot, stored.position)) deliveries.push({ event, key, slot, attempt: 1, unreadable })
    }
  }

  /** Does as many of the deliveries as time permits, all of an event or none; with all of them it has come to `end`. Returns how many. */
  async function takeSome(deliveries: readonly Delivery[], end: number): Promise<number> {
    const startedAt = clock.now()
    const batch = await consumer.begin(deliveries.filter((one) => !one.unreadable && !parking.find(keyOf(one))))
    const parkings = parking.collect()
    const skipped: Skipped[] = []
    let count = 0
    let succeeded = 0
    let exhausted: unknown
    for (const delivery of deliveries) {
      const isFirst = !sameEvent(delivery, deliveries[count - 1])
      const isEnough = stopping.signal.aborted || clock.now() - startedAt >= checkpointEveryMs || batch.isFull?.(delivery)
      if (count > 0 && isFirst && isEnough) break
      try {
        // What cannot be read is in no batch.
        const isBusyUntil = delivery.unreadable ? undefined : batch.busyUntil?.(delivery)
        const until = parkings.blocks(keyOf(delivery)) ? null : isBusyUntil
        if (until !== undefined) parkings.wait(delivery, until ?? undefined)
        else {
          const handling = failureOf(batch, delivery)
          const failure = handling instanceof Promise ? await handling : handling
          if (failure === interrupted) break
          if (failure) {
            told.failed(delivery, failure.error)
            skipped.push(...parkOrSkip(parkings, delivery, failure.error))
          } else {
            told.folded(delivery)
            succeeded++
          }
        }
      } catch (caught) {
        // The end of all patience. What was done before it is committed; of an event with several keys, nothing is.
        if (!(caught instanceof Exhausted) || count === 0 || !isFirst) throw caught
        exhausted = caught
        break
      }
      count++
    }
    if (count === 0) return 0
    const done = deliveries.slice(0, count)
    const to = count === deliveries.length ? end : positionOf(done)
    const refusal = await commitBatch(batch, to, () => parkings.changes(), done)
    if (!refusal) {
      told.step(done, to, startedAt)
      tellSkipped(skipped)
      handled += succeeded
      together = Math.min(mostTogether, together * 2)
    } else if (wholeEvents(done, 0, 1).length < count) {
      // One of them makes it impossible for all. Which one shows when fewer go together, and at last each alone.
      together = Math.max(1, count >> 1)
      return 0
    } else await parkAll(done, to, refusal.error)
    if (exhausted) throw exhausted
    if (!refusal && batch.committed) await inside(worker, () => batch.committed?.())
    return count
  }

  async function parkAll(deliveries: readonly Delivery[], to: number, failure: unknown): Promise<void> {
    const parkings = parking.collect()
    const skipped: Skipped[] = []
    for (const delivery of deliveries) {
      if (parkings.blocks(keyOf(delivery))) parkings.wait(delivery)
      else {
        told.failed(delivery, failure)
        skipped.push(...parkOrSkip(parkings, delivery, failure))
      }
    }
    await step(to, {}, () => parkings.changes(), deliveries)
    tellSkipped(skipped)
  }

  /** Returns a delivery that is passed by, to be told of when that is committed. @throws Exhausted */
  function parkOrSkip(parkings: Parkings, delivery: Delivery, failure: unknown): readonly Skipped[] {
    const verdict = verdictOn(delivery, failure)
    if (verdict === 'skip') return [{ delivery, failure }]
    parkings.failed(delivery, failure, verdict)
    return []
  }

  function verdictOn(delivery: Delivery, failure: unknown): Verdict {
    return (delivery.unreadable ? undefined : subscription.persistence.judge?.(failure, delivery)) ?? 'retry'
  }

  function tellSkipped(skipped: readonly Skipped[]): void {
    for (const { delivery, failure } of skipped) context.skipped(worker, delivery, failure)
  }

  /** Handles one delivery. A promise only when there is something to wait for: most of the time of catching up is spent here. */
  function failureOf(batch: Batch, delivery: Delivery): HowItWent | Promise<HowItWent> {
    if (delivery.unreadable) return delivery.unreadable
    try {
      // Folds wait for nobody.
      const handling = kind === 'handler' ? inside(worker, () => batch.handle(delivery)) : batch.handle(delivery)
      return handling ? endOf(handling) : undefined
    } catch (failure) {
      return { error: failure }
    }
  }

  /** What failed because everything stops has not failed. */
  async function endOf(handling: Promise<void>): Promise<HowItWent> {
    try {
      await handling
      return undefined
    } catch (failure) {
      return stopping.signal.aborted ? interrupted : { error: failure }
    }
  }

  /** Commits a batch with its step. Returns why not, when that is the fault of its events. */
  async function commitBatch(
    batch: Batch,
    to: number,
    changes: () => readonly Change[],
    taken: readonly Delivery[] = [],
  ): Promise<Failed | undefined> {
    let gathered: Gathered
    const failed = batch.finish && (await inside(worker, () => batch.finish?.(to)))
    if (failed && stopping.signal.aborted) throw failed.error // it was cut short
    if (failed) return failed
    try {
      gathered = batch.gathered()
    } catch (failure) {
      consumer.forget()
      return { error: failure }
    }
    try {
      // Who catches up would do little else than commit.
      if (consumer.mayRepeat && to < feed.head && changes().length === 0) passBy(to, taken)
      else await step(to, gathered, changes, taken)
      return undefined
    } catch (failure) {
      if (!isOfEvents(failure)) throw failure
      consumer.forget()
      return { error: failure }
    }
  }

  async function retryDue(): Promise<void> {
    const now = clock.now()
    for (const one of [...parking.all]) {
      if (one.dueAt !== null && one.dueAt <= now && !stopping.signal.aborted) await retry(one)
    }
  }

  /** Tries the first one of a key again, and then those that have waited behind it, as long as it goes well. */
  async function retry(start: Parked): Promise<void> {
    let known: Parked | undefined = start
    while (known && !stopping.signal.aborted) {
      const at = known.positions[0] as number
      const next = withoutFirst(known, clock.now())
      const stored = await storedAt(at)
      if (stored) {
        const { event, keys, unreadable } = decoded(eventTypes, consumer, stored, known.edited)
        const { key, slot, attempts } = known
        if (known.unread?.includes(at) && !unreadable) await handOn(known, next, event.tenant, keys)
        else {
          const delivery = { event, key, slot, attempt: attempts + 1, unreadable }
          if (!(await told.around([delivery], () => retryOne(known as Parked, next, delivery)))) return
        }
      } else await step(place.position, {}, [{ known, next }])
      known = parking.find(known)
    }
  }

  /** Returns whether it was done. */
  async function retryOne(known: Parked, next: Parked | undefined, delivery: Delivery): Promise<boolean> {
    const batch = delivery.unreadable ? nothingToDo : await consumer.begin([delivery])
    const until = batch.busyUntil?.(delivery)
    if (until !== undefined) {
      parking.postpone(known, until)
      return false
    }
    const failure = (await failureOf(batch, delivery)) ?? (await commitBatch(batch, place.position, () => [{ known, next }]))
    if (failure === interrupted) return false
    if (failure) {
      told.failed(delivery, failure.error)
      const verdict = verdictOn(delivery, failure.error)
      const isSkipped = verdict === 'skip'
      await step(place.position, {}, [{ known, next: isSkipped ? next : parking.afterFailure(known, delivery, failure.error, verdict) }])
      if (isSkipped) tellSkipped([{ delivery, failure: failure.error }])
      return isSkipped
    }
    told.folded(delivery)
    handled++
    if (batch.committed) await inside(worker, () => batch.committed?.())
    return true
  }

  /** The first event could not be read when it was parked. Now that its keys are known, it waits in each of them. */
  async function handOn(known: Parked, next: Parked | undefined, tenant: string, keys: readonly string[]): Promise<void> {
    const at = known.positions[0] as number
    const stays = keys.includes(known.key)
    const changes: Change[] = [{ known, next: stays ? { ...known, unread: known.unread?.filter((one) => one !== at) ?? [] } : next }]
    for (const key of keys) {
      if (key === known.key) continue
      const slot = slotOf(tenant, key)
      const name = { kind: parkedKind, owner: subscription.id, tenant, key }
      const record = isIn(slots, slot) ? undefined : await store.work.record(name)
      const there = isIn(slots, slot) ? parking.find({ tenant, key }) : record && toParked(record)
      changes.push(parking.inserted({ tenant, key, slot }, there, at))
    }
    await step(place.position, {}, changes)
    context.handedOn(subscription)
    const late = keys.filter((key) => key !== known.key)
    if (late.length > 0) context.late(worker, { tenant, keys: late, position: at })
  }

  async function storedAt(at: number): Promise<StoredEvent | undefined> {
    for await (const { events } of store.readAll({ after: at - 1, to: at })) return events[0]
    return undefined
  }

  /** Commits, and only then remembers. Changes that are worked out on demand are so again when somebody else was faster. */
  async function step(
    to: number,
    gathered: Gathered,
    changes: readonly Change[] | (() => readonly Change[]),
    taken: readonly Delivery[] = [],
  ): Promise<void> {
    const next = place.at(to, taken)
    if (to > place.position) await consumer.reached?.(to)
    for (let attempt = 1; ; attempt++) {
      const some = typeof changes === 'function' ? changes() : changes
      const records = [...(gathered.records ?? []), ...some.map(({ known, next }) => toRecord(known, next))]
      try {
        await commit({ ...gathered, steps: [{ ...lease, ...next.kept() }], records })
      } catch (failure) {
        const isWorthIt = failure instanceof RecordConflictError && typeof changes === 'function' && attempt < mostConflicts
        if (!isWorthIt) throw failure
        await parking.load()
        continue
      }
      if (to >= place.seen) unwrittenSince = undefined
      next.written()
      parking.written(some)
      for (const { known, next } of some) context.parked(worker, next ?? { ...known, positions: [] }, known)
      moved(worker)
      return
    }
  }

  async function commit(work: Work): Promise<void> {
    try {
      await commitOne(store.work, work)
    } catch (failure) {
      if (failure instanceof RecordConflictError) isPoked = true
      throw failure
    }
  }

  const worker: PartWorker = {
    subscription,
    lease,
    get status() {
      return status
    },
    get position() {
      return place.position
    },
    get seen() {
      return place.seen
    },
    get parked() {
      return [...parking.all]
    },
    get handled() {
      return handled
    },
    get proofs() {
      return place.proofs
    },
    get error() {
      return error
    },
    get nextDueAt() {
      return nextDueAt()
    },
    poke() {
      isPoked = true
      if (status === 'waiting') become('working') // whoever waits for everything to be done must not be told so now
      wake()
    },
    compared(proof) {
      place.compared(proof)
      unwrittenSince ??= Math.floor(clock.now() / checkpointEveryMs) * checkpointEveryMs
      wake()
    },
    async stop() {
      stopping.abort()
      wake()
      await running
      if (status === 'failed') become('stopped') // whoever waits for it waits for what comes after it
    },
  }
  const running = run().finally(log.close)
  return worker
}

/** A delivery that has failed and is passed by. */
interface Skipped {
  readonly delivery: Delivery
  readonly failure: unknown
}

/** It was cut short by the end of the work, and is done again by whoever is next. */
const interrupted = Symbol('interrupted')

type HowItWent = Failed | typeof interrupted | undefined

/** What does not become better by trying it again. */
const isHopeless: ReadonlySet<string> = new Set(['ES_STOPPED', 'ES_CHECKPOINT_AHEAD'])

const nothingToDo: Batch = { handle() {}, gathered: () => ({}) }

/** Whether a commit was refused for what events have led to, and not for a reason of the store's or of the lease's. */
function isOfEvents(failure: unknown): boolean {
  if (failure instanceof LeaseLostError || failure instanceof RecordConflictError || failure instanceof Exhausted) return false
  return !(DacapoError.is(failure) && (failure.retryable || failure.code === 'ES_STOPPED'))
}
