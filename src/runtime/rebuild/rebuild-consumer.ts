/**
 * Builds the rows of a view anew, beside those that are read, and ends with the switch, or with a comparison.
 *
 * To the engine it is one more part that is worked on: under a lease, from its own position, with what fails parked. So it goes on
 * after a crash, on any process that has the same fold. When it has nearly caught up it holds the parts of the view's own subscription,
 * takes what is left up to where they have stopped, and switches. The old view is read all the time, and stands still for that moment.
 */
import { LeaseLostError, RecordConflictError } from '../../core/errors.ts'
import type { AnyProjection } from '../../core/projection.ts'
import type { Lease } from '../../core/work-store.ts'
import { type Engine, report } from '../engine.ts'
import { viewDefinitionOf } from '../prepare-store.ts'
import { subscriptionId } from '../subscription/define.ts'
import { parkedKind } from '../subscription/parked.ts'
import { projectionConsumer } from '../subscription/projection-consumer.ts'
import type { Consumer, ConsumerContext, Delivery, Subscription } from '../subscription/subscription.ts'
import { pause } from '../timeout.ts'
import { everyRecord } from '../work/every-record.ts'
import { filledBy } from './begin-rebuild.ts'
import { cleanUp } from './clean-up.ts'
import { compareRows } from './compare-rows.ts'
import { makePace } from './pace.ts'
import { deletion, foldedRecord, generationOf, isRebuildable, type Job, jobRecord, readFolded, readJob, rebuildId } from './rebuild-job.ts'
import { type SeizedParts, seizeParts } from './seize-parts.ts'
import { switchWork } from './switch-view.ts'

/** What rebuilding needs of the process that it runs in. */
export interface RebuildHost {
  /** The part has come to its end: it is not worked on any more. */
  ended(lease: Lease): void
  /** Looks who works on what: parts are free. */
  look(): Promise<void>
}

/** How far from the head it begins to hold the parts of the subscription. */
const near = 1000

/** How many events share a commit, and how many rows are kept: the more, the fewer commits and reads. */
const together = 5000
const keptRows = 50_000

/** The pause before parts are asked for again that were not to be had. */
const retryMs = 100

/** The rebuilding of each view that follows the log; parts of it are there only while somebody wants them. */
export function rebuildSubscriptions(engine: Engine, subscriptions: readonly Subscription[], host: RebuildHost): readonly Subscription[] {
  return engine.definitions.views.flatMap((view) => {
    const own = isRebuildable(view) ? subscriptions.find(({ id }) => id === subscriptionId('projection', view.name)) : undefined
    const consumer = (context: ConsumerContext) => rebuildConsumer(engine, view, host, context)
    return own ? [{ ...own, id: rebuildId(view), kind: 'rebuild', partitions: 1, together, isOnDemand: true, consumer }] : []
  })
}

