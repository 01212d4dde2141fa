/** Work in memory: who does it, how far it is, and its records. */

import { byCodePoint } from '../../core/code-point-order.ts'
import { LeaseLostError, RecordConflictError } from '../../core/errors.ts'
import type { Gate } from '../../core/gate.ts'
import type {
  Lease,
  ListRecords,
  RecordName,
  SubscriptionPart,
  Work,
  WorkOwner,
  WorkRecord,
  WorkResult,
  WorkStore,
} from '../../core/work-store.ts'
import type { KeptRow, Layer } from './layer.ts'
import type { ViewRegistry } from './view-registry.ts'

/** Reads are synchronous, and writes go through the gate of everybody who writes. @param state  what is committed; throws once the store is closed. */
export function workStore(state: () => Layer, gate: Gate, registry: ViewRegistry): WorkStore {
  const owners = new Map<string, WorkOwner>()
  const parts = new Map<string, SubscriptionPart>()

  const held = (lease: Lease): SubscriptionPart | undefined => {
    const part = parts.get(partKey(lease))
    return part?.epoch === lease.epoch ? part : undefined
  }
  const partsOf = (subscription?: string) =>
    [...parts.values()].filter((part) => subscription === undefined || part.subscription === subscription).sort(byPart)

  async function alone<T>(work: () => T): Promise<T> {
    const leave = await gate.enter()
    try {
      state()
      return work()
    } finally {
      leave()
    }
  }

  function refusalOf({ steps = [], records: writes = [] }: Work): WorkResult | undefined {
    const lost = steps.find((step) => !held(step))
    if (lost) return { kind: 'refused', error: new LeaseLostError(lost.subscription, lost.part) }
    const changed = writes.find(
      (write) => write.expectedRevision !== undefined && (state().records.get(recordKey(write))?.revision ?? 0) !== write.expectedRevision,
    )
    return changed && { kind: 'refused', error: new RecordConflictError(changed.kind, changed.key) }
  }

  function write(work: Work): WorkResult {
    const refusal = refusalOf(work)
    if (refusal) return refusal
    const layer = state()
    for (const { position, state: next, ...lease } of work.steps ?? []) {
      const part = held(lease) as SubscriptionPart
      parts.set(partKey(lease), { ...part, position: position ?? part.position, state: next ?? part.state })
    }
    for (const { expectedRevision: _, body, ...record } of work.records ?? []) {
      const key = recordKey(record)
      if (body === null) layer.records.delete(key)
      else layer.records.set(key, { ...record, body, revision: (layer.records.get(key)?.revision ?? 0) + 1 })
    }
    for (const { tenant, view, key, row, generation = 0 } of work.rows ?? []) {
      const under = registry.keptUnder(view, generation)
      layer.setRow({ tenant, view: under, key, row, rowVersion: (layer.row(tenant, under, key)?.rowVersion ?? 0) + 1 })
    }
    for (const one of work.switches ?? []) registry.set(one, one.generation)
    return { kind: 'done' }
  }

  return {
    beat: (owner, about) =>
      alone(() => {
        owners.set(owner, { owner, about, beat: (owners.get(owner)?.beat ?? 0) + 1 })
        return [...owners.values()].sort((left, right) => byCodePoint(left.owner, right.owner))
      }),
    leave: (owner) =>
      alone(() => {
        owners.delete(owner)
        for (const [key, part] of parts) if (part.owner === owner) parts.set(key, { ...part, owner: null, epoch: part.epoch + 1 })
      }),

    async parts(subscription) {
      state()
      return partsOf(subscription)
    },
    divide: (subscription, leases, next) =>
      alone(() => {
        const there = partsOf(subscription)
        if (there.length !== leases.length || leases.some((lease) => !held(lease) || lease.subscription !== subscription)) return false
        const epoch = Math.max(0, ...there.map((part) => part.epoch)) + 1
        for (const part of there) parts.delete(partKey(part))
        for (const part of next) parts.set(partKey({ subscription, ...part }), { subscription, owner: null, epoch, ...part })
        return true
      }),
    acquire: (owner, leases) =>
      alone(() =>
        leases.flatMap((lease) => {
          const part = held(lease)
          if (!part) return []
          const taken = { ...part, owner, epoch: part.epoch + 1 }
          parts.set(partKey(part), taken)
          return [taken]
        }),
      ),
    release: (leases) =>
      alone(() => {
        for (const lease of leases) {
          const part = held(lease)
          if (part) parts.set(partKey(part), { ...part, owner: null, epoch: part.epoch + 1 })
        }
      }),

    commit: (works) => alone(() => works.map(write)),

    async scan({ view, generation, after, limit, subscription }) {
      const under = registry.keptUnder(view, generation)
      const rows = [...state().rows.values()].flatMap((table) => [...table.values()].filter((row) => row.view === under))
      return {
        rows: rows
          .flatMap(({ tenant, key, row }) => (row === null ? [] : [{ tenant, key, row }]))
          .filter((row) => after === undefined || byRow(row, after) > 0)
          .sort(byRow)
          .slice(0, limit),
        parts: partsOf(subscription),
      }
    },

    async record(name) {
      return state().records.get(recordKey(name))
    },
    async records(question) {
      const order = question.dueTo === undefined ? byName : byDueTime
      const { after, limit = 100 } = question
      return [...state().records.values()]
        .filter((record) => isAskedFor(record, question) && (after === undefined || order(record, after) > 0))
        .sort(order)
        .slice(0, limit)
    },
  }
}

function isAskedFor(record: WorkRecord, { kind, owner, tenant, status, slots, dueTo }: ListRecords): boolean {
  return (
    record.kind === kind &&
    (owner === undefined || record.owner === owner) &&
    (tenant === undefined || record.tenant === tenant) &&
    (status === undefined || record.status === status) &&
    (slots === undefined || (record.slot >= slots.from && record.slot <= slots.to)) &&
    (dueTo === undefined || (record.dueAt !== null && record.dueAt <= dueTo))
  )
}

type Ordered = Pick<WorkRecord, 'owner' | 'tenant' | 'key' | 'dueAt'>

const byName = (left: Ordered, right: Ordered): number =>
  byCodePoint(left.owner, right.owner) || byCodePoint(left.tenant, right.tenant) || byCodePoint(left.key, right.key)

const byDueTime = (left: Ordered, right: Ordered): number => (left.dueAt ?? 0) - (right.dueAt ?? 0) || byName(left, right)

type RowName = Pick<KeptRow, 'tenant' | 'key'>

const byRow = (left: RowName, right: RowName): number => byCodePoint(left.tenant, right.tenant) || byCodePoint(left.key, right.key)

const byPart = (left: Lease, right: Lease): number =>
  byCodePoint(left.subscription, right.subscription) || byCodePoint(left.part, right.part)

const partKey = ({ subscription, part }: Pick<Lease, 'subscription' | 'part'>): string => `${subscription}\u0000${part}`

/** Names a record among all of the store. */
export const recordKey = ({ kind, owner, tenant, key }: RecordName): string => `${kind}\u0000${owner}\u0000${tenant}\u0000${key}`
