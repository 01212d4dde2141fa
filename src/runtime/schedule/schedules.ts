/** Scheduling commands, and looking after what is scheduled. Loaded when it is called. */
import { toCount } from '../../core/duration.ts'
import { IdempotencyMismatchError, NotFoundError, RecordConflictError, WrongStatusError } from '../../core/errors.ts'
import type { WorkRecord } from '../../core/work-store.ts'
import type { CommandRequest } from '../command/execute-command.ts'
import { withdrawWith } from '../command/withdraw-command.ts'
import type { Engine } from '../engine.ts'
import { type AnyScheduleOptions, makeSchedule } from './make-schedule.ts'
import {
  type KeptRun,
  type RunOutcome,
  retriedRun,
  runKey,
  type Schedule,
  type ScheduleStatus,
  scheduleKind,
  scheduleName,
  scheduleOf,
  scheduleOwner,
  scheduleRecord,
} from './schedule.ts'

/** The last run that has ended. */
export interface ScheduleRun {
  /** The time that was meant. */
  readonly dueAt: Date
  /** When it had ended. */
  readonly at: Date
  /** `empty`: accepted, without an event. `failed`: with an error, as often as it is tried. */
  readonly outcome: RunOutcome
  readonly attempts: number
  /** Of the rejection or of the error. */
  readonly code?: string
  /** Of the error. */
  readonly message?: string
}

/** A command on a schedule. */
export interface ScheduledCommand {
  readonly id: string
  readonly tenant: string
  readonly command: string
  readonly input: unknown
  readonly actor: unknown
  /**
   * `waiting` for its time; `running`; `done`: it was executed, or rejected, and does not repeat; `failed`: its last run has failed as
   * often as it is tried. One that repeats runs again at the next time all the same.
   */
  readonly status: ScheduleStatus
  /** The time that the next run, or the one under way, is for; `undefined`: there is none. */
  readonly dueAt: Date | undefined
  readonly everyMs: number | undefined
  /** How often it has failed for that time. */
  readonly attempts: number
  /** How many runs have ended. */
  readonly runs: number
  readonly last: ScheduleRun | undefined
  readonly createdAt: Date
}

/** Which schedules. */
export interface ScheduleFilter {
  readonly status?: ScheduleStatus
  /** Default 100. */
  readonly limit?: number
  /** The last one of the page before. */
  readonly after?: Pick<ScheduledCommand, 'id' | 'tenant'>
}

/** What is scheduled. */
export interface Schedules {
  /** By tenant and id. What is done is shown for as long as outcomes are kept: 7 days by default. */
  list(filter?: ScheduleFilter): Promise<readonly ScheduledCommand[]>
  get(id: string): Promise<ScheduledCommand | undefined>
  /** Returns whether it was there and does not run any more. One that is under way, and repeats, may still come to its end. */
  cancel(id: string): Promise<boolean>
  /**
   * Tries the run that has failed again, now and from the first attempt on.
   *
   * @throws NotFoundError (`ES_NOT_FOUND`); WrongStatusError (`ES_WRONG_STATUS`) it has not failed.
   */
  retry(id: string): Promise<void>
}

/** The same with the call that makes one. */
export interface SchedulesOf extends Schedules {
  schedule(request: CommandRequest, options: any): Promise<ScheduledCommand & { cancel(): Promise<boolean> }>
}

/** How often a schedule is read again that was changed in between. */
const mostConflicts = 10

