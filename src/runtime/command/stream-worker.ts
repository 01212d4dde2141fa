/**
 * The commands of one stream: decided one after the other on warm state, appended together.
 *
 * Invariants:
 * - Each command is decided on the state that all its predecessors lead to, and each request names the exact version it
 *   was decided on and the event that brought the stream there. So a request can only be written when all its predecessors
 *   in the group were: the version alone does not tell, another process may have reached it with other events.
 * - No outcome, a "no" included, is answered before all its predecessors have committed.
 * - A "no" that rests on warm state alone is confirmed against the stream's version before it is answered.
 * - When a request is not written, its successors are decided again on freshly loaded state; for them that does not count
 *   as an attempt.
 * - Only committed state stays warm.
 */
import { AsyncResource } from 'node:async_hooks'
import type { AnyAggregate } from '../../core/aggregate.ts'
import type { DacapoError } from '../../core/errors.ts'
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import type { ViewWrite } from '../../core/view-store.ts'
import type { Engine } from '../engine.ts'
import { loadAggregate } from '../state/load-aggregate.ts'
import { copyOf } from '../state/state-codec.ts'
import { jitteredMs, pause } from '../timeout.ts'
import { appendKept } from '../view/append-kept.ts'
import { isConflict } from './conflicts.ts'
import { decideGroup, type Entry, type Job } from './decide-group.ts'
import type { StateAt } from './decided-command.ts'
import type { Execution, Settled } from './execution.ts'
import { failUnlessRemembered, recall } from './idempotency.ts'
import { toRecorded } from './prepare-events.ts'

/** Committed state that is kept. */
export interface WarmState extends StateAt {
  /** The newest snapshot that is known of. */
  readonly snapshotVersion: number | undefined
}

/** What a worker tells its owner after each group. */
export interface GroupEnd {
  readonly base: WarmState
  /** The last entry that was answered. */
  readonly last: Entry | undefined
}

/** Decides and appends for one stream. */
export class StreamWorker {
  readonly tenant: string
  readonly stream: string
  readonly aggregate: AnyAggregate
  /** Committed state, which another process may have overtaken; `undefined` when cold. */
  warm: WarmState | undefined
  readonly #engine: Engine
  readonly #ended: (end: GroupEnd) => void
  #waiting: Job[] = []
  #running: Promise<void> | undefined

  constructor(engine: Engine, aggregate: AnyAggregate, tenant: string, stream: string, ended: (end: GroupEnd) => void) {
    this.#engine = engine
    this.aggregate = aggregate
    this.tenant = tenant
    this.stream = stream
    this.#ended = ended
  }

  get busy(): boolean {
    return this.#running !== undefined
  }

