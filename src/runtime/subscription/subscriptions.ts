/** The subscription engine of one app: put together here, started by `app.start()`, and loaded only then. */
import type { Lease, SubscriptionPart } from '../../core/work-store.ts'
import { type Engine, report } from '../engine.ts'
import { actKind } from '../process/act-requests.ts'
import { madeBy } from '../rebuild/changed-folds.ts'
import { rebuildSubscriptions } from '../rebuild/rebuild-consumer.ts'
import { foldsOf, tendViews } from '../rebuild/tend-views.ts'
import { settlesWithin } from '../timeout.ts'
import { everyRecord } from '../work/every-record.ts'
import { partKey } from '../work/leases.ts'
import { makeAuditor } from './auditor.ts'
import { changeOrPause } from './await-handled.ts'
import { type Control, loadControls, noControl } from './control.ts'
import { type Calls, subscriptionsOf } from './define.ts'
import { defineAsyncViews } from './define-async-views.ts'
import { positionBefore } from './find-position.ts'
import { type HeldPart, type HeldPartContext, holdPart } from './held-part.ts'
import type { Hole } from './holes.ts'
import { inside } from './inside.ts'
import { makeLogFeed } from './log-feed.ts'
import { makeMembership } from './membership.ts'
import { startPartWorker } from './part-worker.ts'
import { progressOf } from './progress.ts'
import { makeRate } from './rate.ts'
import { rewindFree } from './rewinding.ts'
import { partOf, tellChanged, tellEnd, tellLate, tellParked, tellSkip } from './signals.ts'
import { isIn, slotsOf } from './slots.ts'
import type { Subscription } from './subscription.ts'
import type { PartWorker, WorkerContext } from './worker.ts'

export interface Pace {
  readonly handled: number
  readonly rate: number
}

/** The engine, while it runs. */
export interface Subscriptions {
  /** Looks again at what is parked: somebody has changed it. */
  poke(subscription: string): void
  /** Takes the parts of a subscription that nobody has, instead of leaving them to whoever looks next. */
  takeUp(subscription: string): Promise<void>
  /** Settles when everything that this process works on has come to the end of the log, and nothing is due. */
  settle(): Promise<void>
  readonly workers: readonly PartWorker[]
  /** Who works on a part in this process, as long as it has the lease. */
  workerOf(lease: Lease): PartWorker | undefined
  /** What this process has handled for a subscription since it was started, and how many events a second lately. */
  paceOf(subscription: string): Pace
  /** Looks at what is wanted of a subscription. Resolves when that has taken effect in this process. */
  control(subscription: string): Promise<void>
  /** Compares what the parts of this process have looked at with the log. */
  audit(): Promise<readonly Hole[]>
  /** As of the last look. */
  readonly parts: readonly SubscriptionPart[]
  /** Ends what is under way and lets go of everything; gives up waiting after some time. */
  stop(timeoutMs: number): Promise<void>
}

