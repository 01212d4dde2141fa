/** Looking at the instances of a process manager, and acting on them. Loaded when it is called. */
import { type Duration, toCount, toMs } from '../../core/duration.ts'
import { NotFoundError, WrongStatusError } from '../../core/errors.ts'
import { toJson } from '../../core/json.ts'
import type { AnyProcessManager } from '../../core/process-manager.ts'
import type { Engine } from '../engine.ts'
import { deadLettersOf, toId } from '../subscription/dead-letters.ts'
import { subscriptionId } from '../subscription/define.ts'
import { pause, withPatience } from '../timeout.ts'
import { commitOne } from '../work/commit-one.ts'
import { actKind, requestRecord } from './act-requests.ts'
import { type Act, isPossible } from './acts.ts'
import type { Instance, InstanceStatus, TimelineEntry } from './instance.ts'
import { instanceKind, type Known, toKnown } from './known-instances.ts'

/** One run of a process manager. */
export interface ProcessInstance<S = unknown> {
  /** What `correlate` has answered. */
  readonly id: string
  readonly tenant: string
  /** `stuck`: something has failed as often as it is tried, and nothing happens any more until somebody acts. */
  readonly status: InstanceStatus
  readonly state: S
  /** What it still has to do. */
  readonly waitingFor: {
    /** The first one is under way, or is tried again; the others come after it. */
    readonly commands: readonly { readonly command: string; readonly input: unknown; readonly undo: boolean }[]
    readonly timers: readonly { readonly name: string; readonly dueAt: Date }[]
  }
  /** How often the first of these commands has failed. */
  readonly attempts: number
  /** The newest failure of a command or a timer, also if all has been well since. */
  readonly lastError: { readonly at: Date; readonly name: string; readonly message: string } | undefined
  /** Whether it has taken back what was accepted. */
  readonly compensated: boolean
  readonly startedAt: Date
  readonly updatedAt: Date
}

/** Something that has happened to an instance. */
export interface ProcessStep {
  readonly at: Date
  /**
   * `event`: it has reacted to one. `sent`, `undone`: a command was accepted. `rejected`: it was not, with the code as the reason.
   * `failed`: it is tried again. `dropped`: it is not sent any more. `retried`, `compensating`, `closed`: by hand, if `act` is there.
   */
  readonly what: TimelineEntry['what']
  /** The type of an event, the name of a command or of a timer. */
  readonly name?: string
  /** Of an event. */
  readonly position?: number
  readonly reason?: string
  /** The id under which somebody has done it by hand. */
  readonly act?: string
  /** Who that was. */
  readonly by?: unknown
}

/** Which instances. */
export interface InstanceFilter {
  readonly status?: InstanceStatus
  /** Default 100. */
  readonly limit?: number
  /** The last one of the page before. */
  readonly after?: Pick<ProcessInstance, 'id' | 'tenant'>
}

/** How something is done by hand. */
export interface ActOptions {
  /** Who does it: JSON, kept on the timeline. */
  readonly actor?: unknown
  /** How long to wait until it is done. Default 5 seconds, which is `defaults.subscriptions.waitTimeout`. */
  readonly timeout?: Duration
}

/**
 * The instances of a process manager in one tenant; in the default tenant, `list` shows those of all.
 *
 * What is done by hand is done by whoever works on the instance, in whichever process that is, and between two things that happen to the
 * instance. It resolves with the instance as it is then.
 *
 * @throws NotFoundError (`ES_NOT_FOUND`); WrongStatusError (`ES_WRONG_STATUS`) there is nothing to do; TimedOutError (`ES_TIMED_OUT`)
 *         nobody has done it yet: it stays requested.
 */
export interface ProcessInstances<S = unknown> {
  /** By tenant and id. */
  list(filter?: InstanceFilter): Promise<readonly ProcessInstance<S>[]>
  get(id: string): Promise<ProcessInstance<S> | undefined>
  /** What has happened to it, in this order; the newest 200 steps. */
  timeline(id: string): Promise<readonly ProcessStep[]>
  /** Tries what has failed again, now and from the first attempt on; with it the events that have come while the instance was stuck. */
  retry(id: string, options?: ActOptions): Promise<ProcessInstance<S>>
  /** Drops what was not sent yet, and takes back what was accepted, the newest first. The instance goes on after that. */
  compensate(id: string, reason: string, options?: ActOptions): Promise<ProcessInstance<S>>
  /** Ends it: what was not sent yet is dropped, and timers are cancelled. Nothing is taken back. */
  close(id: string, reason: string, options?: ActOptions): Promise<ProcessInstance<S>>
}

/** How often whoever has asked looks whether it is done. */
const askEveryMs = { first: 5, most: 200 } as const

