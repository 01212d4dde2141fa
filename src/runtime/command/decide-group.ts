/** The first half of a group's life: each command decided on the state that all its predecessors lead to. */
import type { AsyncResource } from 'node:async_hooks'
import type { AnyAggregate } from '../../core/aggregate.ts'
import { expectationHolds } from '../../core/check-append.ts'
import { violated } from '../../core/judge-append.ts'
import type { Engine } from '../engine.ts'
import { settlesWithin, unlessAbandoned } from '../timeout.ts'
import { type Basis, type DecidedCommand, type StateAt, toDecided, withoutEvents } from './decided-command.ts'
import { check, contextOf, decide, type Execution, isChecked, type Settled } from './execution.ts'
import { entryForError } from './idempotency.ts'

/** A command that waits for its stream. */
export interface Job {
  readonly execution: Execution
  /** User code runs in the asynchronous context of its caller: its AsyncLocalStorage, not that of whoever woke the stream. */
  readonly caller: AsyncResource
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

/** A command decided, not yet committed. */
export interface Entry extends DecidedCommand {
  readonly job: Job
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
    const { tenant, stream, aggregate } = target
    const { execution, slowChecks } = job
    const follows = at.follows ? { follows: at.follows } : {}
    const basis: Basis = { ...at, evolve: aggregate.evolve, demand: { stream, expectedVersion: at.version, ...follows } }
    const signal = { tenant, stream, command: execution.command.command, attempt: job.conflicts + 1 }
    engine.tell?.({ signal: 'aggregate.execute.start', ...signal })
    try {
      const { abandoned } = execution
      abandoned?.throwIfAborted()
      const context = contextOf(execution, at.state, engine.clock.now())
      const checks =
        slowChecks && slowChecks.state === at.state
          ? slowChecks.done
          : isChecked(execution, engine.fallbacks)
            ? job.caller.runInAsyncScope(() => check(execution, context, engine.fallbacks))
            : undefined
      if (checks) {
        // Only the first of a group may take its time: nobody was decided before it, so nobody waits for it.
        if (entries.length > 0 && !(await settlesWithin(checks, engine.settings.groupPatienceMs))) {
          job.slowChecks = { state: at.state, done: checks }
          return { entries, left: group.slice(entries.length) }
        }
        await unlessAbandoned(abandoned, () => checks)
      }
      const entry = { ...job.caller.runInAsyncScope(() => decideOne(engine, execution, context, basis)), job }
      entries.push(entry)
      at = entry
      engine.tell?.({ signal: 'aggregate.execute.stop', ...signal, version: at.version, events: entry.decided.length, warm })
    } catch (error) {
      entries.push({ ...withoutEvents(execution, basis, { kind: 'error', error }, entryForError(execution, error)), job })
      engine.tell?.({ signal: 'aggregate.execute.exception', ...signal, error })
    }
  }
  return { entries, left: [] }
}

function decideOne(engine: Engine, execution: Execution, context: object, basis: Basis): DecidedCommand {
  const { expectedVersion } = execution
  if (expectedVersion !== undefined && !expectationHolds(expectedVersion, basis.version)) {
    throw violated(basis.demand.stream, expectedVersion, basis.version)
  }
  return toDecided(engine, engine.views, execution, basis, decide(execution, context))
}
