/**
 * Acting on instances from any process: what is asked for is a record, until whoever works on the instance has done it.
 *
 * Invariants:
 * - It is done between two things that happen to the instance, never during one, and committed under the lease together with the end
 *   of the request. So it is done once.
 * - What is dropped from a queue is never executed any more, even if somebody else has sent it: see `withdraw-command.ts`.
 */
import type { Clock } from '../../core/clock.ts'
import { fromJson } from '../../core/json.ts'
import type { RecordWrite, WorkRecord, WorkStore } from '../../core/work-store.ts'
import type { WithdrawFor } from '../command/withdraw-command.ts'
import { slotOf } from '../subscription/slots.ts'
import type { ConsumerContext } from '../subscription/subscription.ts'
import { everyRecord } from '../work/every-record.ts'
import { type Act, actOn, isPossible } from './acts.ts'
import { commandKey } from './command-queue.ts'
import { afterSent, hasWork, type Instance } from './instance.ts'
import type { Known, KnownInstances } from './known-instances.ts'
import { type TimerRecords, timerName } from './timer-records.ts'

/** The kind of records. */
export const actKind = 'act'

/** What is asked for. */
export interface ActRequest {
  readonly instance: string
  readonly act: Act
  readonly reason?: string
  readonly by?: unknown
}

/** @param id  its own, unique. */
export function requestRecord(owner: string, tenant: string, id: string, request: ActRequest, now: number): RecordWrite {
  const slot = slotOf(tenant, request.instance)
  return {
    kind: actKind,
    owner,
    tenant,
    key: id,
    slot,
    status: 'requested',
    dueAt: now,
    body: JSON.stringify(request),
    expectedRevision: 0,
  }
}

/** What is asked of one part. */
export interface ActRequests {
  readonly isEmpty: boolean
  /** Reads what is asked for. */
  load(): Promise<void>
  carryOut(): Promise<void>
}

interface Place {
  /** Of the process manager. */
  readonly name: string
  readonly owner: string
  readonly work: WorkStore
  readonly clock: Clock
  readonly withdraw: WithdrawFor
  readonly instances: KnownInstances
  readonly timers: TimerRecords
  readonly runQueues: (all: readonly Known[]) => Promise<void>
}

export function makeActRequests(place: Place, { slots, stopping, commit }: ConsumerContext): ActRequests {
  const { name, owner, work, clock, withdraw, instances, timers, runQueues } = place
  let requests: readonly WorkRecord[] = []

  /** The first of the queue may have been executed. If it was, that is recorded; if not, it cannot be any more. */
  async function afterWithdrawing(act: Act, { tenant, key }: Known, instance: Instance): Promise<Instance> {
    const [first] = instance.queue
    if (!first || first.kind === 'complete' || (act === 'compensate' && first.kind === 'undo')) return instance
    const executed = await withdraw(tenant, commandKey(name, key, first), first)
    return executed ? afterSent(instance, clock.now(), { duplicate: true, ...executed }) : instance
  }

  async function carryOutOne(record: WorkRecord): Promise<void> {
    const { instance: key, act, reason, by } = fromJson(record.body) as ActRequest
    const done = { ...record, body: null, expectedRevision: record.revision }
    const before = await instances.read(record.tenant, key)
    const { instance: asItWas } = before
    if (!asItWas || !isPossible(act, asItWas)) return commit({ records: [done] }) // whoever has asked finds nothing of it on the timeline
    const note = { act: record.key, by, ...(reason === undefined ? {} : { reason }) }
    const failed = await timers.failed(record.tenant, key, asItWas.timers)
    const start = act === 'retry' ? asItWas : await afterWithdrawing(act, before, asItWas)
    const now = clock.now()
    const { instance, timers: changes } = actOn(act, start, failed.map(timerName), now, note)
    const [records, after] = instances.written(before, instance, hasWork(instance) ? now : null, changes)
    await commit({ records: [...records, ...(act === 'retry' ? timers.again(failed, now) : []), done] })
    instances.remember(after)
    await runQueues([after])
  }

  return {
    get isEmpty() {
      return requests.length === 0
    },
    async load() {
      requests = await everyRecord(work, { kind: actKind, owner, slots, dueTo: Number.MAX_SAFE_INTEGER })
    },
    async carryOut() {
      for (const request of requests) {
        if (stopping.aborted) return
        await carryOutOne(request)
        requests = requests.filter((one) => one !== request)
      }
    },
  }
}
