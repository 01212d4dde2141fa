/**
 * Warm aggregates: recently used streams keep their state and version in memory.
 *
 * They are a hint, never the authority: what the cache holds is proved by the append's exact version, or by a look at the
 * stream's version where nothing is appended (`stream-worker.ts`). This file only decides what stays: how many, how long,
 * in which form.
 */
import type { AnyAggregate } from '../../core/aggregate.ts'
import type { Entry } from '../command/decide-group.ts'
import { type GroupEnd, StreamWorker, type WarmState } from '../command/stream-worker.ts'
import { type Engine, report } from '../engine.ts'
import { type IdleLimit, lifespanRule } from '../settings.ts'
import { pressureFactors } from './memory-pressure.ts'
import { isDue, snapshotPolicyOf, takeLater } from './snapshots.ts'
import { stateCodecOf } from './state-codec.ts'

/** A stream that is warm, asleep, or at work. */
interface Resident {
  readonly worker: StreamWorker
  usedAt: number
  /** How long it may be idle; before it goes, it hibernates. */
  idleMs: number
  /** Its state as text, instead of the worker's. */
  asleep: { readonly text: string; readonly version: number; readonly snapshotVersion: number | undefined } | undefined
}

type Lifespans = Readonly<Record<'afterEvent' | 'afterCommand' | 'afterError', (cause: unknown) => IdleLimit>>

/** The warm aggregates of an app. */
export interface WarmAggregates {
  /** The worker of a stream, woken up. */
  workerOf(aggregate: AnyAggregate, tenant: string, stream: string): StreamWorker
  /** The last committed state that is known, perhaps overtaken by another process. */
  peek(tenant: string, stream: string): WarmState | undefined
  stateOf(tenant: string, stream: string): 'warm' | 'hibernated' | 'cold'
  count(): { readonly warm: number; readonly hibernated: number }
  /** Forgets a stream that was written past its worker. */
  forget(tenant: string, stream: string): void
  /** Waits for everything that runs, then lets everything go, taking the snapshots that are worth it. */
  stop(): Promise<void>
}

