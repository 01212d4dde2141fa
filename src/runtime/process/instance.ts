/**
 * An instance of a process manager, and what its reactions make of it. Pure: nothing is sent and nothing is stored here.
 *
 * What is to be done stands in a queue, in order: commands, undo commands, and at last the end. Nothing else happens to an instance
 * before its queue is empty, so a command's outcome is known before an event is handled that it has caused.
 */
import { toMs } from '../../core/duration.ts'
import type { Effect, Reaction } from '../../core/effect.ts'
import { DefinitionError } from '../../core/errors.ts'
import { fromJson, toJson } from '../../core/json.ts'
import type { Receipt } from '../../core/outcome.ts'
import type { Carrier } from '../../core/telemetry.ts'

/** A command as it is kept. */
export interface KeptCommand {
  readonly command: string
  readonly input: unknown
}

/** Something to do. */
export type Pending =
  | ({
      readonly kind: 'send' | 'undo'
      readonly step: number
      readonly undo?: KeptCommand
      /** How often it was rejected when nobody had an answer to that. */
      readonly rejections?: number
    } & KeptCommand)
  | { readonly kind: 'complete' }

/** A command to be sent. */
export type PendingCommand = Exclude<Pending, { readonly kind: 'complete' }>

/** Because of what an instance does something. */
export interface Cause {
  readonly correlationId: string
  readonly causationId: string
  /** Where its trace goes on, if there is a telemetry. */
  readonly trace?: Carrier
}

/** What has happened to an instance. */
export interface TimelineEntry {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly what:
    | 'event'
    | 'sent'
    | 'rejected'
    | 'failed'
    | 'timer set'
    | 'timer fired'
    | 'timer cancelled'
    | 'compensating'
    | 'undone'
    | 'completed'
    | 'stuck'
    | 'retried'
    | 'dropped'
    | 'closed'
  /** Of an event, a command, a timer. */
  readonly name?: string
  readonly position?: number
  readonly reason?: string
  /** Somebody has done it by hand: under this id, and who that was. */
  readonly act?: string
  readonly by?: unknown
}

/** `stuck`: a command has failed as often as the policy permits; somebody must do something. */
export type InstanceStatus = 'running' | 'stuck' | 'completed'

/** An instance as it is kept. */
export interface Instance {
  readonly status: InstanceStatus
  readonly state: unknown
  readonly queue: readonly Pending[]
  /** What takes back the commands that were accepted, in their order. */
  readonly undo: readonly KeptCommand[]
  /** The timers that are set. */
  readonly timers: readonly KeptTimer[]
  /** Counts the commands; each has a number for ever. */
  readonly steps: number
  /** Up to here, the log has what its commands have led to. */
  readonly reached?: number
  /** How often the first of the queue was tried. */
  readonly attempts: number
  readonly cause: Cause
  readonly startedAt: number
  /** The last entries. */
  readonly timeline: readonly TimelineEntry[]
  readonly compensated: boolean
}

/** A timer as it is kept. */
export interface KeptTimer {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly dueAt: number
}

/** Timers to set and to cancel. */
export interface TimerChanges {
  readonly set: readonly KeptTimer[]
  readonly cancel: readonly string[]
}

/** No changes. */
export const noTimers: TimerChanges = { set: [], cancel: [] }

/** What an instance and its timers have become. */
export interface Reacted {
  readonly instance: Instance
  readonly timers: TimerChanges
}

/** Whether something is to be done for it before anything else may happen to it. */
export const hasWork = (instance: Instance | undefined): boolean => instance?.status === 'running' && instance.queue.length > 0

const longestTimeline = 200

/** An instance at its beginning. */
export function newInstance(state: unknown, now: number, cause: Cause): Instance {
  return {
    status: 'running',
    state,
    queue: [],
    undo: [],
    timers: [],
    steps: 0,
    attempts: 0,
    cause,
    startedAt: now,
    timeline: [],
    compensated: false,
  }
}

export function noted(instance: Instance, entry: TimelineEntry): Instance {
  return { ...instance, timeline: [...instance.timeline, entry].slice(-longestTimeline) }
}

/**
 * Carries out a reaction. Compensating and completing cancel what earlier reactions have not sent yet.
 *
 * @throws DefinitionError (`ES_DEFINITION`) something that is not an effect; SerializationError an input that JSON cannot keep.
 */
