/** From a request to a schedule: checks now what would otherwise fail when it is due. */
import { type Duration, toMs } from '../../core/duration.ts'
import { DefinitionError, ValidationError } from '../../core/errors.ts'
import { fromJson, toJson } from '../../core/json.ts'
import { assertOptions } from '../../core/options.ts'
import { parse } from '../../core/schema.ts'
import { type CommandRequest, commandOf, plainActor } from '../command/execute-command.ts'
import { toKey } from '../command/idempotency.ts'
import type { Engine } from '../engine.ts'
import type { Schedule } from './schedule.ts'

/** When: at a time, after a while, or again and again; with `every`, the other says when the first time is. */
export type ScheduleTimes =
  | { readonly at: Date; readonly after?: never; readonly every?: Duration }
  | { readonly after: Duration; readonly at?: never; readonly every?: Duration }
  | { readonly every: Duration; readonly at?: never; readonly after?: never }

/** What can be said of a schedule, beside who asks. */
export type ScheduleOptions = ScheduleTimes & {
  /** 1–255 characters. The same id with the same command, input and times is the same schedule. Default: a new one. */
  readonly id?: string
  /** Added to the metadata of each event; JSON. `metadata.schedule` is the schedule's id and the due time. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Default: one for all runs of the schedule. */
  readonly correlationId?: string
  readonly causationId?: string
}

/** The same, with who asks. */
export type AnyScheduleOptions = ScheduleOptions & { readonly actor: unknown; readonly context?: unknown }

const scheduleOptions = ['at', 'after', 'every', 'id', 'actor', 'context', 'metadata', 'correlationId', 'causationId'] as const

/** @throws ValidationError (`ES_VALIDATION`), DefinitionError (`ES_DEFINITION`), SerializationError (`ES_SERIALIZATION`) */
export async function makeSchedule(engine: Engine, request: CommandRequest, options: AnyScheduleOptions): Promise<Schedule> {
  const command = commandOf(engine, request)
  const { command: name, asker } = command
  const what = `schedule ${name}`
  assertOptions(what, options, scheduleOptions)
  const { at, after, every, id, actor, ...more } = options
  if (id !== undefined && (typeof id !== 'string' || id.length === 0 || id.length > 255)) {
    throw new ValidationError(what, [{ message: 'has 1 to 255 characters', path: ['id'] }])
  }
  if (actor === undefined || actor === null) {
    throw new ValidationError(what, [{ message: 'say who asks: schedule(call, { actor })', path: ['actor'] }])
  }
  const kept = <T>(value: T, part: string): T => fromJson(toJson(value, `${part} of ${name}, on a schedule`)) as T
  const input = kept(request.input, 'input')
  const asking = kept({ actor, ...more }, 'actor, context and metadata')
  await parse(command.input, input, `input of ${name}`)
  if (asker.actor) await parse(asker.actor, asking.actor, `actor of ${name}`)
  else plainActor(asking.actor, name)
  if (asker.context) await parse(asker.context, asking.context, `context of ${name}`)
  const now = engine.clock.now()
  const { firstAt, everyMs, sameTimes } = timesOf(what, { at, after, every } as ScheduleTimes, now)
  return {
    made: engine.ids.next(),
    request: toKey('schedule', name, { input, asking, sameTimes }, 0).hash,
    command: name,
    input,
    asking,
    createdAt: now,
    firstAt,
    ...(everyMs === undefined ? {} : { everyMs }),
    due: firstAt,
    attempts: 0,
    refusals: 0,
    runs: 0,
  }
}

function timesOf(what: string, { at, after, every }: ScheduleTimes, now: number) {
  if (at !== undefined && after !== undefined) throw new DefinitionError(`${what}: say at or after, not both.`)
  if (at !== undefined && !(at instanceof Date && Number.isFinite(at.getTime()))) {
    throw new ValidationError(what, [{ message: 'is not a valid Date', path: ['at'] }])
  }
  const everyMs = every === undefined ? undefined : toMs(every, `every of ${what}`)
  const afterMs = after === undefined ? undefined : toMs(after, `after of ${what}`)
  const atMs = at?.getTime() ?? afterMs ?? everyMs
  if (atMs === undefined) throw new DefinitionError(`${what}: say when, with at, after or every.`)
  return {
    firstAt: at ? atMs : now + atMs,
    everyMs,
    // A program may work the first time of a rhythm out anew at each start: only where the rhythm stands counts.
    sameTimes: at && everyMs !== undefined ? { everyMs, phaseMs: atMs % everyMs } : { atMs: at ? atMs : null, afterMs, everyMs },
  }
}
