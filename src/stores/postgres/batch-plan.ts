/**
 * What a batch asks of the database, gathered request by request.
 *
 * Invariant: a request is taken into a batch only when its demands can hold together with all that were taken before it, on the
 * assumption that those are written. So the database has to check each stream, row and key once, as it was before the batch, and
 * whatever is taken is written as a whole.
 */

import type { AppendRequest, ExpectedVersion, IdempotencyEntry } from '../../core/event-store.ts'
import { correlationIdOf } from '../../core/metadata.ts'
import { matches, type Query } from '../../core/query.ts'
import type { EventToAppend } from '../../core/stored-event.ts'
import { categoryOf } from '../../core/stream-name.ts'

const anyVersion = -1
const someVersion = -2
/** Only named, e.g. by an outcome that is remembered: neither read nor written. */
const untouched = -3

interface StreamPlan {
  readonly tenant: string
  readonly stream: string
  /** The version that must be there before the batch, or one of the two above. */
  demand: number
  request: number
  /** Events that the batch brings. */
  count: number
}

interface RowPlan {
  readonly tenant: string
  readonly view: string
  readonly key: string
  /** Before the batch. */
  readonly demand: number
  readonly request: number
  version: number
  row: string | null
}

interface EventPlan {
  readonly stream: number
  readonly place: number
  readonly event: EventToAppend
}

/** Where a request's events went. */
export interface Placed {
  /** Index into the streams of the plan; -1 when the request has no events. */
  readonly stream: number
  /** Place of its first event among all of the batch, from 0. */
  readonly first: number
  /** Place of its first event among those of its stream, from 1. */
  readonly place: number
}

/** A batch in the making. */
export class BatchPlan {
  readonly streams: StreamPlan[] = []
  readonly events: EventPlan[] = []
  readonly placed: Placed[] = []
  /** Of the views that its requests were checked against; those that were not go with any. */
  #viewEpoch: number | undefined
  readonly #streamAt = new Map<string, number>()
  readonly #ids = new Set<string>()
  readonly #rows = new Map<string, RowPlan>()
  readonly #keys = new Map<
    string,
    { readonly request: AppendRequest; readonly stream: number; readonly place: number; readonly n: number }
  >()
  readonly #follows: { readonly tenant: string; readonly id: string; readonly request: number }[] = []
  readonly #conditions: { readonly tenant: string; readonly query: Query; readonly after: number; readonly request: number }[] = []
  readonly #types = new Map<string, readonly [category: string, type: string, schemaVersion: number]>()

  get count(): number {
    return this.placed.length
  }

  /** Whether a stream is in it: who writes there, too, could not go at the same time. */
  touches(tenant: string | undefined, stream: string): boolean {
    return this.#streamAt.has(nameOf(tenant ?? '', stream))
  }