function rebuildConsumer(engine: Engine, view: AnyProjection, host: RebuildHost, context: ConsumerContext): Consumer {
  const { store, clock, tell } = engine
  const { work, views } = store
  const { lease, stopping } = context
  const definition = viewDefinitionOf(view)
  const id = rebuildId(view)
  const subscription = subscriptionId('projection', view.name)
  let job: Job | undefined
  /** How many were folded into this generation. */
  let events = 0
  let head = 0
  /** Where the log ended when this process took it up: a comparison has to come so far. */
  let goal = 0
  let held: SeizedParts | undefined
  /** Whether it has nearly caught up. */
  let isNear = false
  const pace = makePace(clock)
  const inner = projectionConsumer(view, views, async () => (job as Job).generation, keptRows)

  async function letGo(): Promise<void> {
    const parts = held
    held = undefined
    if (!parts) return
    await parts.letGo()
    await host.look()
  }
  /** The same without waiting; when it fails, the parts are free after a lease in any case. */
  const letGoLater = () => {
    if (held) engine.background.run(letGo, (error) => report(`letting go of the parts of ${view.name} failed`, error))
  }
  stopping.addEventListener('abort', letGoLater)

  /** Reads what is to be done. What was left by an older job is put away first. */
  async function resume(): Promise<void> {
    const known = await readJob(work, view.name)
    const part = await ownPart()
    if (!part) throw new LeaseLostError(lease.subscription, lease.part)
    const isOwn = known.fingerprint === definition.fingerprint && known.generation === generationOf(part)
    if (isOwn && known.status === 'done' && job?.generation === known.generation) finished(known) // the answer of its last commit was lost
    if (!isOwn || known.status !== 'running') return end()
    const folded = await readFolded(work, id)
    if (folded?.generation !== known.generation) {
      const parked = (await everyRecord(work, { kind: parkedKind, owner: id })).map(deletion)
      await context.commit({ records: [foldedRecord(id, { generation: known.generation, events: 0 }), ...parked] })
      // What is parked was read before: it is read again.
      if (parked.length > 0) throw new RecordConflictError(parkedKind, id)
    }
    const isNew = job?.generation !== known.generation
    job = known
    events = folded?.generation === known.generation ? folded.events : 0
    await inner.resume()
    if (part.position === known.start && events === 0) inner.beginEmpty()
    await views.prepare(definition, known.generation)
    head = await store.head()
    goal = head
    if (!isNew) return
    pace.begin(part.position, events)
    tell?.({ signal: 'projection.rebuild.start', ...about(), position: part.position, head })
  }

  /** The part as it is kept, while the lease holds. */
  const ownPart = async () => (await work.parts(id)).find(({ part, epoch }) => part === lease.part && epoch === lease.epoch)

  const about = () => ({ projection: view.name, comparison: job?.isComparison ?? false })

  async function begin(deliveries: readonly Delivery[]) {
    const batch = await inner.begin(deliveries)
    const seen = new Set<unknown>()
    return {
      ...batch,
      handle(delivery: Delivery) {
        seen.add(delivery.event)
        return batch.handle(delivery)
      },
      gathered() {
        const folded = { generation: (job as Job).generation, events: events + seen.size }
        return { ...batch.gathered(), records: [foldedRecord(id, folded)] }
      },
      async committed() {
        events += seen.size
      },
    }
  }

  async function due(seen: number): Promise<void> {
    if (!job) return
    if (held && seen < held.position) return
    if (!held && head - seen <= near) head = await store.head()
    const progress = pace.at({ position: seen, head, events })
    if (progress) tell?.({ signal: 'projection.rebuild.progress', ...about(), ...progress })
    isNear = held !== undefined || head - seen <= near
    if (!isNear) return
    const isDone = job.isComparison ? seen >= goal && (await compare(job, seen)) : await holdAndSwitch(job, seen)
    if (!isDone && !held && seen >= goal) await pause(retryMs, stopping)
  }

  async function holdAndSwitch(known: Job, seen: number): Promise<boolean> {
    held ??= await seizeParts(work, subscription, engine.ids.next())
    if (stopping.aborted) letGoLater()
    return held !== undefined && seen >= held.position && switchTo(known, held, seen)
  }

  async function switchTo(known: Job, { parts }: SeizedParts, position: number): Promise<boolean> {
    const live = (await views.defined()).find((one) => one.view === view.name)
    const before = { generation: live?.generation ?? 0, indexes: live?.indexes ?? {} }
    const given = { job: known, id, subscription, own: await ownPart(), definition, before, parts, position, events, now: clock.now() }
    try {
      await context.commit(await switchWork(work, given))
    } catch (error) {
      // Whose lease is gone? When it is that of a part, its new owner goes on with the old rows, and this is tried again.
      const isOwn = error instanceof LeaseLostError && !(await ownPart())
      await letGo()
      if (isOwn || !(error instanceof LeaseLostError)) throw error
      return false
    }
    letGoLater()
    finished({ ...known, position, events, endedAt: clock.now() })
    await end()
    return true
  }

  async function compare(known: Job, position: number): Promise<boolean> {
    const live = (await views.defined()).find((one) => one.view === view.name)?.generation ?? 0
    const comparison = await compareRows(engine, view, { live, built: known.generation }, position, stopping)
    if (!comparison) return false
    const garbage = [...known.garbage, filledBy(known)]
    const done: Job = { ...known, status: 'done', position, events, endedAt: clock.now(), comparison, garbage }
    await context.commit({ records: [jobRecord(done)] })
    finished(done)
    await end()
    return true
  }

  function finished({ isComparison, startedAt, endedAt = startedAt, position = 0, events: folded = 0 }: Job): void {
    const outcome = isComparison ? 'compared' : 'switched'
    const durationMs = endedAt - startedAt
    tell?.({ signal: 'projection.rebuild.stop', projection: view.name, outcome, position, events: folded, durationMs })
  }

  /** There is nothing to do any more. */
  async function end(): Promise<void> {
    job = undefined
    await work.divide(id, [lease], [])
    host.ended(lease)
    engine.background.run(
      (atEnd) => cleanUp(engine, view.name, atEnd),
      (error) => report(`cleaning up after a rebuild of ${view.name} failed`, error),
    )
  }

  return {
    keysOf: inner.keysOf,
    begin,
    forget() {
      inner.forget()
      letGoLater()
    },
    resume,
    due,
    get nextDueAt() {
      return job && isNear ? clock.now() : undefined
    },
  }
}