/** @param poke  tells whoever works on it in this process. */
export function processInstancesOf(
  engine: Engine,
  tenant: string,
  { name }: AnyProcessManager,
  poke: (subscription: string) => void,
): ProcessInstances {
  const { store, clock, settings, ids } = engine
  const owner = subscriptionId('process', name)

  const find = async (id: string): Promise<Known | undefined> => {
    const record = await store.work.record({ kind: instanceKind, owner, tenant, key: id })
    return record && toKnown(record)
  }

  async function found(id: string): Promise<Known & { readonly instance: Instance }> {
    const known = await find(id)
    if (!known?.instance) throw new NotFoundError(nameOf(id))
    return known as Known & { readonly instance: Instance }
  }

  const nameOf = (id: string): string => `instance ${JSON.stringify(id)} of ${name}`

  async function assertPossible(act: Act, id: string): Promise<Instance> {
    const { instance } = await found(id)
    if (!isPossible(act, instance)) throw new WrongStatusError(nameOf(id), instance.status, act)
    return instance
  }

  async function perform(act: Act, id: string, reason: string | undefined, { actor, timeout }: ActOptions = {}): Promise<ProcessInstance> {
    const timeoutMs = timeout === undefined ? settings.waitTimeoutMs : toMs(timeout, 'timeout')
    const asItWas = await assertPossible(act, id)
    const request = ids.next()
    toJson(actor ?? null, `actor who wants to ${act} ${nameOf(id)}`)
    const asked = { instance: id, act, ...(reason === undefined ? {} : { reason }), ...(actor === undefined ? {} : { by: actor }) }
    await commitOne(store.work, { records: [requestRecord(owner, tenant, request, asked, clock.now())] })
    poke(owner)
    const what = `To ${act} ${nameOf(id)}, which stays requested until it is done,`
    await withPatience((abandoned) => untilDone(request, abandoned), { timeoutMs, signal: undefined }, what, clock)
    const { instance, ...known } = await found(id)
    // It is over, but nothing of it is to be seen: something else has happened to the instance before.
    if (!instance.timeline.some((entry) => entry.act === request)) throw new WrongStatusError(nameOf(id), instance.status, act)
    if (asItWas.status === 'stuck') await retryLetters(id)
    return toInstance({ ...known, instance })
  }

  async function untilDone(request: string, abandoned: AbortSignal | undefined): Promise<void> {
    const record = { kind: actKind, owner, tenant, key: request }
    for (let ms: number = askEveryMs.first; await store.work.record(record); ms = Math.min(ms * 2, askEveryMs.most)) {
      await pause(ms, abandoned)
      if (abandoned?.aborted) return
    }
  }

  /** Events that have come while it was stuck. */
  async function retryLetters(id: string): Promise<void> {
    const letters = deadLettersOf(engine, tenant, poke)
    const letter = toId({ subscription: owner, tenant, key: id })
    if (await letters.get(letter)) await letters.retry(letter)
  }

  return {
    async list({ status, after, limit = 100 } = {}) {
      const from = after && { owner, tenant: after.tenant, key: after.id, dueAt: null }
      const records = await store.work.records({
        kind: instanceKind,
        owner,
        limit: toCount(limit, 'limit'),
        ...(tenant === '' ? {} : { tenant }),
        ...(status && { status }),
        ...(from && { after: from }),
      })
      return records.map((record) => toInstance(toKnown(record)))
    },
    async get(id) {
      const known = await find(id)
      return known && toInstance(known)
    },
    async timeline(id) {
      const { instance } = await found(id)
      return instance.timeline.map((entry) => ({ ...entry, at: new Date(entry.at) }))
    },
    retry: (id, options) => perform('retry', id, undefined, options),
    compensate: (id, reason, options) => perform('compensate', id, reason, options),
    close: (id, reason, options) => perform('close', id, reason, options),
  }
}

function toInstance({ tenant, key, instance }: Known): ProcessInstance {
  const { status, state, queue, timers, attempts, timeline, compensated, startedAt } = instance as Instance
  const failure = timeline.findLast(({ what }) => what === 'failed' || what === 'stuck')
  return {
    id: key,
    tenant,
    status,
    state,
    waitingFor: {
      commands: queue.flatMap((one) =>
        one.kind === 'complete' ? [] : [{ command: one.command, input: one.input, undo: one.kind === 'undo' }],
      ),
      timers: timers.map(({ name, dueAt }) => ({ name, dueAt: new Date(dueAt) })),
    },
    attempts,
    lastError: failure && { at: new Date(failure.at), name: failure.name ?? '', message: failure.reason ?? '' },
    compensated,
    startedAt: new Date(startedAt),
    updatedAt: new Date(timeline.at(-1)?.at ?? startedAt),
  }
}
