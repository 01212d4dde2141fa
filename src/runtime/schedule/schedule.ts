/**
 * A command on a schedule, as it is kept, and what its runs make of it. Pure.
 *
 * Each run is for one due time, and that, with the schedule, is the idempotency key of its command. So however often a run is tried, and by
 * however many processes, its command is executed once.
 */
import type { RecordWrite, WorkRecord } from '../../core/work-store.ts'
import { slotOf } from '../subscription/slots.ts'

/**
 * `waiting`: for its time. `running`: somebody executes it. `failed`: its last run has failed as often as it is tried; one that repeats
 * runs again all the same. `done`: it was executed, and does not repeat.
 */
export type ScheduleStatus = 'waiting' | 'running' | 'failed' | 'done'

/** What a run came to; `empty`: it was accepted and wrote nothing. */
export type RunOutcome = 'accepted' | 'empty' | 'rejected' | 'failed'

/** The last run that has ended. Times in milliseconds since 1970. */
export interface KeptRun {
  readonly due: number
  readonly at: number
  readonly outcome: RunOutcome
  /** How often it was tried. */
  readonly attempts: number
  /** Of a rejection or of an error. */
  readonly code?: string
  /** Of an error. */
  readonly message?: string
}

/** A schedule as it is kept. Times in milliseconds since 1970. */
export interface Schedule {
  /** Unique: another schedule may have the same id after this one. */
  readonly made: string
  /** Tells whether somebody wants the same thing again. */
  readonly request: string
  readonly command: string
  readonly input: unknown
  readonly asking: {
    readonly actor: unknown
    readonly context?: unknown
    readonly metadata?: Readonly<Record<string, unknown>>
    readonly correlationId?: string
    readonly causationId?: string
  }
  readonly createdAt: number
  readonly firstAt: number
  readonly everyMs?: number
  /** The time that the next run is for, or the one under way. */
  readonly due: number
  /** How often it has failed for that time. */
  readonly attempts: number
  /** How often it was refused by `authorize`, which is final under its key. */
  readonly refusals: number
  /** How many runs have ended. */
  readonly runs: number
  readonly last?: KeptRun
}

/** A schedule, and what its record says beside it. */
export interface Planned {
  readonly schedule: Schedule
  readonly status: ScheduleStatus
  /** When there is something to do with it. */
  readonly dueAt: number | null
}

/** The kind and the owner of records. */
export const scheduleKind = 'schedule'
export const scheduleOwner = 'schedules'

/** The name of a schedule's record. */
export const scheduleName = (tenant: string, id: string) => ({ kind: scheduleKind, owner: scheduleOwner, tenant, key: id })

export function scheduleRecord(tenant: string, id: string, { schedule, status, dueAt }: Planned, expectedRevision: number): RecordWrite {
  return { ...scheduleName(tenant, id), slot: slotOf(tenant, id), status, dueAt, body: JSON.stringify(schedule), expectedRevision }
}

export const scheduleOf = ({ body }: WorkRecord): Schedule => JSON.parse(body) as Schedule

/** The idempotency key of the run for the time that is due. */
export function runKey({ made, due, refusals }: Schedule): string {
  return `schedule:${made}:${due}${refusals ? `.${refusals}` : ''}`
}

/** The first time of a rhythm that is behind another one. No drift: the rhythm begins at `firstAt`, not at the last run. */
export function nextTime({ firstAt, everyMs }: Pick<Schedule, 'firstAt'> & { readonly everyMs: number }, behind: number): number {
  if (behind < firstAt) return firstAt
  return firstAt + (Math.floor((behind - firstAt) / everyMs) + 1) * everyMs
}

/** @param keepMs  how long one that is done can still be looked at. */
export function afterRun(before: Schedule, run: Pick<KeptRun, 'outcome' | 'code'>, now: number, keepMs: number): Planned {
  const last = { due: before.due, at: now, attempts: before.attempts + 1, ...run }
  const schedule = { ...before, last, attempts: 0, refusals: 0, runs: before.runs + 1 }
  // Whole hours, so that those that were done at about the same time go together.
  return again(schedule, now) ?? { schedule, status: 'done', dueAt: (Math.floor((now + keepMs) / hourMs) + 1) * hourMs }
}

/** It is tried again for the same time. */
export function afterFailure(before: Schedule, retryAt: number): Planned {
  return { schedule: { ...before, attempts: before.attempts + 1 }, status: 'waiting', dueAt: retryAt }
}

/** It is not tried again for this time, unless somebody wants it. */
export function givenUp(before: Schedule, error: Pick<KeptRun, 'code' | 'message'>, isRefused: boolean, now: number): Planned {
  const attempts = before.attempts + 1
  const last: KeptRun = { due: before.due, at: now, attempts, outcome: 'failed', ...error }
  const schedule = { ...before, last, attempts: 0, refusals: before.refusals + (isRefused ? 1 : 0), runs: before.runs + 1 }
  return { ...(again(schedule, now) ?? { schedule, dueAt: null }), status: 'failed' }
}

/** What has failed is tried again, for the time that it was meant for. */
export function retriedRun(before: Schedule, now: number): Planned {
  return { schedule: { ...before, due: before.last?.due ?? before.due, attempts: 0 }, status: 'waiting', dueAt: now }
}

/** The next run of one that repeats: times that have been missed are left out. */
function again(schedule: Schedule, now: number): Planned | undefined {
  const { everyMs } = schedule
  if (everyMs === undefined) return undefined
  const due = nextTime({ firstAt: schedule.firstAt, everyMs }, Math.max(schedule.due, now))
  return { schedule: { ...schedule, due }, status: 'waiting', dueAt: due }
}

const hourMs = 3_600_000
