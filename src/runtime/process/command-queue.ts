/**
 * Sends what instances have in their queues.
 *
 * Invariant: the outcome of a command is on record before the next one of its instance is sent.
 */
import type { Clock } from '../../core/clock.ts'
import { effects, type Reaction } from '../../core/effect.ts'
import { DacapoError } from '../../core/errors.ts'
import type { DomainEvent } from '../../core/event.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { AnyProcessManager } from '../../core/process-manager.ts'
import type { Rejection } from '../../core/rejection.ts'
import type { Engine } from '../engine.ts'
import type { Persistence } from '../subscription/subscription.ts'
import {
  afterRejected,
  afterSent,
  type Cause,
  completed,
  hasWork,
  type Instance,
  type KeptCommand,
  noTimers,
  noted,
  type PendingCommand,
  type Reacted,
  react,
  rejectedAgain,
} from './instance.ts'
import type { Known, KnownInstances } from './known-instances.ts'
import { reacting } from './trace-reaction.ts'

/** Sends a command in the name of a process. */
export type SendFor = (
  process: string,
  tenant: string,
  command: KeptCommand,
  options: Omit<Cause, 'trace'> & { readonly idempotencyKey: string; readonly signal: AbortSignal },
) => Promise<Outcome<DomainEvent, Rejection>>

/** What sending needs of its app. */
export interface QueuePorts {
  readonly clock: Clock
  readonly persistence: Persistence
  readonly send: SendFor
  readonly tracing: Engine['tracing']
}

/** How many instances send at the same time. */
const mostAtOnce = 64

/** @returns how to send what is in the queues of some instances: each in its order, many of them side by side. */
export function makeCommandQueue(
  process: AnyProcessManager,
  { clock, persistence, send, tracing }: QueuePorts,
  instances: KnownInstances,
  stopping: AbortSignal,
): (all: readonly Known[]) => Promise<void> {
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
      return instances.save(before, ended, null, timers)
    }
    if (!first) return undefined
    const sent = await afterSending(before, instance, first)
    if (!sent) return undefined // it is stopping; whoever is next sends it again
    if ('error' in sent) await instances.save(before, ...afterFailure(sent.instance, sent.error))
    else return instances.save(before, sent.instance, hasWork(sent.instance) ? now : null, sent.timers)
    return undefined
  }

  /** Sends a command. Returns what that makes of the instance, or why it failed. */
  async function afterSending(
    { tenant, key }: Known,
    instance: Instance,
    first: PendingCommand,
  ): Promise<Reacted | { readonly instance: Instance; readonly error: unknown } | undefined> {
    const idempotencyKey = commandKey(process.name, key, first)
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

  return async (all) => {
    const left = all.filter(({ instance }) => hasWork(instance))
    const worker = async () => {
      for (let next = left.shift(); next && !stopping.aborted; next = left.shift()) await runQueue(next)
    }
    const ends = await Promise.allSettled(Array.from({ length: Math.min(mostAtOnce, left.length) }, worker))
    // Only when all have ended: whoever goes on from here reads again what they have written.
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
}

/** The idempotency key of a command. A "no" is final under its key; asked again, under the next one, it may be a "yes". */
export function commandKey(process: string, instance: string, { step, rejections }: PendingCommand): string {
  return `process:${process}:${instance}:${step}${rejections ? `.${rejections}` : ''}`
}