/** Makes the warm aggregates of an app. */
export function makeWarmAggregates(engine: Engine): WarmAggregates {
  const { settings, clock, tell, memory } = engine
  const residents = new Map<string, Resident>()
  const lifespansByAggregate = new WeakMap<AnyAggregate, Lifespans>()
  memory.watch(sweep)
  let sweepAt = Number.POSITIVE_INFINITY
  let cancelSweep = () => {}

  function scheduleSweep(at: number): void {
    if (at >= sweepAt) return
    cancelSweep()
    sweepAt = at
    cancelSweep = clock.after(Math.max(at - clock.now(), 1), () => {
      sweepAt = Number.POSITIVE_INFINITY
      sweep()
    })
  }

  /** Lets go of whoever was idle for too long, and puts to sleep whoever was idle for a while. */
  function sweep(): void {
    const now = clock.now()
    const factor = pressureFactors[memory.level]
    let next = Number.POSITIVE_INFINITY
    for (const [id, resident] of residents) {
      const { worker } = resident
      const goneAt = () => resident.usedAt + resident.idleMs * factor
      const asleepAt = () => (resident.asleep ? Number.POSITIVE_INFINITY : resident.usedAt + settings.hibernateAfterMs * factor)
      if (worker.busy) {
        next = Math.min(next, now + settings.hibernateAfterMs)
        continue
      }
      // Nothing is kept of it: it was written past its worker, or its commands failed before they came to a state.
      if (!worker.warm && !resident.asleep) residents.delete(id)
      else if (goneAt() <= now) timeIsUp(id, resident)
      else if (asleepAt() <= now) hibernate(id, resident)
      if (residents.has(id)) next = Math.min(next, goneAt(), asleepAt())
    }
    if (next < Number.POSITIVE_INFINITY) scheduleSweep(next)
  }

  function timeIsUp(id: string, resident: Resident): void {
    const { aggregate } = resident.worker
    const action = aggregate.lifespan?.onTimeout ?? settings.lifespan.onTimeout
    if (action === 'stop') passivate(id, resident, memory.level === 'normal' ? 'idle' : 'memory')
    else {
      resident.idleMs = Number.POSITIVE_INFINITY
      hibernate(id, resident)
    }
  }

  /** A text that cannot be read any more is no loss: the stream is cold then, and loads again. */
  function wake({ aggregate, tenant, stream }: StreamWorker, asleep: NonNullable<Resident['asleep']>): WarmState | undefined {
    const { text, version, snapshotVersion } = asleep
    try {
      return { state: stateCodecOf(aggregate).decode(text), version, snapshotVersion }
    } catch (error) {
      tell?.({ signal: 'snapshot.failed', tenant, stream, version, error })
      return undefined
    }
  }

  function passivate(id: string, { worker, asleep }: Resident, reason: 'idle' | 'memory' | 'stop'): void {
    residents.delete(id)
    const { tenant, stream, aggregate } = worker
    const { version, snapshotVersion = 0 } = asleep ?? worker.warm ?? { version: 0 }
    if (version === 0) return
    const policy = snapshotPolicyOf(engine, aggregate)
    if (policy && isWorthOne(reason, version - snapshotVersion, policy.everyEvents)) {
      const state = asleep ? wake(worker, asleep) : worker.warm
      if (state) takeLater(engine, worker, state)
    }
    tell?.({ signal: 'aggregate.passivate', tenant, stream, version, reason })
  }

  function hibernate(id: string, resident: Resident): void {
    const { worker } = resident
    const { warm, tenant, stream, aggregate } = worker
    if (!warm || resident.asleep) return
    let text: string
    try {
      text = stateCodecOf(aggregate).encode(warm.state)
    } catch (error) {
      // A state that has no text cannot hibernate, so it goes; `snapshot.failed` tells why.
      residents.delete(id)
      tell?.({ signal: 'snapshot.failed', tenant, stream, version: warm.version, error })
      return
    }
    resident.asleep = { text, version: warm.version, snapshotVersion: warm.snapshotVersion }
    worker.warm = undefined
    tell?.({ signal: 'aggregate.hibernate', tenant, stream, version: warm.version, characters: text.length })
  }

  function ended(id: string, { base, last }: GroupEnd): void {
    const resident = residents.get(id)
    if (!resident) return
    const { worker } = resident
    const { warm, aggregate, tenant, stream } = worker
    const policy = snapshotPolicyOf(engine, aggregate)
    if (warm && policy && isDue(base.version, warm.version, policy.everyEvents)) {
      takeLater(engine, { aggregate, tenant, stream }, warm)
      worker.warm = { ...warm, snapshotVersion: warm.version }
    }
    resident.usedAt = clock.now()
    const lifespan = last ? lifespanOf(aggregate, last) : Number.POSITIVE_INFINITY
    if (lifespan === 'stop') whenIdle(id, resident, () => passivate(id, resident, 'idle'))
    else if (lifespan === 'hibernate') whenIdle(id, resident, () => hibernate(id, resident))
    resident.idleMs = typeof lifespan === 'number' ? lifespan : Number.POSITIVE_INFINITY
    scheduleSweep(resident.usedAt + Math.min(resident.idleMs, settings.hibernateAfterMs) * pressureFactors[memory.level])
  }

  /** At the end of what runs now; not if more has come by then, whose own end decides. */
  function whenIdle(id: string, resident: Resident, act: () => void): void {
    void resident.worker.idle().then(() => {
      if (residents.get(id) === resident && !resident.worker.busy) act()
    })
  }

  function lifespanOf(aggregate: AnyAggregate, { answer, decided, job }: Entry): IdleLimit {
    const lifespans = lifespansOf(aggregate)
    try {
      if (answer.kind === 'error') return lifespans.afterError(answer.error)
      if (decided.length > 0) return lifespans.afterEvent(decided.at(-1))
      return lifespans.afterCommand(job.execution.command.command)
    } catch (error) {
      // The command has long been answered; a policy that fails must not keep its state for ever.
      report(`the lifespan of aggregate ${aggregate.name} failed`, error)
      return 'stop'
    }
  }

  /** Looked at after every command, so what is the same each time is worked out once. */
  function lifespansOf(aggregate: AnyAggregate): Lifespans {
    const known = lifespansByAggregate.get(aggregate)
    if (known) return known
    const policy = { ...settings.lifespan, ...aggregate.lifespan }
    const after = (name: keyof Lifespans) => lifespanRule(policy[name], `lifespan of aggregate ${aggregate.name}: ${name}`)
    const made = { afterEvent: after('afterEvent'), afterCommand: after('afterCommand'), afterError: after('afterError') }
    lifespansByAggregate.set(aggregate, made)
    return made
  }

  /** For one more; whoever is at work stays, however many they are. */
  function makeRoom(): void {
    for (const [id, resident] of residents) {
      if (residents.size < settings.warmStreams) return
      if (!resident.worker.busy) passivate(id, resident, 'memory')
    }
  }

  return {
    workerOf(aggregate, tenant, stream) {
      const id = idOf(tenant, stream)
      let resident = residents.get(id)
      if (resident) {
        residents.delete(id) // and in again: the map's order is the order of use
        const { worker, asleep } = resident
        if (asleep) {
          worker.warm = wake(worker, asleep)
          resident.asleep = undefined
          if (worker.warm) tell?.({ signal: 'aggregate.activate', tenant, stream, version: asleep.version, from: 'hibernation' })
        }
      } else {
        const worker = new StreamWorker(engine, aggregate, tenant, stream, (end) => ended(id, end))
        resident = { worker, usedAt: clock.now(), idleMs: Number.POSITIVE_INFINITY, asleep: undefined }
        makeRoom()
      }
      residents.set(id, resident)
      return resident.worker
    },
    peek(tenant, stream) {
      const resident = residents.get(idOf(tenant, stream))
      return resident && (resident.asleep ? wake(resident.worker, resident.asleep) : resident.worker.warm)
    },
    stateOf(tenant, stream) {
      const resident = residents.get(idOf(tenant, stream))
      if (resident?.asleep) return 'hibernated'
      return resident?.worker.warm ? 'warm' : 'cold'
    },
    count() {
      let warm = 0
      let hibernated = 0
      for (const { asleep, worker } of residents.values()) {
        if (asleep) hibernated++
        else if (worker.warm) warm++
      }
      return { warm, hibernated }
    },
    forget(tenant, stream) {
      const resident = residents.get(idOf(tenant, stream))
      if (!resident) return
      resident.asleep = undefined
      if (!resident.worker.busy) resident.worker.warm = undefined
    },
    async stop() {
      memory.stop()
      cancelSweep()
      await Promise.all([...residents.values()].map(({ worker }) => worker.idle()))
      for (const [id, resident] of residents) passivate(id, resident, 'stop')
    },
  }
}

/**
 * Whether a state that goes gets a snapshot. Who was idle gets one. Who makes room for another may be needed again in a moment,
 * together with thousands like it: folding a few events is less work than writing a snapshot. When the app stops, the regular ones
 * already bound the next load.
 */
function isWorthOne(reason: 'idle' | 'memory' | 'stop', events: number, everyEvents: number): boolean {
  if (reason === 'stop') return false
  return reason === 'idle' ? events > 0 : events >= everyEvents / 4
}

function idOf(tenant: string, stream: string): string {
  return `${tenant}\u0000${stream}`
}
