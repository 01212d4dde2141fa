/**
 * What a part knows of its instances: each is read once, and from then on changed by nobody but the part itself.
 *
 * Those with something to do by themselves are always known, so that nobody has to ask the store for them.
 */
import { fromJson, toJson } from '../../core/json.ts'
import type { RecordWrite, WorkRecord, WorkStore } from '../../core/work-store.ts'
import type { Engine } from '../engine.ts'
import { slotOf } from '../subscription/slots.ts'
import type { ConsumerContext } from '../subscription/subscription.ts'
import { everyRecord } from '../work/every-record.ts'
import { type Instance, noTimers, type TimerChanges } from './instance.ts'
import { tellChange } from './process-signals.ts'
import type { TimerRecords } from './timer-records.ts'

/** The kind of records. */
export const instanceKind = 'process'

/** How many instances are remembered between batches. */
const mostKnown = 10_000

/** An instance as it is stored. */
export interface Known {
  readonly tenant: string
  readonly key: string
  readonly instance: Instance | undefined
  /** 0: not stored yet. */
  readonly revision: number
  /** When it goes on by itself. */
  readonly dueAt: number | null
}

/** The instances of one part. */
export interface KnownInstances {
  /** One that was read before. */
  find(tenant: string, key: string): Known | undefined
  /** Reads it if need be. */
  read(tenant: string, key: string): Promise<Known>
  /** It is committed like this now: observers are told what is new. */
  remember(one: Known): void
  /** What is to be written for an instance, and how it is known then. */
  written(before: Known, instance: Instance, dueAt: number | null, timers: TimerChanges): readonly [RecordWrite[], Known]
  /** Commits what an instance has become. */
  save(before: Known, instance: Instance, dueAt: number | null, timers?: TimerChanges): Promise<Known>
  /** Those that go on by themselves, and whose time has come. */
  due(now: number): readonly Known[]
  /** When the first of them goes on. */
  readonly nextDueAt: number | undefined
  /** Reads those that go on by themselves, and forgets everything else. */
  load(): Promise<void>
  forget(): void
  /** Forgets some when there are many. */
  trim(): void
}

interface Place {
  /** Of the process manager. */
  readonly name: string
  readonly owner: string
  readonly work: WorkStore
  readonly timers: TimerRecords
  readonly tell: Engine['tell']
}

export function makeKnownInstances({ name, owner, work, timers, tell }: Place, { slots, commit }: ConsumerContext): KnownInstances {
  const known = new Map<string, Known>()
  /** Those of them that go on by themselves, and when. */
  const pending = new Map<string, number>()

  function know(one: Known): void {
    const id = idOf(one.tenant, one.key)
    known.set(id, one)
    if (one.dueAt === null) pending.delete(id)
    else pending.set(id, one.dueAt)
  }

  const instances: KnownInstances = {
    find: (tenant, key) => known.get(idOf(tenant, key)),
    async read(tenant, key) {
      const there = known.get(idOf(tenant, key))
      if (there) return there
      const record = await work.record({ kind: instanceKind, owner, tenant, key })
      const found = record ? toKnown(record) : { tenant, key, instance: undefined, revision: 0, dueAt: null }
      know(found)
      return found
    },
    remember(one) {
      const before = known.get(idOf(one.tenant, one.key))
      if (tell && before && one.instance)
        tellChange(tell, { process: name, tenant: one.tenant, instance: one.key }, before.instance, one.instance)
      know(one)
    },
    written({ tenant, key, revision }, instance, dueAt, changes) {
      const body = toJson(instance, `state of ${name} ${key}`)
      const record = { kind: instanceKind, owner, tenant, key, slot: slotOf(tenant, key), status: instance.status }
      return [
        [{ ...record, dueAt, body, expectedRevision: revision }, ...timers.writes(tenant, key, changes)],
        { tenant, key, instance, revision: revision + 1, dueAt },
      ]
    },
    async save(before, instance, dueAt, changes = noTimers) {
      const [records, after] = instances.written(before, instance, dueAt, changes)
      await commit({ records })
      instances.remember(after)
      return after
    },
    due: (now) => [...pending].filter(([, dueAt]) => dueAt <= now).map(([id]) => known.get(id) as Known),
    get nextDueAt() {
      let first: number | undefined
      for (const dueAt of pending.values()) if (first === undefined || dueAt < first) first = dueAt
      return first
    },
    async load() {
      instances.forget()
      const question = { kind: instanceKind, owner, slots, dueTo: Number.MAX_SAFE_INTEGER }
      for (const record of await everyRecord(work, question)) know(toKnown(record))
    },
    forget() {
      known.clear()
      pending.clear()
    },
    trim() {
      if (known.size > mostKnown) for (const id of known.keys()) if (!pending.has(id)) known.delete(id)
    },
  }
  return instances
}

export function toKnown({ tenant, key, body, revision, dueAt }: WorkRecord): Known {
  return { tenant, key, instance: fromJson(body) as Instance, revision, dueAt }
}

export const idOf = (tenant: string, key: string): string => `${tenant}\u0000${key}`