  /** Whether a request can be taken: nothing that was taken before contradicts it, or has to be committed first. */
  fits(request: AppendRequest): boolean {
    const { tenant = '', stream, expectedVersion, checks = [], events, condition, views = [], viewEpoch, idempotency, recordedAt } = request
    if (recordedAt !== undefined && this.count > 0) return false
    if (viewEpoch !== undefined && viewEpoch !== (this.#viewEpoch ?? viewEpoch)) return false
    if (![{ stream, expectedVersion }, ...checks].every((check) => this.#canBe(tenant, check.stream, check.expectedVersion))) return false
    if (idempotency && this.#keys.has(nameOf(tenant, idempotency.key))) return false
    if (events.some(({ id }) => this.#ids.has(nameOf(tenant, id)))) return false
    if (condition && this.#someMatch(tenant, condition.query)) return false
    return views.every(({ view, key, expectedRowVersion }) => {
      const planned = this.#rows.get(nameOf(tenant, view, key))
      return !planned || planned.version === expectedRowVersion
    })
  }

  /** Takes a request that fits. */
  take(request: AppendRequest): void {
    const { tenant = '', stream, expectedVersion, follows, checks = [], events, condition, views = [], viewEpoch, idempotency } = request
    this.#viewEpoch ??= viewEpoch
    const number = this.placed.length + 1
    for (const check of checks) this.#demand(tenant, check.stream, check.expectedVersion, number)
    if (follows !== undefined) this.#mustBeStored(tenant, follows, number)
    if (condition) this.#conditions.push({ tenant, query: condition.query, after: condition.after, request: number })
    for (const { view, key, expectedRowVersion, follows: made, row } of views) {
      if (made !== undefined) this.#mustBeStored(tenant, made, number)
      const name = nameOf(tenant, view, key)
      const planned = this.#rows.get(name)
      if (planned) Object.assign(planned, { version: expectedRowVersion + 1, row })
      else this.#rows.set(name, { tenant, view, key, demand: expectedRowVersion, request: number, version: expectedRowVersion + 1, row })
    }
    // A request that only remembers an outcome names a stream that it neither reads nor writes.
    const touched = events.length > 0 || expectedVersion !== 'any' || idempotency !== undefined || viewEpoch !== undefined
    const at = touched ? this.#demand(tenant, stream, expectedVersion, number) : -1
    const place = (this.streams[at]?.count ?? 0) + 1
    if (idempotency) this.#keys.set(nameOf(tenant, idempotency.key), { request, stream: at, place, n: number })
    this.placed.push({ stream: at, first: this.events.length, place })
    for (const event of events) {
      const plan = this.streams[at] as StreamPlan
      this.events.push({ stream: at, place: ++plan.count, event })
      this.#ids.add(nameOf(tenant, event.id))
      const category = categoryOf(stream)
      const known = this.#types.get(`${category} ${event.type}`)
      if (!known || known[2] < event.schemaVersion)
        this.#types.set(`${category} ${event.type}`, [category, event.type, event.schemaVersion])
    }
  }

  /** The arguments of `append_batch_at`, in its order. @param knownTypes  need not be stored again; those that are new are added. */
  parameters(now: number, knownTypes: ReadonlySet<string>): readonly unknown[] {
    const { streams, events } = this
    const hasTags = events.some(({ event }) => event.tags.length > 0)
    return [
      now,
      this.#viewEpoch ?? null,
      streams.map(({ tenant }) => tenant),
      streams.map(({ stream }) => stream),
      streams.map(({ demand, count }) => (demand === anyVersion && count === 0 ? untouched : demand)),
      streams.map(({ request }) => request),
      events.map(({ stream }) => stream + 1),
      events.map(({ place }) => place),
      events.map(({ event }) => event.id),
      events.map(({ event }) => event.type),
      events.map(({ event }) => event.schemaVersion),
      events.map(({ event }) => event.data),
      events.map(({ event }) => event.metadata),
      hasTags ? events.map(({ event }) => (event.tags.length > 0 ? JSON.stringify(event.tags) : null)) : null,
      events.map(({ event }) => correlationIdOf(event.metadata) ?? null),
      events.map(({ event }) => event.occurredAt ?? null),
      this.#more(knownTypes),
    ]
  }

  /** What most batches do not have, as JSON; null when this one does not either. */
  #more(knownTypes: ReadonlySet<string>): string | null {
    const rows = [...this.#rows.values()]
    const keys = [...this.#keys.values()].map(({ request: { tenant = '', idempotency, events }, stream, place, n }) => ({
      ...(idempotency as IdempotencyEntry),
      tenant,
      stream: stream + 1,
      first: events.length > 0 ? place : 0,
      last: events.length > 0 ? place + events.length - 1 : 0,
      request: n,
    }))
    const types = [...this.#types.values()]
      .filter((type) => !knownTypes.has(type.join(' ')))
      .map(([category, type, version]) => ({ category, type, version }))
    const conditions = this.#conditions
    const follows = this.#follows
    if (rows.length + keys.length + types.length + conditions.length + follows.length === 0) return null
    return JSON.stringify({ follows, conditions, rows, keys, types })
  }

  /** The names of its event types, as `parameters` knows them. */
  get typeNames(): readonly string[] {
    return [...this.#types.values()].map((type) => type.join(' '))
  }

  #canBe(tenant: string, stream: string, expected: ExpectedVersion): boolean {
    const plan = this.streams[this.#streamAt.get(nameOf(tenant, stream)) ?? -1]
    if (!plan) return true
    if (expected === 'any') return true
    if (expected === 'exists') return plan.count > 0 || plan.demand !== 0
    const demand = (expected === 'none' ? 0 : expected) - plan.count
    if (demand < 0 || plan.demand === someVersion) return false
    return plan.demand === anyVersion || plan.demand === demand
  }

  #demand(tenant: string, stream: string, expected: ExpectedVersion, request: number): number {
    const name = nameOf(tenant, stream)
    let at = this.#streamAt.get(name)
    if (at === undefined) {
      at = this.streams.length
      this.#streamAt.set(name, at)
      this.streams.push({ tenant, stream, demand: anyVersion, request, count: 0 })
    }
    const plan = this.streams[at] as StreamPlan
    if (plan.demand === anyVersion && expected !== 'any') {
      if (expected !== 'exists') plan.demand = (expected === 'none' ? 0 : expected) - plan.count
      else if (plan.count === 0) plan.demand = someVersion
      plan.request = request
    }
    return at
  }

  #mustBeStored(tenant: string, id: string, request: number): void {
    if (!this.#ids.has(nameOf(tenant, id))) this.#follows.push({ tenant, id, request })
  }

  #someMatch(tenant: string, query: NonNullable<AppendRequest['condition']>['query']): boolean {
    return this.events.some(({ stream, event }) => (this.streams[stream] as StreamPlan).tenant === tenant && matches(query, event))
  }
}

/** One text for several; no part has a character 1 that could pretend to end it, except for names that then only seem to be equal. */
const nameOf = (...parts: readonly string[]): string => parts.join('\u0001')
