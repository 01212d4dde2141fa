/**
 * Process managers: instances react to events, one after the other, and what they send is on record before it is sent.
 *
 * Invariants:
 * - What an event has led to (state, commands, timers) is committed with the step in the log. So it is neither lost nor done twice.
 * - A command has a key made of its process, its instance and its number: sent again after a crash, it is answered, not executed.
 * - An instance has at most one command under way, and nothing else happens to it until the outcome is on record.
 * - A timer fires only when everything that had happened when it was due has been dealt with.
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
  react,
  type TimerChanges,
} from './instance.ts'
import { tellChange } from './process-signals.ts'

/** Sends a command in the name of a process. */
export type SendFor = (
  process: string,
  tenant: string,
  command: KeptCommand,
  options: Cause & { readonly idempotencyKey: string; readonly signal: AbortSignal },
) => Promise<Outcome<DomainEvent, Rejection>>

/** What a process needs of its app. */
export interface ProcessPorts {
  readonly store: EventStore
  readonly clock: Clock
  readonly persistence: Persistence
  readonly send: SendFor
  readonly tell: Engine['tell']
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
  const { store, clock, persistence, send, tell } = ports
  const { slots, stopping, commit } = context
  const known = new Map<string, Known>()
  /** Those of them that go on by themselves, and when. */
  const pending = new Map<string, number>()
  let mustResume = false
  /** Timers that are due, with what the head was when that was noticed. */
  const dueTimers = new Map<string, number>()
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
    dueTimers.clear()
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
    if (before?.status === 'completed') return undefined
    if (before && how?.start)
      throw new DefinitionError(`${process.name} ${how.id} was to be started by ${event.type}, but it has been before.`)
    if (!before && how?.continue)
      throw new DefinitionError(`${process.name} ${how.id} was to be continued by ${event.type}, but was never started.`)
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
      isFull: ({ event, key }) => (touched.get(idOf(event.tenant, key))?.instance.queue.length ?? 0) > 0,
      handle(delivery) {
        const id = idOf(delivery.event.tenant, delivery.key)
        const before = touched.get(id)
        const start = before?.known ?? (known.get(id) as Known)
        const next = onEvent(delivery, before ? before.instance : start.instance)
        if (next) touched.set(id, { known: start, instance: next.instance, timers: together(before?.timers, next.timers) })
      },
      gathered() {
        const all = [...touched.values()].map((one) =>
          written(one.known, one.instance, one.instance.queue.length > 0 ? clock.now() : one.known.dueAt, one.timers),
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
    const left = all.filter(({ instance }) => instance && instance.queue.length > 0)
    const worker = async () => {
      for (let next = left.shift(); next && !stopping.aborted; next = left.shift()) await runQueue(next)
    }
    await Promise.all(Array.from({ length: Math.min(mostAtOnce, left.length) }, worker))
  }

  async function runQueue(start: Known): Promise<void> {
    let at = start
    while (!stopping.aborted && at.instance?.status === 'running' && at.instance.queue.length > 0) {
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
    const { tenant, key } = before
    let next: Instance
    let timers = noTimers
    try {
      const idempotencyKey = `process:${process.name}:${key}:${first.step}`
      const outcome = await send(process.name, tenant, first, { ...instance.cause, idempotencyKey, signal: stopping })
      if (outcome.ok) next = afterSent(instance, now, outcome.receipt.duplicate)
      else if (first.kind === 'undo') throw new Error(`it was rejected: ${outcome.rejection.code}`)
      else {
        const answer = process.rejected[first.command]
        if (!answer) throw new Error(`it was rejected (${outcome.rejection.code}), and "rejected" has no answer to that`)
        const { state } = instance
        const reaction: Reaction = answer({ ...effects, state, rejection: outcome.rejection })
        ;({ instance: next, timers } = react(process.name, afterRejected(instance, now, outcome.rejection.code), reaction, now))
      }
    } catch (error) {
      if (stopping.aborted) return undefined
      await save(before, ...afterFailure(instance, error))
      return undefined
    }
    return save(before, next, next.queue.length > 0 ? now : null, timers)
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
    if (nextTimerAt === undefined || nextTimerAt > now) return
    const question = { kind: timerKind, owner, slots, dueTo: now, limit: 100 }
    let isWaiting = false
    let head: number | undefined
    for (const record of await store.work.records(question)) {
      const id = idOf(record.tenant, record.key)
      head ??= await store.head()
      const mustSee = dueTimers.get(id) ?? head
      dueTimers.set(id, mustSee)
      const { instance: key } = fromJson(record.body) as TimerBody
      const before = await kept(record.tenant, key)
      if (seen < mustSee || isParked(record.tenant, key) || (before.instance?.queue.length ?? 0) > 0) {
        isWaiting = true
        continue
      }
      dueTimers.delete(id)
      await fire(record, before)
    }
    if (isWaiting) {
      nextTimerAt = now
      return
    }
    const [next] = await store.work.records({ kind: timerKind, owner, slots, dueTo: Number.MAX_SAFE_INTEGER, limit: 1 })
    nextTimerAt = next?.dueAt ?? undefined
  }

  async function fire(record: WorkRecord, before: Known): Promise<void> {
    const { name, attempts } = fromJson(record.body) as TimerBody
    const now = clock.now()
    const { instance } = before
    const gone = { ...record, body: null, expectedRevision: record.revision }
    if (!instance || instance.status === 'completed') return commit({ records: [gone] })
    const fired = noted({ ...instance, timers: instance.timers.filter((one) => one !== name) }, { at: now, what: 'timer fired', name })
    try {
      const answer = process.timeouts[name]
      if (!answer) throw new DefinitionError(`Process manager ${process.name} has no timeouts.${name} any more.`)
      const result = react(process.name, fired, answer({ ...effects, state: instance.state }), now)
      const [records, after] = written(before, result.instance, result.instance.queue.length > 0 ? now : null, result.timers)
      // A timer that its own reaction sets again is written by that.
      const isSetAgain = result.timers.set.some((one) => one.name === name)
      await commit({ records: isSetAgain ? records : [...records, gone] })
      remember(after)
      await runQueues([after])
    } catch (error) {
      if (stopping.aborted || (DacapoError.is(error) && !(error instanceof DefinitionError))) throw error
      const tried = attempts + 1
      const isDead = tried >= persistence.attempts
      const dueAt = isDead ? null : Math.ceil(now + persistence.pauseMs(tried + 1))
      const reason = error instanceof Error ? error.message : String(error)
      const failed = noted(instance, { at: now, what: isDead ? 'stuck' : 'failed', name, reason })
      const [records, after] = written(before, { ...failed, ...(isDead ? { status: 'stuck' } : {}) }, before.dueAt, noTimers)
      const body = JSON.stringify({ name, instance: before.key, attempts: tried })
      await commit({ records: [...records, { ...record, dueAt, body, expectedRevision: record.revision }] })
      remember(after)
    }
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