export async function startSubscriptions(engine: Engine, calls: Calls): Promise<Subscriptions> {
  const { store, clock, definitions, settings, tell } = engine
  const progress = progressOf(engine)
  const owner = engine.ids.next()
  const followers = subscriptionsOf(engine, calls)
  const subscriptions = [
    ...followers,
    ...rebuildSubscriptions(engine, followers, { ended: (lease) => ended(lease, false), look: () => membership.look() }),
  ]
  const held = new Map<string, HeldPart>()
  const controls = new Map<string, Control>()
  const tallies = new Map(subscriptions.map(({ id }) => [id, { handled: 0, rate: makeRate(clock.now()) }]))
  const counted = new WeakMap<PartWorker, number>()
  let parts: readonly SubscriptionPart[] = []
  // What is appended once this process has started is new to whoever begins now, even if the first look should fail.
  const now = subscriptions.some(({ startFrom }) => startFrom === 'now') ? await store.head() : 0
  await defineAsyncViews(engine)
  const tender = tendViews(engine, owner, (subscription) => membership.takeUp(subscription))
  tender.tellChanged(await madeBy(engine))

  const feed = makeLogFeed(store, engine.memory, (error) => report('reading the log failed; it is tried again', error))
  const context: WorkerContext = {
    store,
    eventTypes: definitions.eventTypes,
    clock,
    feed,
    random: engine.random,
    checkpointEveryMs: settings.checkpointEveryMs,
    restart: settings.restart,
    isProving: settings.auditEveryMs !== undefined,
    tell,
    tracing: engine.tracing,
    moved(worker) {
      const { subscription, part } = worker.lease
      if (worker.status === 'lost') ended(worker.lease, true)
      if (worker.status === 'failed') {
        tell?.({ signal: 'subscription.failed', ...partOf(worker), error: worker.error })
        follow(held.get(partKey(worker.lease)))
      }
      count(worker)
      if (worker.status === 'lost' || worker.status === 'stopped') progress.forget(subscription, part)
      else progress.set(subscription, part, worker)
    },
    parked: (worker, parked, before) => tellParked(tell, partOf(worker), parked, before),
    skipped: (worker, delivery, failure) => tellSkip(tell, partOf(worker), delivery, failure),
    changed: (worker) => tellChanged(tell, worker),
    late: (worker, late) => tellLate(tell, worker, late),
    handedOn: (subscription) => pokeAll((worker) => worker.subscription === subscription),
    failed: (worker, error) => report(`${worker.subscription.name} failed`, error),
    inside: (worker, work) => inside(engine, worker, work),
  }
  const holding: HeldPartContext = {
    work: store.work,
    clock,
    control: controlOf,
    start: (subscription, lease) => startPartWorker(context, subscription, lease),
    changed(part, change) {
      if ('from' in change) tellRewind(part.subscription, part.lease, change.from, change.to)
      else tell?.({ signal: `subscription.${change.to}`, ...partOf(part) })
    },
    lost: ({ lease }) => ended(lease, true),
  }
  const membership = makeMembership({
    work: store.work,
    clock,
    owner,
    about: { folds: foldsOf(engine) },
    subscriptions,
    madeBy: () => madeBy(engine),
    leaseMs: settings.leaseMs,
    startAt: async ({ startFrom }) => (startFrom === 'now' ? now : positionBefore(store, startFrom)),
    prepare: readControls,
    beforeDividing: ({ id }, free) =>
      rewindFree(engine, free, controlOf(id), (lease, from, to) =>
        tellRewind(
          subscriptions.find((one) => one.id === id),
          lease,
          from,
          to,
        ),
      ),
    acquired(subscription, lease) {
      tell?.({ signal: 'subscription.start', ...partOf({ subscription, lease }), epoch: lease.epoch })
      const part = holdPart(holding, subscription, lease)
      held.set(partKey(lease), part)
      follow(part)
    },
    async given(lease, isLost) {
      const part = held.get(partKey(lease))
      held.delete(partKey(lease))
      await part?.stop()
      if (part) tellEnd(tell, part, isLost || part.worker?.status === 'lost')
    },
    failed: (error) => report('looking after subscriptions failed; it is tried again', error),
    looked(found, living, folds) {
      parts = found
      tender.looked(living, folds)
      for (const part of held.values()) follow(part)
      pokeAll((worker) => worker.parked.length > 0)
      if (definitions.processes.length > 0) pokeRequested().catch((error) => report('looking for requested acts failed', error))
    },
  })
  const auditor = makeAuditor({
    store,
    clock,
    background: engine.background,
    everyMs: settings.auditEveryMs,
    // What a rebuild has looked at is compared when the parts go on from there: its proof is handed on to them.
    workers: () => workers().filter(({ subscription }) => subscription.kind !== 'rebuild'),
    tell,
  })
  await membership.look()

  return {
    get workers() {
      return workers()
    },
    workerOf(lease) {
      const part = held.get(partKey(lease))
      return part?.lease.epoch === lease.epoch ? part.worker : undefined
    },
    paceOf(subscription) {
      const { handled = 0, rate } = tallies.get(subscription) ?? {}
      return { handled, rate: rate?.perSecond(clock.now()) ?? 0 }
    },
    async control(id) {
      await readControls()
      await Promise.all([...held.values()].filter(({ subscription }) => subscription.id === id).map((part) => part.follow()))
    },
    get parts() {
      return parts
    },
    audit: auditor.audit,
    poke: (subscription) => pokeAll((worker) => worker.subscription.id === subscription),
    takeUp: (subscription) => membership.takeUp(subscription),
    async settle() {
      await membership.settled()
      for (let head = await store.head(); ; ) {
        const isDone = [...held.values()].every(({ isChanging, worker }) => !isChanging && !(worker && isBusy(worker, head)))
        const now = await store.head()
        // What one of them has appended before it was done may be news for those that were looked at before it.
        if (isDone && now === head) return
        head = now
        if (!isDone) await changeOrPause(progress, 20, undefined)
      }
    },
    async stop(timeoutMs) {
      auditor.stop()
      const isInTime = await settlesWithin(membership.leave(), timeoutMs)
      if (!isInTime) report('stopping', new Error(`A handler has not ended within ${timeoutMs} ms; its part is left to others.`))
      feed.close()
    },
  }

  /** This process has a part no longer: somebody else has it, or what it was made for is done. Told once, here or when it is given up. */
  function ended(lease: Lease, isLost: boolean): void {
    const part = held.get(partKey(lease))
    if (part?.lease.epoch !== lease.epoch) return
    membership.lost(lease)
    held.delete(partKey(lease))
    void part.stop()
    tellEnd(tell, part, isLost)
  }

  /** A part may get another worker, and another process, and come back. */
  function count(worker: PartWorker): void {
    const tally = tallies.get(worker.subscription.id)
    const more = worker.handled - (counted.get(worker) ?? 0)
    counted.set(worker, worker.handled)
    if (!tally || more === 0) return
    tally.handled += more
    tally.rate.add(more, clock.now())
  }

  function pokeAll(concerned: (worker: PartWorker) => boolean): void {
    for (const worker of workers()) if (concerned(worker)) worker.poke()
  }

  function workers(): readonly PartWorker[] {
    return [...held.values()].flatMap(({ worker }) => worker ?? [])
  }

  function follow(part: HeldPart | undefined): void {
    part?.follow().catch((error) => report(`doing what is wanted of ${part.subscription.name} failed; it is tried again`, error))
  }

  function controlOf(subscription: string): Control {
    return controls.get(subscription) ?? noControl
  }

  /** What is read may be older than what is known by now. */
  async function readControls(): Promise<void> {
    for (const [id, control] of await loadControls(store.work)) if (control.revision >= controlOf(id).revision) controls.set(id, control)
  }

  function tellRewind(subscription: Subscription | undefined, lease: Lease, from: number, to: number): void {
    if (subscription) tell?.({ signal: 'subscription.rewind', ...partOf({ subscription, lease }), from, to })
  }

  /** Somebody, perhaps in another process, wants something done to an instance. */
  async function pokeRequested(): Promise<void> {
    const requests = await everyRecord(store.work, { kind: actKind })
    pokeAll(({ subscription, lease }) => requests.some(({ owner, slot }) => owner === subscription.id && isIn(slotsOf(lease.part), slot)))
  }

  function isBusy(worker: PartWorker, head: number): boolean {
    if (worker.status === 'failed' || worker.status === 'stopped' || worker.status === 'lost') return false
    if (worker.status !== 'waiting' || worker.seen < head) return true
    return worker.nextDueAt !== undefined && worker.nextDueAt <= clock.now()
  }
}
