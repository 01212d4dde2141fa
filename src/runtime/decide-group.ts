/** The first half of a group's life: each command decided on the state that all its predecessors lead to. */
import type { AnyAggregate } from '../core/aggregate.ts'
import { expectationHolds } from '../core/check-append.ts'
import { ConcurrencyError } from '../core/errors.ts'
import type { AppendRequest } from '../core/event-store.ts'
import { step } from '../core/fold.ts'
import type { DecidedEvent } from '../core/recorded-event.ts'
import { isRejection, type Rejection } from '../core/rejection.ts'
import type { Engine } from './engine.ts'
import { check, contextOf, decide, type Execution, type Settled } from './execution.ts'
import { entryForEvents, entryForNothing, entryForRejection } from './idempotency.ts'
import { prepareEvents } from './prepare-events.ts'
import { settlesWithin, unlessAbandoned } from './timeout.ts'
import type { ViewWork } from './transactional-views.ts'

/** A command that waits for its stream. */
export interface Job {
  readonly execution: Execution
  readonly resolve: (settled: Settled) => void
  readonly reject: (error: unknown) => void
  /** How often it was decided and then met a conflict. */
  conflicts: number
  /** Checks that were too slow for a group, and the state that they saw. */
  slowChecks?: { readonly state: unknown; readonly done: Promise<void> }
}

/** The stream that a group is decided for. */
export interface GroupTarget {
  readonly aggregate: AnyAggregate
  readonly tenant: string
  readonly stream: string
}

/** A state with the version it stands at. */
export interface StateAt {
  readonly state: unknown
  readonly version: number
  /** Id of its newest event, while that is still on its way. */
  readonly follows?: string | undefined
}

/** A command decided, not yet committed. */
export interface Entry extends StateAt {
  readonly job: Job
  readonly answer:
    | { readonly kind: 'events' | 'nothing' }
    | { readonly kind: 'no'; readonly rejection: Rejection }
    | { readonly kind: 'error'; readonly error: unknown }
  readonly decided: readonly DecidedEvent[]
  /** Absent when there is nothing to write, not even an outcome to remember. */
  readonly request: AppendRequest | undefined
  readonly views: ViewWork | undefined
}

/**
 * Decides as many jobs as one append can carry.
 *
 * @returns the entries, and the jobs that are left for the next group: those behind a check that takes its time.
 */
export async function decideGroup(
  engine: Engine,
  target: GroupTarget,
  group: readonly Job[],
  base: StateAt,
  warm: boolean,
): Promise<{ readonly entries: Entry[]; readonly left: readonly Job[] }> {
  const entries: Entry[] = []
  let at = base
  for (const job of group) {
    const { tenant, stream } = target
    const signal = { tenant, stream, command: job.execution.command.command, attempt: job.conflicts + 1 }
    engine.tell?.({ signal: 'aggregate.execute.start', ...signal })
    try {
      const { slowChecks, execution } = job
      const { abandoned } = execution
      abandoned?.throwIfAborted()
      const context = contextOf(execution, at.state, engine.clock.now())
      const checks = slowChecks && slowChecks.state === at.state ? slowChecks.done : check(execution, context, engine.fallbacks)
      if (checks) {
        // Only the first of a group may take its time: nobody was decided before it, so nobody waits for it.
        if (entries.length > 0 && !(await settlesWithin(checks, engine.settings.groupPatienceMs))) {
          job.slowChecks = { state: at.state, done: checks }
          return { entries, left: group.slice(entries.length) }
        }
        await unlessAbandoned(abandoned, () => checks)
      }
      const entry = decideOne(engine, target, job, context, at)
      entries.push(entry)
      at = entry
      engine.tell?.({ signal: 'aggregate.execute.stop', ...signal, version: at.version, events: entry.decided.length, warm })
    } catch (error) {
      entries.push({ ...at, job, answer: { kind: 'error', error }, decided: [], request: undefined, views: undefined })
      engine.tell?.({ signal: 'aggregate.execute.exception', ...signal, error })
    }
  }
  return { entries, left: [] }
}

function decideOne(
  engine: Engine,
  { aggregate, tenant, stream }: GroupTarget,
  job: Job,
  context: object,
  { state, version, follows }: StateAt,
): Entry {
  const { execution } = job
  const { expectedVersion, idempotency } = execution
  if (expectedVersion !== undefined && !expectationHolds(expectedVersion, version))
    throw new ConcurrencyError(stream, expectedVersion, version)
  const decision = decide(execution, context)
  const request = { tenant, stream, expectedVersion: version, ...(follows ? { follows } : {}) }
  if (isRejection(decision) || decision.length === 0) {
    const answer = isRejection(decision) ? ({ kind: 'no', rejection: decision } as const) : ({ kind: 'nothing' } as const)
    const remember =
      idempotency && (answer.kind === 'no' ? entryForRejection(idempotency, answer.rejection) : entryForNothing(idempotency, version))
    return {
      job,
      answer,
      state,
      version,
      follows,
      decided: [],
      request: remember && { ...request, events: [], idempotency: remember },
      views: undefined,
    }
  }
  const { toAppend, decided } = prepareEvents(execution, stream, version, decision, engine.ids)
  const views = engine.views.plan(tenant, decided)
  let next = state
  for (const event of decided) next = step(aggregate.evolve, next, event)
  return {
    job,
    answer: { kind: 'events' },
    state: next,
    version: version + decided.length,
    follows: decided.at(-1)?.id,
    decided,
    request: {
      ...request,
      events: toAppend,
      ...(views && views.statements.length > 0 ? { statements: views.statements } : {}),
      ...(idempotency ? { idempotency: entryForEvents(idempotency) } : {}),
    },
    views,
  }
}
