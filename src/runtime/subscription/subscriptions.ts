/** The subscription engine of one app: put together here, started by `app.start()`, and loaded only then. */
import type { Lease, SubscriptionPart } from '../../core/work-store.ts'
import { type Engine, report } from '../engine.ts'
import { rebuildSubscriptions } from '../rebuild/rebuild-consumer.ts'
import { foldsOf, madeBy, tendViews } from '../rebuild/tend-views.ts'
import { type Calls, subscriptionsOf } from './define.ts'
import { defineAsyncViews } from './define-async-views.ts'
import { makeLogFeed } from './log-feed.ts'
import { makeMembership } from './membership.ts'
import { type PartWorker, startPartWorker, type WorkerContext } from './part-worker.ts'
import { progressOf } from './progress.ts'
import { partOf, tellEnd, tellParked } from './signals.ts'

/** The engine, while it runs. */
export interface Subscriptions {
  /** Looks again at what is parked: somebody has changed it. */
  poke(subscription: string): void
  /** Takes the parts of a subscription that nobody has, instead of leaving them to whoever looks next. */
  takeUp(subscription: string): Promise<void>
  /** Settles when everything that this process works on has come to the end of the log, and nothing is due. */
  settle(): Promise<void>
  readonly workers: readonly PartWorker[]
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
  const subscriptions = [...followers, ...rebuildSubscriptions(engine, followers, { ended, look: () => membership.look() })]
  const workers = new Map<string, PartWorker>()
  let parts: readonly SubscriptionPart[] = []
  await defineAsyncViews(engine)
  const tender = tendViews(engine, owner, (subscription) => membership.takeUp(subscription))
  tender.tellChanged(await madeBy(engine))

  const feed = makeLogFeed(store, (error) => report('reading the log failed; it is tried again', error))
  const context: WorkerContext = {
    store,
    eventTypes: definitions.eventTypes,
    clock,
    feed,
    random: engine.random,
    checkpointEveryMs: settings.checkpointEveryMs,
    restart: settings.restart,
    tell,
    moved(worker) {
      const { subscription, part } = worker.lease
      if (worker.status === 'lost') {
        membership.lost(worker.lease)
        tellEnd(tell, worker, true)
      }
      if (worker.status === 'failed') tell?.({ signal: 'subscription.failed', ...partOf(worker), error: worker.error })
      if (worker.status === 'lost' || worker.status === 'stopped') progress.forget(subscription, part)
      else progress.set(subscription, part, worker)
    },
    parked: (worker, parked, before) => tellParked(tell, partOf(worker), parked, before),
    handedOn: (subscription) => pokeAll((worker) => worker.subscription === subscription),
    failed: (worker, error) => report(`${worker.subscription.name} failed`, error),
  }
  const membership = makeMembership({
    work: store.work,
    clock,
    owner,
    about: { folds: foldsOf(engine) },
    subscriptions,
    madeBy: () => madeBy(engine),
    leaseMs: settings.leaseMs,
    startAt: async () => 0,
    acquired(subscription, lease) {
      tell?.({ signal: 'subscription.start', ...partOf({ subscription, lease }), epoch: lease.epoch })
      workers.set(nameOf(lease), startPartWorker(context, subscription, lease))
    },
    async given(lease, isLost) {
      const worker = workers.get(nameOf(lease))
      workers.delete(nameOf(lease))
      await worker?.stop()
      if (worker && worker.status !== 'lost') tellEnd(tell, worker, isLost)
    },
    failed: (error) => report('looking after subscriptions failed; it is tried again', error),
    looked(found, living, folds) {
      parts = found
      tender.looked(living, folds)
      pokeAll((worker) => worker.parked.length > 0)
    },
  })
  await membership.look()

  return {
    get workers() {
      return [...workers.values()]
    },
    get parts() {
      return parts
    },
    poke: (subscription) => pokeAll((worker) => worker.subscription.id === subscription),
    takeUp: (subscription) => membership.takeUp(subscription),
    async settle() {
      await membership.looked()
      for (let head = await store.head(); ; ) {
        const isDone = [...workers.values()].every((worker) => !isBusy(worker, head))
        const now = await store.head()
        // What one of them has appended before it was done may be news for those that were looked at before it.
        if (isDone && now === head) return
        head = now
        if (!isDone) await progress.change(AbortSignal.timeout(20))
      }
    },
    async stop(timeoutMs) {
      const left = membership.leave()
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), timeoutMs)
      })
      const outcome = await Promise.race([left, late])
      clearTimeout(timer)
      if (outcome === 'late') report('stopping', new Error(`A handler has not ended within ${timeoutMs} ms; its part is left to others.`))
      feed.close()
    },
  }

  /** A part is there no longer: what it was made for is done. */
  function ended(lease: Lease): void {
    const worker = workers.get(nameOf(lease))
    if (worker?.lease.epoch !== lease.epoch) return
    membership.lost(lease)
    workers.delete(nameOf(lease))
    void worker.stop()
    tellEnd(tell, worker, false)
  }

  function pokeAll(concerned: (worker: PartWorker) => boolean): void {
    for (const worker of workers.values()) if (concerned(worker)) worker.poke()
  }

  function isBusy(worker: PartWorker, head: number): boolean {
    if (worker.status === 'failed' || worker.status === 'stopped' || worker.status === 'lost') return false
    if (worker.status !== 'waiting' || worker.seen < head) return true
    return worker.nextDueAt !== undefined && worker.nextDueAt <= clock.now()
  }
}

const nameOf = ({ subscription, part }: Lease): string => `${subscription} ${part}`