/** @param poke  tells whoever fires schedules in this process. */
export function schedulesOf(engine: Engine, tenant: string, poke: () => void): SchedulesOf {
  const { store, clock, tell } = engine
  const { work } = store
  const withdraw = withdrawWith(engine)

  const find = (id: string) => work.record(scheduleName(tenant, id))

  /** Does something to one as it is now, again when it was changed meanwhile. */
  async function changing<T>(id: string, change: (record: WorkRecord | undefined) => Promise<T | typeof tryAgain>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const result = await change(await find(id))
      if (result !== tryAgain) return result
      if (attempt === mostConflicts) throw new RecordConflictError('schedule', id)
    }
  }

  /** Whether it was written; not when somebody else was faster. */
  async function write(record: Parameters<typeof scheduleRecord> | WorkRecord): Promise<boolean> {
    const change = 'body' in record ? { ...record, body: null, expectedRevision: record.revision } : scheduleRecord(...record)
    const [result] = await work.commit([{ records: [change] }])
    if (result?.kind === 'refused' && !(result.error instanceof RecordConflictError)) throw result.error
    return result?.kind === 'done'
  }

  async function schedule(request: CommandRequest, options: AnyScheduleOptions) {
    const made = await makeSchedule(engine, request, options)
    const id = options.id ?? made.made
    const shown = await changing(id, async (there) => {
      if (there && scheduleOf(there).request !== made.request) throw new IdempotencyMismatchError(id)
      if (there) return toShown(there)
      if (!(await write([tenant, id, { schedule: made, status: 'waiting', dueAt: made.due }, 0]))) return tryAgain
      tell?.({ signal: 'schedule.set', tenant, schedule: id, command: made.command, dueAt: made.due, everyMs: made.everyMs })
      poke()
      return toScheduled(tenant, id, made, 'waiting')
    })
    return { ...shown, cancel: () => cancel(id) }
  }

  async function cancel(id: string): Promise<boolean> {
    return changing(id, async (record) => {
      if (!record || record.status === 'done') return false
      const kept = scheduleOf(record)
      // Whoever has ever claimed it may have sent the command, or still be about to: then either that comes first, or this.
      const mayBeSent = kept.everyMs === undefined && record.revision > 1
      if (mayBeSent && (await withdraw(tenant, runKey(kept), kept))) return false
      if (!(await write(record))) return tryAgain
      tell?.({ signal: 'schedule.cancel', tenant, schedule: id, command: kept.command })
      poke()
      return true
    })
  }

  return {
    schedule,
    cancel,
    async list({ status, after, limit = 100 } = {}) {
      const records = await work.records({
        kind: scheduleKind,
        owner: scheduleOwner,
        limit: toCount(limit, 'limit'),
        ...(tenant === '' ? {} : { tenant }),
        ...(status && { status }),
        ...(after && { after: { owner: scheduleOwner, tenant: after.tenant, key: after.id, dueAt: null } }),
      })
      return records.map(toShown)
    },
    async get(id) {
      const record = await find(id)
      return record && toShown(record)
    },
    retry: (id) =>
      changing(id, async (record) => {
        const what = `schedule ${JSON.stringify(id)}`
        if (!record) throw new NotFoundError(what)
        if (record.status !== 'failed') throw new WrongStatusError(what, record.status, 'retry')
        const next = retriedRun(scheduleOf(record), clock.now())
        if (!(await write([tenant, id, next, record.revision]))) return tryAgain
        const { command, due } = next.schedule
        tell?.({ signal: 'schedule.retry', tenant, schedule: id, command, dueAt: due })
        poke()
        return undefined
      }),
  }
}

const tryAgain = Symbol('try again')

const toShown = (record: WorkRecord): ScheduledCommand =>
  toScheduled(record.tenant, record.key, scheduleOf(record), record.status as ScheduleStatus)

export function toScheduled(tenant: string, id: string, schedule: Schedule, status: ScheduleStatus): ScheduledCommand {
  const { command, input, asking, due, everyMs, attempts, runs, last, createdAt } = schedule
  const isOver = status === 'done' || (status === 'failed' && everyMs === undefined)
  return {
    id,
    tenant,
    command,
    input,
    actor: asking.actor,
    status,
    dueAt: isOver ? undefined : new Date(due),
    everyMs,
    attempts,
    runs,
    last: last && toRun(last),
    createdAt: new Date(createdAt),
  }
}

function toRun({ due, at, ...run }: KeptRun): ScheduleRun {
  return { dueAt: new Date(due), at: new Date(at), ...run }
}
