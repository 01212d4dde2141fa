/**
 * Fires schedules, in a started app. Any number of processes may do so at once, and none of them leads.
 *
 * Who finds a schedule due claims it: writes it as running, at the revision that was read, until a lease from now. One of them gets it.
 * If that one dies, the claim runs out, and the schedule is due again. If it was only frozen, its command is answered under the
 * idempotency key of that run, and what it writes of the outcome is refused by the revision. So a run is executed once.
 *
 * Idle, it asks once in a third of a lease what is due next, like everybody looks who works on what; a timer does the rest.
 */
import { RecordConflictError } from '../../core/errors.ts'
import type { WorkRecord } from '../../core/work-store.ts'
import { type Engine, report } from '../engine.ts'
import { persistenceOf } from '../subscription/persistence.ts'
import { pause, settlesWithin } from '../timeout.ts'
import { type ExecuteFor, runSchedule } from './run-schedule.ts'
import { scheduleKind, scheduleOf, scheduleOwner, scheduleRecord } from './schedule.ts'

/** What fires schedules in this process. */
export interface Scheduler {
  /** Something was scheduled, or changed. */
  poke(): void
  /** Settles when nothing is due; tells whether anything was. */
  settle(): Promise<boolean>
  /** Waits for what runs. */
  stop(timeoutMs: number): Promise<void>
}

/** How many run at the same time. */
const mostAtOnce = 16

/** How many records are read at once. */
const pageSize = 100

/** @param stopping  aborted when the app begins to stop: from that moment on nothing more is begun. */
export function startScheduler(engine: Engine, execute: ExecuteFor, stopping: AbortSignal): Scheduler {
  const { store, clock, settings, definitions } = engine
  const persistence = persistenceOf(settings.retry, engine)
  const running = new Map<string, Promise<void>>()
  let looking: Promise<void> | undefined
  let mustLook = false
  let cancel = () => {}
  let begun = 0
  /** When the next one is due, as far as is known; with all places taken, whoever ends looks again. */
  let nextAt: number | undefined

  const isOurs = (record: WorkRecord) => record.status === 'done' || definitions.commands.has(scheduleOf(record).command)

  /** Those that are due and can be begun, and when the next one is due. */
  async function findDue(): Promise<readonly WorkRecord[]> {
    const found: WorkRecord[] = []
    const question = { kind: scheduleKind, owner: scheduleOwner, dueTo: Number.MAX_SAFE_INTEGER, limit: pageSize }
    for (let after: WorkRecord | undefined; ; ) {
      const page = await store.work.records({ ...question, ...(after && { after }) })
      for (const record of page) {
        if (running.has(nameOf(record)) || !isOurs(record)) continue
        nextAt = record.dueAt ?? undefined
        if (nextAt === undefined || nextAt > clock.now() || found.length + running.size >= mostAtOnce) return found
        found.push(record)
      }
      after = page.at(-1)
      nextAt = undefined
      if (page.length < pageSize) return found
    }
  }

  async function lookOnce(): Promise<void> {
    if (running.size >= mostAtOnce) return
    const due = await findDue()
    if (due.length === 0 || stopping.aborted) return
    const now = clock.now()
    const results = await store.work.commit(due.map((record) => ({ records: [toClaim(record, now + settings.leaseMs)] })))
    for (const [i, record] of due.entries()) {
      const result = results[i]
      if (result?.kind === 'refused' && !(result.error instanceof RecordConflictError)) throw result.error
      // A conflict: somebody else was faster.
      if (result?.kind === 'done' && record.status !== 'done') begin(record)
    }
    mustLook = true // there may be more
  }

  function begin(record: WorkRecord): void {
    const name = nameOf(record)
    begun++
    const run = runOne(record)
      .catch((error) => report(`schedule ${record.key} failed; it is tried again`, error))
      .finally(() => {
        running.delete(name)
        void look()
      })
    running.set(name, run)
  }

  async function runOne(record: WorkRecord): Promise<void> {
    const { tenant, key: id, revision } = record
    const next = await runSchedule(engine, persistence, execute, { tenant, id }, scheduleOf(record))
    if (!next) return
    const [result] = await store.work.commit([{ records: [scheduleRecord(tenant, id, next, revision + 1)] }])
    // A conflict: it was cancelled, or somebody else has taken it over; then what that one writes counts.
    if (result?.kind === 'refused' && !(result.error instanceof RecordConflictError)) throw result.error
    if (next.dueAt !== null && next.dueAt <= clock.now()) await pause(10) // a clock may stand still, a machine must not run hot
  }

  function look(): Promise<void> {
    mustLook = true
    looking ??= lookWhileNeeded().finally(() => {
      looking = undefined
      if (mustLook && !stopping.aborted) void look() // it was asked for when the last look was over
    })
    return looking
  }

  async function lookWhileNeeded(): Promise<void> {
    cancel()
    try {
      while (mustLook && !stopping.aborted) {
        mustLook = false
        await lookOnce()
        mustLook ||= running.size < mostAtOnce && nextAt !== undefined && nextAt <= clock.now() // its time has come meanwhile
      }
    } catch (error) {
      nextAt = undefined
      report('looking after schedules failed; it is tried again', error)
    }
    if (stopping.aborted) return
    const everyMs = Math.ceil(settings.leaseMs / 3) // whole milliseconds: what is kept with the time has no parts of them
    const isFull = running.size >= mostAtOnce
    const ms = nextAt === undefined || isFull ? everyMs : Math.min(everyMs, nextAt - clock.now())
    cancel = clock.after(ms, () => void look(), true) // a process that fires schedules is not at its end
  }

  void look()
  return {
    poke: () => void look(),
    async settle() {
      const before = begun
      do {
        await look()
        await Promise.all(running.values())
      } while (!stopping.aborted && (running.size > 0 || looking || mustLook || (nextAt !== undefined && nextAt <= clock.now())))
      return begun > before
    },
    async stop(timeoutMs) {
      cancel()
      const ended = async () => {
        await looking
        await Promise.all(running.values())
      }
      if (!(await settlesWithin(ended(), timeoutMs))) {
        report('stopping', new Error(`A scheduled command has not ended within ${timeoutMs} ms; it is left to others.`))
      }
    },
  }
}

/** One that was done long enough ago is forgotten; any other is claimed. */
function toClaim(record: WorkRecord, until: number) {
  const { revision, ...there } = record
  return record.status === 'done'
    ? { ...there, body: null, expectedRevision: revision }
    : { ...there, status: 'running', dueAt: until, expectedRevision: revision }
}

const nameOf = ({ tenant, key }: WorkRecord): string => `${tenant}\u0000${key}`
