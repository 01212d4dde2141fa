/**
 * Process managers: instances react to events, one after the other, and what they send is on record before it is sent.
 *
 * Invariants:
 * - What an event has led to (state, commands, timers) is committed with the step in the log. So it is neither lost nor done twice.
 * - A command has a key made of its process, its instance and its number: sent again after a crash, it is answered, not executed.
 * - An instance has at most one command under way, and nothing else happens to it until the outcome is on record.
 * - A timer fires only when everything that had happened when it was due has been dealt with, and everything that its instance has done.
 */
import type { Clock } from '../../core/clock.ts'
import { effects, type Reaction } from '../../core/effect.ts'
import { DacapoError, DefinitionError } from '../../core/errors.ts'
import type { DomainEvent } from '../../core/event.ts'
import type { EventStore } from '../../core/event-store.ts'
import { fromJson, toJson } from '../../core/json.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { AnyProcessManager } from '../../core/process-manager.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { Rejection } from '../../core/rejection.ts'
import type { RecordWrite, WorkRecord } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { slotOf } from '../subscription/slots.ts'
import type { Batch, Consumer, ConsumerContext, Delivery, Persistence } from '../subscription/subscription.ts'
import {
  afterRejected,
  afterSent,
  type Cause,
  completed,
  type Instance,
  type KeptCommand,
  newInstance,
  noted,
  type Pending,
  react,
  rejectedAgain,
  type TimerChanges,
} from './instance.ts'
import { tellChange } from './process-signals.ts'
import { reacting } from './trace-reaction.ts'

/** Sends a command in the name of a process. */
export type SendFor = (
  process: string,
  tenant: string,
  command: KeptCommand,
  options: Omit<Cause, 'trace'> & { readonly idempotencyKey: string; readonly signal: AbortSignal },
) => Promise<Outcome<DomainEvent, Rejection>>

/** What a process needs of its app. */
export interface ProcessPorts {
  readonly store: EventStore
  readonly clock: Clock
  readonly persistence: Persistence
  readonly send: SendFor
  readonly tell: Engine['tell']
  readonly tracing: Engine['tracing']
}

/** The kinds of records. */
export const instanceKind = 'process'
export const timerKind = 'timer'

/** How many instances send at the same time. */
const mostAtOnce = 64

interface Known {
  readonly tenant: string
  readonly key: string
  readonly instance: Instance | undefined
  /** 0: not stored yet. */
  readonly revision: number
  /** When it goes on by itself. */
  readonly dueAt: number | null
}