  /** Settles when nothing is waiting any more. */
  idle(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  /** Queues a command; settles with its outcome. */
  run(execution: Execution): Promise<Settled> {
    return new Promise((resolve, reject) => {
      const caller = new AsyncResource('dacapo.command', { requireManualDestroy: true })
      this.#waiting.push({ execution, caller, resolve, reject, conflicts: 0 })
      this.#running ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    // One turn of the microtask queue, so that commands which arrive together are decided together.
    await undefined
    while (this.#waiting.length > 0) {
      await this.#runGroup(this.#waiting.splice(0, this.#engine.settings.groupSize))
    }
    this.#running = undefined
  }

  async #runGroup(group: readonly Job[]): Promise<void> {
    const wasWarm = this.warm !== undefined
    let unanswered = group
    try {
      const base = this.warm ?? (await this.#load(group))
      const { entries, left } = await decideGroup(this.#engine, this, group, base, wasWarm)
      this.#waiting.unshift(...left)
      unanswered = entries.map(({ job }) => job)
      // A "no" before the first events rests on the base state alone: prove that it is still the current one.
      if (wasWarm && entries[0]?.answer.kind !== 'events' && !(await this.#isCurrent(base))) {
        this.warm = undefined
        this.#waiting.unshift(...unanswered)
        return
      }
      await this.#commit(entries, base)
    } catch (error) {
      // The store threw: unknown whether anything was written. The callers decide, by the error's `retryable`.
      this.warm = undefined
      for (const job of unanswered) job.reject(error)
    }
  }

  /** In the trace of the first that waits for it. */
  #load([first]: readonly Job[]): Promise<WarmState> {
    const load = () => loadAggregate(this.#engine, this.#engine.store, this.aggregate, this.tenant, this.stream)
    return this.#engine.tracing && first ? first.caller.runInAsyncScope(load) : load()
  }

  async #isCurrent({ version }: StateAt): Promise<boolean> {
    const info = await this.#engine.store.streamInfo(this.stream, this.tenant)
    return (info?.version ?? 0) === version
  }

  async #commit(entries: readonly Entry[], base: WarmState): Promise<void> {
    const { views } = this.#engine
    const works = entries.flatMap(({ views: work }) => (work ? [work] : []))
    for (let reading = views.warmUp(works); reading; reading = views.warmUp(works)) await reading
    const steps = this.#foldViews(entries)
    const [first] = entries
    if (first && steps[0]?.entry.answer.kind === 'error' && first.answer.kind === 'events' && !(await this.#failsForSure(first, base))) {
      this.warm = undefined
      this.#waiting.unshift(...entries.map(({ job }) => job))
      return
    }
    const results = await this.#append(steps)
    let committed: StateAt = base
    let written = 0
    let answered = 0
    for (const { entry, request } of steps) {
      const verdict = this.#answer(entry, request ? results.next().value : undefined)
      if (verdict === 'again') break
      answered++
      if (verdict === 'written') {
        committed = entry
        written = answered
      } else if (entry.decided.length > 0) {
        break // its successors saw events that are not there
      }
    }
    for (const { rows } of steps.slice(0, written)) views.confirm(this.tenant, rows)
    this.#forgetRows(steps.slice(written))
    const again = entries.slice(answered).map(({ job }) => job)
    const { state, version } = committed
    this.warm = again.length > 0 ? undefined : { state, version, snapshotVersion: base.snapshotVersion }
    views.trim()
    this.#ended({ base, last: steps[answered - 1]?.entry })
    if (again.length > 0) await this.#decideAgain(again)
  }

  /**
   * Folds the rows, in one turn with the append so that nobody else's rows come in between.
   *
   * Ends before a projection that throws: what it threw at is certain only when everything before it has been written. The
   * first one has nothing before it and gets its error.
   */
  #foldViews(entries: readonly Entry[]): readonly Step[] {
    const steps: Step[] = []
    for (const entry of entries) {
      const { request, views: work } = entry
      try {
        const rows = work ? this.#engine.views.fold(work) : []
        steps.push({ entry, rows, request: request && rows.length > 0 ? { ...request, views: rows } : request })
      } catch (error) {
        if (steps.length === 0) steps.push({ entry: { ...entry, answer: { kind: 'error', error } }, rows: [], request: undefined })
        break
      }
    }
    return steps
  }

  /** Whether a projection fails on what is stored now, and not only on warm state or rows that others have changed. */
  async #failsForSure({ views: work }: Entry, base: StateAt): Promise<boolean> {
    return (await this.#isCurrent(base)) && work !== undefined && (await this.#engine.views.failsOnStoredRows(work))
  }

  async #append(steps: readonly Step[]): Promise<Iterator<AppendResult, undefined>> {
    const { store, tracing, kept } = this.#engine
    const requests = steps.flatMap(({ request }) => (request ? [request] : []))
    if (requests.length === 0) return [][Symbol.iterator]()
    try {
      const append = () => appendKept(kept, store.views, requests, (marked) => store.append(marked))
      const results = await (tracing ? tracing.append(requests, callersOf(steps), append) : append())
      return results[Symbol.iterator]() as Iterator<AppendResult, undefined>
    } catch (error) {
      this.#forgetRows(steps)
      throw error
    }
  }

  /** Rows that were folded for requests which were not written. */
  #forgetRows(steps: readonly Step[]): void {
    for (const { rows } of steps) this.#engine.views.forget(this.tenant, rows)
  }

  /** Answers one caller: its events were written, it was answered without writing any, or it has to be decided again. */
  #answer({ job, answer, types, state, version }: Entry, result: AppendResult | undefined): 'written' | 'answered' | 'again' {
    const { execution } = job
    if (result?.kind === 'remembered') {
      recall(this.#engine, this.#engine.store, execution, result.entry).then(job.resolve, job.reject)
      return 'answered'
    }
    if (result?.kind === 'refused') {
      if (this.#mayDecideAgain(job, result.error)) return 'again'
      job.reject(result.error)
      return 'answered'
    }
    if (answer.kind === 'error') {
      if (result) job.reject(answer.error)
      else failUnlessRemembered(this.#engine, this.#engine.store, execution, answer.error).then(job.resolve, job.reject)
      return 'answered'
    }
    if (answer.kind === 'no') {
      job.resolve({ kind: 'rejected', rejection: answer.rejection, duplicate: false })
      return 'answered'
    }
    const stored = result?.events ?? []
    const events = toRecorded(execution, types, stored)
    const position = stored.at(-1)?.position ?? 0
    const receipt = { kind: 'accepted' as const, events, version, position, duplicate: false }
    if (execution.returnState) this.#ownCopy(state, version).then((own) => job.resolve({ ...receipt, state: own }), job.reject)
    else job.resolve(receipt)
    return stored.length > 0 ? 'written' : 'answered'
  }

  /** A state that the caller may do with as it likes. */
  async #ownCopy(state: unknown, version: number): Promise<unknown> {
    const copy = copyOf(this.aggregate, state)
    if (copy) return copy.value
    return (await loadAggregate(this.#engine, this.#engine.store, this.aggregate, this.tenant, this.stream, { to: version })).state
  }

  #mayDecideAgain(job: Job, error: DacapoError): boolean {
    if (!isConflict(error)) return false
    const { counters, settings, tell } = this.#engine
    const { tenant, stream } = this
    counters.conflicts++
    job.conflicts++
    tell?.({
      signal: 'aggregate.conflict',
      tenant,
      stream,
      command: job.execution.command.command,
      attempt: job.conflicts,
      code: error.code,
    })
    return job.conflicts < settings.attempts
  }

  async #decideAgain(jobs: readonly Job[]): Promise<void> {
    this.#waiting.unshift(...jobs)
    const conflicts = jobs[0]?.conflicts ?? 0
    const { backoffMs, longestBackoffMs } = this.#engine.settings
    if (conflicts > 0) await pause(jitteredMs(conflicts, backoffMs, longestBackoffMs, this.#engine.random))
  }
}

/** An entry with its rows folded, as it is sent to the store. */
interface Step {
  readonly entry: Entry
  readonly rows: readonly ViewWrite[]
  readonly request: AppendRequest | undefined
}

/** Whose requests are sent. */
function callersOf(steps: readonly Step[]): readonly AsyncResource[] {
  return steps.flatMap(({ request, entry }) => (request ? [entry.job.caller] : []))
}
