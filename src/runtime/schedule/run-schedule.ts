/** One run of a schedule: executes its command for the time that is due, and says what becomes of the schedule. */
import { DacapoError, ForbiddenError } from '../../core/errors.ts'
import type { DomainEvent } from '../../core/event.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Rejection } from '../../core/rejection.ts'
import type { Asking, CommandRequest } from '../command/execute-command.ts'
import type { Engine } from '../engine.ts'
import type { Persistence } from '../subscription/subscription.ts'
import { afterFailure, afterRun, givenUp, type Planned, runKey, type Schedule } from './schedule.ts'

/** Executes a command of a schedule. */
export type ExecuteFor = (tenant: string, request: CommandRequest, asking: Asking) => Promise<Outcome<DomainEvent, Rejection>>

/** Which schedule. */
export interface OfSchedule {
  readonly tenant: string
  readonly id: string
}

/** @returns what it is from now on; nothing when the app stops, so that somebody else has to do it. */
export async function runSchedule(
  { clock, settings, tell }: Engine,
  persistence: Persistence,
  execute: ExecuteFor,
  { tenant, id }: OfSchedule,
  schedule: Schedule,
): Promise<Planned | undefined> {
  const { command, input, asking, due } = schedule
  const startedAt = clock.now()
  const about = { tenant, schedule: id, command }
  const ended = (outcome: 'accepted' | 'empty' | 'rejected' | 'failed', code: string | undefined, duplicate: boolean) =>
    tell?.({
      signal: 'schedule.run',
      ...about,
      dueAt: due,
      attempt: schedule.attempts + 1,
      outcome,
      code,
      duplicate,
      lateMs: Math.max(0, startedAt - due),
      durationMs: clock.now() - startedAt,
    })
  try {
    const outcome = await execute(
      tenant,
      { command, input },
      {
        correlationId: schedule.made,
        causationId: schedule.made,
        ...asking,
        metadata: { ...asking.metadata, schedule: { id, dueAt: new Date(due).toISOString() } },
        idempotencyKey: runKey(schedule),
      },
    )
    const told = outcome.ok
      ? { outcome: outcome.receipt.events.length > 0 ? ('accepted' as const) : ('empty' as const) }
      : { outcome: 'rejected' as const, code: outcome.rejection.code }
    ended(told.outcome, told.code, outcome.ok ? outcome.receipt.duplicate : outcome.duplicate)
    return afterRun(schedule, told, clock.now(), settings.keepOutcomeMs)
  } catch (error) {
    const code = DacapoError.is(error) ? error.code : undefined
    if (code === 'ES_STOPPED') return undefined
    ended('failed', code, false)
    const now = clock.now()
    const attempts = schedule.attempts + 1
    const isRefused = error instanceof ForbiddenError
    // What passes by itself, such as a store that cannot be reached, is never given up.
    const passes = DacapoError.is(error) && error.retryable
    if (!isRefused && (passes || attempts < persistence.attempts)) {
      return afterFailure(schedule, Math.ceil(now + persistence.pauseMs(attempts + 1)))
    }
    const kept = { message: error instanceof Error ? error.message : String(error), ...(code === undefined ? {} : { code }) }
    tell?.({ signal: 'schedule.failed', ...about, dueAt: due, attempts, error: kept })
    return givenUp(schedule, kept, isRefused, now)
  }
}