export function processConsumer(process: AnyProcessManager, owner: string, ports: ProcessPorts, context: ConsumerContext): Consumer {
  const { store, clock, persistence, send, tell, tracing } = ports
  const { slots, stopping, commit } = context
  const known = new Map<string, Known>()
  /** Those of them that go on by themselves, and when. */
  const pending = new Map<string, number>()
  let mustResume = false
  /** Timers that are due, with what the head was when that was noticed; those that cannot fire yet are looked at after each step. */
  let dueTimers = new Map<string, number>()
  let nextTimerAt: number | undefined

  const kept = async (tenant: string, key: string): Promise<Known> => {
    const id = idOf(tenant, key)
    const there = known.get(id)
    if (there) return there
    const record = await store.work.record({ kind: instanceKind, owner, tenant, key })
    const found = record ? toKnown(record) : { tenant, key, instance: undefined, revision: 0, dueAt: null }
    remember(found)
    return found
  }

  function remember(one: Known): void {
    const id = idOf(one.tenant, one.key)
    const before = known.get(id)
    if (tell && before && one.instance)
      tellChange(tell, { process: process.name, tenant: one.tenant, instance: one.key }, before.instance, one.instance)
    known.set(id, one)
    if (one.dueAt === null) pending.delete(id)
    else pending.set(id, one.dueAt)
  }

  async function resume(): Promise<void> {
    mustResume = false
    known.clear()
    pending.clear()
    dueTimers = new Map()
    nextTimerAt = clock.now()
    const question = { kind: instanceKind, owner, slots, dueTo: Number.MAX_SAFE_INTEGER, limit: 1000 }
    for (let page = await store.work.records(question); page.length > 0; ) {
      for (const record of page) remember(toKnown(record))
      const after = page.at(-1)
      page = after && page.length === question.limit ? await store.work.records({ ...question, after }) : []
    }
  }

  /** What is to be written for an instance, and how it is known then. */
  function written(before: Known, instance: Instance, dueAt: number | null, timers: TimerChanges): readonly [RecordWrite[], Known] {
    const { tenant, key, revision } = before
    const slot = slotOf(tenant, key)
    const name = { kind: instanceKind, owner, tenant, key, slot }
    const body = toJson(instance, `state of ${process.name} ${key}`)
    const timer = (timerName: string) => ({ kind: timerKind, owner, tenant, key: timerKey(timerName, key), slot, status: 'waiting' })
    for (const one of timers.set) nextTimerAt = Math.min(nextTimerAt ?? one.dueAt, one.dueAt)
    return [
      [
        { ...name, status: instance.status, dueAt, body, expectedRevision: revision },
        ...timers.set.map((one) => ({
          ...timer(one.name),
          dueAt: one.dueAt,
          body: JSON.stringify({ name: one.name, instance: key, attempts: 0 }),
        })),
        ...timers.cancel.map((one) => ({ ...timer(one), dueAt: null, body: null })),
      ],
      { tenant, key, instance, revision: revision + 1, dueAt },
    ]
  }

  async function save(before: Known, instance: Instance, dueAt: number | null, timers: TimerChanges = noTimers): Promise<Known> {
    const [records, after] = written(before, instance, dueAt, timers)
    await commit({ records })
    remember(after)
    return after
  }

  function onEvent(
    { event }: Delivery,
    before: Instance | undefined,
  ): { readonly instance: Instance; readonly timers: TimerChanges } | undefined {
    const how = correlation(process, event)
    if (before && how?.start)
      throw new DefinitionError(`${process.name} ${how.id} was to be started by ${event.type}, but it has been before.`)
    if (!before && how?.continue)
      throw new DefinitionError(`${process.name} ${how.id} was to be continued by ${event.type}, but was never started.`)
    if (before ? before.status === 'completed' : how?.stop) return undefined
    if (before?.status === 'stuck') throw new Error(`${process.name} ${how?.id} is stuck: ${before.timeline.at(-1)?.reason}`)
    const now = clock.now()
    const cause = { correlationId: event.metadata.correlationId, causationId: event.id }
    const start = before ?? newInstance(process.initial(), now, cause)
    const state = process.evolve[event.type]?.(start.state, event) ?? start.state
    const seen = noted({ ...start, state, cause }, { at: now, what: 'event', name: event.type, position: event.position })
    const reaction = process.on[event.type]?.({ ...effects, state, event })
    const result = react(process.name, seen, reaction, now)
    if (!how?.stop) return result
    return { ...result, instance: { ...result.instance, queue: [...result.instance.queue, { kind: 'complete' }] } }
  }

  async function begin(deliveries: readonly Delivery[]): Promise<Batch> {
    await Promise.all(deliveries.map(({ event, key }) => kept(event.tenant, key)))
    const touched = new Map<string, { readonly known: Known; readonly instance: Instance; readonly timers: TimerChanges }>()
    let after: readonly Known[] = []
    return {
      isFull: ({ event, key }) => hasWork(touched.get(idOf(event.tenant, key))?.instance),
      busyUntil({ event, key }) {
        const { instance, dueAt } = known.get(idOf(event.tenant, key)) as Known
        return hasWork(instance) ? (dueAt ?? clock.now()) : undefined
      },
      handle(delivery) {
        const id = idOf(delivery.event.tenant, delivery.key)
        const before = touched.get(id)
        const start = before?.known ?? (known.get(id) as Known)
        const { event, key } = delivery
        const instance = before ? before.instance : start.instance
        const about = { process: process.name, tenant: event.tenant, instance: key, to: { event } }
        const next = reacting(tracing, about, instance, () => onEvent(delivery, instance))
        if (next) touched.set(id, { known: start, instance: next.instance, timers: together(before?.timers, next.timers) })
      },
      gathered() {
        const all = [...touched.values()].map((one) =>
          written(one.known, one.instance, hasWork(one.instance) ? clock.now() : null, one.timers),
        )
        after = all.map(([, next]) => next)
        return { records: all.flatMap(([records]) => records) }
      },
      async committed() {
        for (const one of after) remember(one)
        await runQueues(after)
      },
    }
  }

  /** Sends what is in the queues; each in its order, many of them side by side. */
  async function runQueues(all: readonly Known[]): Promise<void> {
    const left = all.filter(({ instance }) => hasWork(instance))
    const worker = async () => {
      for (let next = left.shift(); next && !stopping.aborted; next = left.shift()) await runQueue(next)
    }
    const ends = await Promise.allSettled(Array.from({ length: Math.min(mostAtOnce, left.length) }, worker))
    // Only when all have ended: whoever goes on from here reads again what they have written.
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  async function runQueue(start: Known): Promise<void> {
    let at = start
    while (!stopping.aborted && at.instance && hasWork(at.instance)) {
      const next: Known | undefined = await sendFirst(at, at.instance)
      if (!next) return
      at = next
    }
  }

  /** Does the first of the queue. Returns how it is known then; nothing when it is to be tried again later. */
  async function sendFirst(before: Known, instance: Instance): Promise<Known | undefined> {
    const [first] = instance.queue
    const now = clock.now()
    if (first?.kind === 'complete') {
      const { instance: ended, timers } = completed(instance, now)
      return save(before, ended, null, timers)
    }
    if (!first) return undefined
    const sent = await afterSending(before, instance, first)
    if (!sent) return undefined // it is stopping; whoever is next sends it again
    if ('error' in sent) await save(before, ...afterFailure(sent.instance, sent.error))
    else return save(before, sent.instance, hasWork(sent.instance) ? now : null, sent.timers)
    return undefined
  }

  /** Sends a command. Returns what that makes of the instance, or why it failed. */
  async function afterSending(
    { tenant, key }: Known,
    instance: Instance,
    first: Command,
  ): Promise<Reacted | { readonly instance: Instance; readonly error: unknown } | undefined> {
    // A "no" is final under its key; asked again, it may be a "yes".
    const again = first.rejections ? `.${first.rejections}` : ''
    const idempotencyKey = `process:${process.name}:${key}:${first.step}${again}`
    try {
      const { trace: from, ...cause } = instance.cause
      const sending = () => send(process.name, tenant, first, { ...cause, idempotencyKey, signal: stopping })
      const about = { process: process.name, tenant, instance: key }
      const { command } = first
      const outcome = await (tracing
        ? tracing.around({ kind: 'send', ...about, command, undo: first.kind === 'undo', from }, sending)
        : sending())
      const now = clock.now()
      if (outcome.ok) return { instance: afterSent(instance, now, outcome.receipt), timers: noTimers }
      const { rejection } = outcome
      const answer = first.kind === 'undo' ? undefined : process.rejected[first.command]
      if (answer) {
        return reacting(tracing, { ...about, to: { rejection: rejection.code } }, instance, () => {
          const reaction: Reaction = answer({ ...effects, state: instance.state, rejection })
          return react(process.name, afterRejected(instance, now, rejection.code), reaction, now)
        })
      }
      const error = new Error(`it was rejected (${rejection.code}), and "rejected" has no answer to that`)
      return { instance: rejectedAgain(instance), error }
    } catch (error) {
      return stopping.aborted ? undefined : { instance, error }
    }
  }

  /** Tries again later, or gives up. What passes by itself, such as a store that cannot be reached, is never given up. */
  function afterFailure(instance: Instance, error: unknown): readonly [Instance, number | null] {
    const now = clock.now()
    const attempts = instance.attempts + 1
    const [first] = instance.queue
    const name = first && first.kind !== 'complete' ? first.command : ''
    const reason = error instanceof Error ? error.message : String(error)
    const failed = noted({ ...instance, attempts }, { at: now, what: 'failed', name, reason })
    const passes = DacapoError.is(error) && error.retryable
    if (attempts < persistence.attempts || passes) return [failed, Math.ceil(now + persistence.pauseMs(attempts + 1))]
    return [noted({ ...failed, status: 'stuck' }, { at: now, what: 'stuck', name, reason }), null]
  }

  async function fireDue(seen: number, isParked: (tenant: string, key: string) => boolean): Promise<void> {
    const now = clock.now()
    if (dueTimers.size === 0 && (nextTimerAt === undefined || nextTimerAt > now)) return
    const still = new Map<string, number>()
    let head: number | undefined
    for (const record of await timersDue(now)) {
      const id = `${idOf(record.tenant, record.key)} ${record.revision}`
      head ??= await store.head()
      const mustSee = dueTimers.get(id) ?? head
      const { instance: key } = fromJson(record.body) as TimerBody
      const before = await kept(record.tenant, key)
      // Whatever it waits for here is the work of this part, and followed by another look.
      const isBehind = seen < Math.max(mustSee, before.instance?.reached ?? 0)
      const mustWait = isBehind || isParked(record.tenant, key) || hasWork(before.instance) || before.instance?.status === 'stuck'
      if (mustWait) still.set(id, mustSee)
      else await fire(record, before)
    }
    dueTimers = still
    const question = { kind: timerKind, owner, slots, dueTo: Number.MAX_SAFE_INTEGER, limit: 1 }
    const [next] = await store.work.records({ ...question, after: { owner, tenant: '\u{10FFFF}', key: '', dueAt: now } })
    nextTimerAt = next?.dueAt ?? undefined
  }

  async function timersDue(now: number): Promise<readonly WorkRecord[]> {
    const found: WorkRecord[] = []
    const question = { kind: timerKind, owner, slots, dueTo: now, limit: 1000 }
    for (;;) {
      const after = found.at(-1)
      const page = await store.work.records({ ...question, ...(after && { after }) })
      found.push(...page)
      if (page.length < question.limit) return found
    }
  }

  async function fire(record: WorkRecord, before: Known): Promise<void> {
    const { name, attempts } = fromJson(record.body) as TimerBody
    const now = clock.now()
    const { instance } = before
    const gone = { ...record, body: null, expectedRevision: record.revision }
    if (!instance || instance.status === 'completed') return commit({ records: [gone] })
    const fired = noted({ ...instance, timers: instance.timers.filter((one) => one !== name) }, { at: now, what: 'timer fired', name })
    let reacted: readonly [RecordWrite[], Known]
    let isSetAgain: boolean
    try {
      const answer = process.timeouts[name]
      if (!answer) throw new DefinitionError(`Process manager ${process.name} has no timeouts.${name} any more.`)
      const about = { process: process.name, tenant: record.tenant, instance: before.key, to: { timer: name } }
      const result = reacting(tracing, about, instance, () =>
        react(process.name, fired, answer({ ...effects, state: instance.state }), now),
      )
      reacted = written(before, result.instance, hasWork(result.instance) ? now : null, result.timers)
      isSetAgain = result.timers.set.some((one) => one.name === name)
    } catch (error) {
      const tried = attempts + 1
      const isDead = tried >= persistence.attempts
      const dueAt = isDead ? null : Math.ceil(now + persistence.pauseMs(tried + 1))
      const reason = error instanceof Error ? error.message : String(error)
      const failed = noted(instance, { at: now, what: isDead ? 'stuck' : 'failed', name, reason })
      const [records, after] = written(before, { ...failed, ...(isDead ? { status: 'stuck' } : {}) }, before.dueAt, noTimers)
      const body = JSON.stringify({ name, instance: before.key, attempts: tried })
      await commit({ records: [...records, { ...record, dueAt, body, expectedRevision: record.revision }] })
      remember(after)
      return
    }
    const [records, after] = reacted
    // A timer that its own reaction sets again is written by that.
    await commit({ records: isSetAgain ? records : [...records, gone] })
    remember(after)
    await runQueues([after])
  }

  return {
    keysOf(event) {
      const how = correlation(process, event)
      return how ? [how.id] : []
    },
    begin,
    forget() {
      mustResume = true
      known.clear()
    },
    resume,
    get nextDueAt() {
      if (mustResume) return clock.now()
      let first = nextTimerAt
      for (const dueAt of pending.values()) if (first === undefined || dueAt < first) first = dueAt
      return first
    },
    async due(seen, isParked) {
      if (mustResume) await resume()
      const now = clock.now()
      const due = [...pending].filter(([, dueAt]) => dueAt <= now)
      await runQueues(due.map(([id]) => known.get(id) as Known))
      if (known.size > mostKnown) for (const id of known.keys()) if (!pending.has(id)) known.delete(id)
      await fireDue(seen, isParked)
    },
  }
}

/** What an instance and its timers have become. */
type Reacted = ReturnType<typeof react>

type Command = Exclude<Pending, { readonly kind: 'complete' }>

/** Whether something is to be done for it before anything else may happen to it. */
const hasWork = (instance: Instance | undefined): boolean => instance?.status === 'running' && instance.queue.length > 0

/** How many instances are remembered between batches. */
const mostKnown = 10_000

interface TimerBody {
  readonly name: string
  readonly instance: string
  readonly attempts: number
}

const noTimers: TimerChanges = { set: [], cancel: [] }

/** What two reactions in a row make of the timers. */
function together(first: TimerChanges = noTimers, second: TimerChanges): TimerChanges {
  const isIn = (name: string, changes: TimerChanges) => changes.cancel.includes(name) || changes.set.some((one) => one.name === name)
  return {
    set: [...first.set.filter(({ name }) => !isIn(name, second)), ...second.set],
    cancel: [...first.cancel.filter((name) => !isIn(name, second)), ...second.cancel],
  }
}

interface Correlation {
  readonly id: string
  readonly start?: boolean
  readonly continue?: boolean
  readonly stop?: boolean
}

function correlation(process: AnyProcessManager, event: RecordedEvent): Correlation | undefined {
  const answer = process.correlate(event) as unknown
  if (answer === undefined) return undefined
  if (typeof answer === 'string') return { id: answer }
  for (const how of ['start', 'continue', 'stop'] as const) {
    const id = (answer as Record<string, unknown> | null)?.[how]
    if (typeof id === 'string') return { id, [how]: true }
  }
  throw new DefinitionError(
    `correlate of process manager ${process.name} must return an id, { start, continue or stop: id }, or undefined.`,
  )
}

function toKnown({ tenant, key, body, revision, dueAt }: WorkRecord): Known {
  return { tenant, key, instance: fromJson(body) as Instance, revision, dueAt }
}

const idOf = (tenant: string, key: string): string => `${tenant}\u0000${key}`

export const timerKey = (timer: string, instance: string): string => `${encodeURIComponent(timer)}/${instance}`
