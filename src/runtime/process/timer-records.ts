/** Timers as records: one for each that is set, under its instance's slot, due when it is to fire. */
import type { Clock } from '../../core/clock.ts'
import { fromJson } from '../../core/json.ts'
import type { RecordWrite, WorkRecord, WorkStore } from '../../core/work-store.ts'
import { type Slots, slotOf } from '../subscription/slots.ts'
import { everyRecord } from '../work/every-record.ts'
import type { KeptTimer, TimerChanges } from './instance.ts'

/** The kind of records. */
export const timerKind = 'timer'

/** What a record of a timer says. */
export interface TimerBody {
  readonly name: string
  readonly instance: string
  readonly attempts: number
}

/** The timers of the instances of one part. */
export interface TimerRecords {
  /** When the next one is due, as far as is known; `undefined`: none is. */
  readonly nextAt: number | undefined
  /** What is to be written for the timers of an instance. */
  writes(tenant: string, instance: string, changes: TimerChanges): readonly RecordWrite[]
  /** One is due then. */
  setAt(dueAt: number): void
  /** Those that are due. */
  due(now: number): Promise<readonly WorkRecord[]>
  /** Those of an instance that have failed as often as they are tried, and do not fire any more. */
  failed(tenant: string, instance: string, timers: readonly KeptTimer[]): Promise<readonly WorkRecord[]>
  /** What is to be written so that they fire again, now. */
  again(failed: readonly WorkRecord[], now: number): readonly RecordWrite[]
  /** Finds out when the next one is due that is not due by now. */
  lookAhead(now: number): Promise<void>
  /** Others may have set some: the next look finds them. */
  forget(): void
}

export function makeTimerRecords(work: WorkStore, clock: Clock, owner: string, slots: Slots): TimerRecords {
  let nextAt: number | undefined
  const setAt = (dueAt: number) => {
    nextAt = Math.min(nextAt ?? dueAt, dueAt)
  }
  return {
    setAt,
    get nextAt() {
      return nextAt
    },
    writes(tenant, instance, { set, cancel }) {
      const slot = slotOf(tenant, instance)
      const record = (name: string) => ({ kind: timerKind, owner, tenant, key: timerKey(name, instance), slot, status: 'waiting' })
      for (const { dueAt } of set) setAt(dueAt)
      return [
        ...set.map(({ name, dueAt }) => ({ ...record(name), dueAt, body: timerBody({ name, instance, attempts: 0 }) })),
        ...cancel.map((name) => ({ ...record(name), dueAt: null, body: null })),
      ]
    },
    due: (now) => everyRecord(work, { kind: timerKind, owner, slots, dueTo: now }),
    async failed(tenant, instance, timers) {
      const found = await Promise.all(
        timers.map(({ name }) => work.record({ kind: timerKind, owner, tenant, key: timerKey(name, instance) })),
      )
      return found.filter((record) => record !== undefined && record.dueAt === null) as readonly WorkRecord[]
    },
    again(failed, now) {
      if (failed.length > 0) setAt(now)
      return failed.map(({ revision, body, ...record }) => {
        const { name, instance } = fromJson(body) as TimerBody
        return { ...record, dueAt: now, body: timerBody({ name, instance, attempts: 0 }), expectedRevision: revision }
      })
    },
    async lookAhead(now) {
      const question = { kind: timerKind, owner, slots, dueTo: Number.MAX_SAFE_INTEGER, limit: 1 }
      const [next] = await work.records({ ...question, after: { owner, tenant: '\u{10FFFF}', key: '', dueAt: now } })
      nextAt = next?.dueAt ?? undefined
    },
    forget() {
      nextAt = clock.now()
    },
  }
}

export const timerKey = (timer: string, instance: string): string => `${encodeURIComponent(timer)}/${instance}`

export const timerName = ({ body }: WorkRecord): string => (fromJson(body) as TimerBody).name

export const timerBody = (body: TimerBody): string => JSON.stringify(body)
