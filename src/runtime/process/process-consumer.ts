/**
 * Process managers: instances react to events, one after the other, and what they send is on record before it is sent.
 *
 * Invariants:
 * - What an event has led to (state, commands, timers) is committed with the step in the log. So it is neither lost nor done twice.
 * - A command has a key made of its process, its instance and its number: sent again after a crash, it is answered, not executed.
 * - An instance has at most one command under way, and nothing else happens to it until the outcome is on record.
 */
import { effects } from '../../core/effect.ts'
import { DefinitionError } from '../../core/errors.ts'
import type { AnyProcessManager } from '../../core/process-manager.ts'
import type { WithdrawFor } from '../command/withdraw-command.ts'
import type { Engine } from '../engine.ts'
import type { Batch, Consumer, ConsumerContext, Delivery } from '../subscription/subscription.ts'
import { makeActRequests } from './act-requests.ts'
import { makeCommandQueue, type QueuePorts } from './command-queue.ts'
import { correlation } from './correlation.ts'
import { makeTimerFiring, type TimerPorts } from './fire-timers.ts'
import { hasWork, type Instance, newInstance, noted, type Reacted, react, type TimerChanges, together } from './instance.ts'
import { idOf, type Known, makeKnownInstances } from './known-instances.ts'
import { makeTimerRecords } from './timer-records.ts'
import { reacting } from './trace-reaction.ts'

/** What a process needs of its app. */
export interface ProcessPorts extends QueuePorts, TimerPorts {
  readonly withdraw: WithdrawFor
  readonly tell: Engine['tell']
}

export function processConsumer(process: AnyProcessManager, owner: string, ports: ProcessPorts, context: ConsumerContext): Consumer {
  const { store, clock, withdraw, tell, tracing } = ports
  const { slots, stopping, commit } = context
  const timers = makeTimerRecords(store.work, clock, owner, slots)
  const instances = makeKnownInstances({ name: process.name, owner, work: store.work, timers, tell }, context)
  const runQueues = makeCommandQueue(process, ports, instances, stopping)
  const acts = makeActRequests({ name: process.name, owner, work: store.work, clock, withdraw, instances, timers, runQueues }, context)
  const firing = makeTimerFiring(process, ports, timers, instances, commit, runQueues)
  /** What is known of instances and timers may not be what is stored. */
  let mustLoad = true

  async function resume(): Promise<void> {
    await acts.load()
    if (!mustLoad) return // nobody else writes what is under this lease
    firing.forget()
    timers.forget()
    await instances.load()
    mustLoad = false
  }

  function onEvent({ event }: Delivery, before: Instance | undefined): Reacted | undefined {
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
    const concerned = new Map(deliveries.map(({ event: { tenant }, key }) => [idOf(tenant, key), { tenant, key }]))
    await Promise.all([...concerned.values()].map(({ tenant, key }) => instances.read(tenant, key)))
    const touched = new Map<string, { readonly known: Known; readonly instance: Instance; readonly timers: TimerChanges }>()
    let after: readonly Known[] = []
    return {
      isFull: ({ event, key }) => hasWork(touched.get(idOf(event.tenant, key))?.instance),
      busyUntil({ event, key }) {
        const { instance, dueAt } = instances.find(event.tenant, key) as Known
        return hasWork(instance) ? (dueAt ?? clock.now()) : undefined
      },
      handle(delivery) {
        const id = idOf(delivery.event.tenant, delivery.key)
        const before = touched.get(id)
        const start = before?.known ?? (instances.find(delivery.event.tenant, delivery.key) as Known)
        const { event, key } = delivery
        const instance = before ? before.instance : start.instance
        const about = { process: process.name, tenant: event.tenant, instance: key, to: { event } }
        const next = reacting(tracing, about, instance, () => onEvent(delivery, instance))
        if (next) touched.set(id, { known: start, instance: next.instance, timers: together(before?.timers, next.timers) })
      },
      gathered() {
        const all = [...touched.values()].map((one) =>
          instances.written(one.known, one.instance, hasWork(one.instance) ? clock.now() : null, one.timers),
        )
        after = all.map(([, next]) => next)
        return { records: all.flatMap(([records]) => records) }
      },
      async committed() {
        for (const one of after) instances.remember(one)
        await runQueues(after)
      },
    }
  }

  return {
    keysOf(event) {
      const how = correlation(process, event)
      return how ? [how.id] : []
    },
    begin,
    forget() {
      mustLoad = true
      instances.forget()
    },
    resume,
    get nextDueAt() {
      if (mustLoad || !acts.isEmpty) return clock.now()
      const times = [timers.nextAt, instances.nextDueAt].filter((at) => at !== undefined)
      return times.length > 0 ? Math.min(...times) : undefined
    },
    async due(seen, isParked) {
      if (mustLoad) await resume()
      // Before anything is sent: what was asked for may be that something is not.
      await acts.carryOut()
      await runQueues(instances.due(clock.now()))
      instances.trim()
      await firing.fireDue(seen, isParked)
    },
  }
}
