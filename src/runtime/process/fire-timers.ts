/**
 * Fires timers that are due.
 *
 * Invariants:
 * - A timer fires only when everything that had happened when it was due has been dealt with, and everything that its instance has done.
 * - It fires only while its instance has it: what has fired before it may have cancelled it, set it anew, or ended the instance.
 */
import type { Clock } from '../../core/clock.ts'
import { effects } from '../../core/effect.ts'
import { DefinitionError } from '../../core/errors.ts'
import type { EventStore } from '../../core/event-store.ts'
import { fromJson } from '../../core/json.ts'
import type { AnyProcessManager } from '../../core/process-manager.ts'
import type { RecordWrite, WorkRecord } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import type { ConsumerContext, Persistence } from '../subscription/subscription.ts'
import { hasWork, type Instance, noTimers, noted, react, without } from './instance.ts'
import { idOf, type Known, type KnownInstances } from './known-instances.ts'
import { type TimerBody, type TimerRecords, timerBody } from './timer-records.ts'
import { reacting } from './trace-reaction.ts'

/** What firing needs of its app. */
export interface TimerPorts {
  readonly store: EventStore
  readonly clock: Clock
  readonly persistence: Persistence
  readonly tracing: Engine['tracing']
}

/** Fires timers. */
export interface TimerFiring {
  /** @param seen  everything in the log up to here is done. @param isParked  whether events of a key wait. */
  fireDue(seen: number, isParked: (tenant: string, key: string) => boolean): Promise<void>
  forget(): void
}

/** A timer that is due. */
interface DueTimer {
  readonly record: WorkRecord
  /** What the head was when that was noticed: everything up to there had happened. */
  readonly mustSee: number
}

export function makeTimerFiring(
  process: AnyProcessManager,
  { store, clock, persistence, tracing }: TimerPorts,
  timers: TimerRecords,
  instances: KnownInstances,
  commit: ConsumerContext['commit'],
  runQueues: (all: readonly Known[]) => Promise<void>,
): TimerFiring {
  /** Those that are due and cannot fire yet are looked at after each step. */
  let waiting: readonly DueTimer[] = []

  /** Those that are due, as the store knows them. */
  async function readDue(now: number): Promise<readonly DueTimer[]> {
    const noticed = new Map(waiting.map(({ record, mustSee }) => [idOfTimer(record), mustSee]))
    const records = await timers.due(now)
    const head = records.every((record) => noticed.has(idOfTimer(record))) ? 0 : await store.head()
    return records.map((record) => ({ record, mustSee: noticed.get(idOfTimer(record)) ?? head }))
  }

  /** Returns when it is to be tried again, if it has failed. */
  async function fire(record: WorkRecord, before: Known, instance: Instance): Promise<number | undefined> {
    const { name, attempts } = fromJson(record.body) as TimerBody
    const now = clock.now()
    const fired = noted({ ...instance, timers: without(instance.timers, name) }, { at: now, what: 'timer fired', name })
    let reacted: readonly [RecordWrite[], Known]
    try {
      const answer = process.timeouts[name]
      if (!answer) throw new DefinitionError(`Process manager ${process.name} has no timeouts.${name} any more.`)
      const about = { process: process.name, tenant: record.tenant, instance: before.key, to: { timer: name } }
      const result = reacting(tracing, about, instance, () =>
        react(process.name, fired, answer({ ...effects, state: instance.state }), now),
      )
      reacted = instances.written(before, result.instance, hasWork(result.instance) ? now : null, result.timers)
    } catch (error) {
      const tried = attempts + 1
      const isDead = tried >= persistence.attempts
      const dueAt = isDead ? null : Math.ceil(now + persistence.pauseMs(tried + 1))
      const reason = error instanceof Error ? error.message : String(error)
      const failed = noted(instance, { at: now, what: isDead ? 'stuck' : 'failed', name, reason })
      const [records, after] = instances.written(before, { ...failed, ...(isDead ? { status: 'stuck' } : {}) }, before.dueAt, noTimers)
      const body = timerBody({ name, instance: before.key, attempts: tried })
      await commit({ records: [...records, { ...record, dueAt, body, expectedRevision: record.revision }] })
      instances.remember(after)
      return dueAt ?? undefined
    }
    const [records, after] = reacted
    await commit({ records: afterFiring(record, records) })
    instances.remember(after)
    await runQueues([after])
    return undefined
  }

  return {
    async fireDue(seen, isParked) {
      const now = clock.now()
      // Only then there can be one that is not known yet.
      const mustRead = timers.nextAt !== undefined && timers.nextAt <= now
      const still: DueTimer[] = []
      const again: number[] = []
      for (const due of mustRead ? await readDue(now) : waiting) {
        const { record, mustSee } = due
        const { instance: key, name } = fromJson(record.body) as TimerBody
        const before = await instances.read(record.tenant, key)
        const { instance } = before
        const kept = instance?.timers.find((one) => one.name === name)
        if (!instance || !kept || kept.dueAt > now) continue
        // Whatever it waits for here is the work of this part, and followed by another look.
        const isBehind = seen < Math.max(mustSee, instance.reached ?? 0)
        const mustWait = isBehind || isParked(record.tenant, key) || hasWork(instance) || instance.status === 'stuck'
        if (mustWait) {
          still.push(due)
          continue
        }
        const at = await fire(record, before, instance)
        if (at !== undefined) again.push(at)
      }
      waiting = still
      // Not before: until then, who waits for everything to be done sees that something is due.
      if (mustRead) await timers.lookAhead(now)
      for (const at of again) timers.setAt(at)
    },
    forget() {
      waiting = []
    },
  }
}

/** With its time: one that is cancelled and set anew begins at the first revision again. */
const idOfTimer = ({ tenant, key, revision, dueAt }: WorkRecord): string => `${idOf(tenant, key)} ${revision} ${dueAt}`

/** What is written with the end of a timer, unless its own reaction writes it anew. Either way it is written over what has fired. */
function afterFiring(record: WorkRecord, records: readonly RecordWrite[]): readonly RecordWrite[] {
  const isIt = ({ kind, key }: RecordWrite) => kind === record.kind && key === record.key
  const expectedRevision = record.revision
  if (records.some(isIt)) return records.map((one) => (isIt(one) ? { ...one, expectedRevision } : one))
  return [...records, { ...record, body: null, expectedRevision }]
}