export function react(process: string, before: Instance, reaction: Reaction, now: number): Reacted {
  const effects: readonly Effect[] = reaction === undefined ? [] : Array.isArray(reaction) ? reaction : [reaction as Effect]
  const ends = effects.some((effect) => effect?.do === 'compensate' || effect?.do === 'complete')
  let instance: Instance = ends ? { ...before, queue: [], attempts: 0 } : before
  const set = new Map<string, number>()
  const cancel = new Set<string>()
  for (const effect of effects) {
    switch (effect?.do) {
      case 'send': {
        const { call, undo } = effect
        const kept = keptCommand(process, call)
        const pending: Pending = { kind: 'send', step: instance.steps + 1, ...kept, ...(undo ? { undo: keptCommand(process, undo) } : {}) }
        instance = { ...instance, steps: pending.step, queue: [...instance.queue, pending] }
        break
      }
      case 'timeout': {
        const { name, after } = effect
        const dueAt = now + toMs(after, `timeout ${name} of ${process}`)
        set.set(name, dueAt)
        cancel.delete(name)
        const timers = [...without(instance.timers, name), { name, dueAt }]
        instance = noted({ ...instance, timers }, { at: now, what: 'timer set', name })
        break
      }
      case 'cancel': {
        const { name } = effect
        set.delete(name)
        const timers = without(instance.timers, name)
        if (timers.length === instance.timers.length) break
        cancel.add(name)
        instance = noted({ ...instance, timers }, { at: now, what: 'timer cancelled', name })
        break
      }
      case 'compensate':
        instance = compensating(instance, now)
        break
      case 'complete':
        instance = { ...instance, queue: [...instance.queue, { kind: 'complete' }] }
        break
      default:
        throw new DefinitionError(
          `A reaction of process manager ${process} returned ${JSON.stringify(effect)}: return what send, timeout, cancel, compensate and complete give.`,
        )
    }
  }
  return { instance, timers: { set: [...set].map(([name, dueAt]) => ({ name, dueAt })), cancel: [...cancel] } }
}

/** Everything that was accepted is taken back, the newest first. */
export function compensating(before: Instance, now: number, note: Partial<TimelineEntry> = {}): Instance {
  const undo = before.undo.toReversed().map((kept, i): Pending => ({ kind: 'undo', step: before.steps + 1 + i, ...kept }))
  const queue = [...before.queue, ...undo]
  const instance = { ...before, queue, undo: [], steps: before.steps + undo.length, compensated: true }
  return noted(instance, { ...note, at: now, what: 'compensating' })
}

/** The first of the queue is done. */
export function afterSent(before: Instance, now: number, { duplicate, position }: Pick<Receipt, 'duplicate' | 'position'>): Instance {
  const [sent, ...queue] = before.queue
  if (!sent || sent.kind === 'complete') return before
  const undo = sent.undo ? [...before.undo, sent.undo] : before.undo
  const what = sent.kind === 'undo' ? 'undone' : 'sent'
  const entry: TimelineEntry = { at: now, what, name: sent.command, ...(duplicate ? { reason: 'it had been executed before' } : {}) }
  const reached = Math.max(before.reached ?? 0, position)
  return noted({ ...before, queue, undo, reached, attempts: 0, status: 'running' }, entry)
}

/** The first of the queue was rejected, which ends it. */
export function afterRejected(before: Instance, now: number, code: string): Instance {
  const [sent, ...queue] = before.queue
  if (!sent || sent.kind === 'complete') return before
  return noted({ ...before, queue, attempts: 0 }, { at: now, what: 'rejected', name: sent.command, reason: code })
}

/** The first of the queue was rejected, and is sent again as if it had never been. */
export function rejectedAgain(before: Instance): Instance {
  const [first, ...queue] = before.queue
  if (!first || first.kind === 'complete') return before
  return { ...before, queue: [{ ...first, rejections: (first.rejections ?? 0) + 1 }, ...queue] }
}

/** The end. Its timers are to be cancelled. */
export function completed(before: Instance, now: number): Reacted {
  const instance: Instance = { ...before, status: 'completed', queue: [], timers: [] }
  return { instance: noted(instance, { at: now, what: 'completed' }), timers: { set: [], cancel: before.timers.map(({ name }) => name) } }
}

export const without = (timers: readonly KeptTimer[], name: string): readonly KeptTimer[] => timers.filter((one) => one.name !== name)

/** What two reactions in a row make of the timers. */
export function together(first: TimerChanges = noTimers, second: TimerChanges): TimerChanges {
  const isIn = (name: string, changes: TimerChanges) => changes.cancel.includes(name) || changes.set.some((one) => one.name === name)
  return {
    set: [...first.set.filter(({ name }) => !isIn(name, second)), ...second.set],
    cancel: [...first.cancel.filter((name) => !isIn(name, second)), ...second.cancel],
  }
}

function keptCommand(process: string, call: { readonly command: string; readonly input: unknown }): KeptCommand {
  return { command: call.command, input: fromJson(toJson(call.input, `input of ${call.command}, sent by ${process}`)) }
}
