/**
 * What the store holds, in layers.
 *
 * The lowest layer is what is committed. A transaction, a savepoint, a group of requests and a single request write into a
 * layer of their own on top: they see through it what is below, nobody below sees them, undoing is forgetting the layer, and
 * committing is moving its contents one layer down. While a layer is on top, the one below does not change: the gate sees to that.
 */
import type { IdempotencyEntry, RememberedOutcome, StoredEventType } from '../../core/event-store.ts'
import { matches, type Query } from '../../core/query.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import { categoryOf } from '../../core/stream-name.ts'
import type { WorkRecord } from '../../core/work-store.ts'
import { inOrder } from './in-order.ts'
import { inTenant, logIndex } from './log-index.ts'

/** A row as it is kept; `row` is `null` once it is deleted, so that its row version goes on counting. */
export interface KeptRow {
  readonly tenant: string
  readonly view: string
  readonly key: string
  readonly row: string | null
  readonly rowVersion: number
}

/** An outcome as it is kept. */
export type KeptOutcome = RememberedOutcome & Pick<IdempotencyEntry, 'expiresAt'>

/** A layer: its own entries, and through it everything below. */
export class Layer {
  readonly below: Layer | undefined
  readonly log: StoredEvent[] = []
  readonly streams = new Map<string, StoredEvent[]>()
  readonly ids = new Map<string, StoredEvent>()
  readonly outcomes = new Map<string, KeptOutcome>()
  /** Rows by view (in a tenant), then by key. */
  readonly rows = new Map<string, Map<string, KeptRow>>()
  /** Records of work, by name. */
  readonly records = new Map<string, WorkRecord>()
  /** Only the lowest layer fills these: the ones above are small. */
  readonly types = new Map<string, StoredEventType>()
  readonly #index = logIndex()

  constructor(below?: Layer) {
    this.below = below
  }

  get head(): number {
    return this.newest?.position ?? 0
  }

  get newest(): StoredEvent | undefined {
    return this.log.at(-1) ?? this.below?.newest
  }

  version(tenant: string, stream: string): number {
    return this.#version(inTenant(tenant, stream))
  }

  /** Events of a stream with versions above `after`, up to and including `to`. */
  stream(tenant: string, stream: string, after: number, to: number): readonly StoredEvent[] {
    return this.#slice(inTenant(tenant, stream), after, to)
  }

  eventById(tenant: string, id: string): StoredEvent | undefined {
    return this.#byId(inTenant(tenant, id))
  }

  /** Also one that has expired. */
  outcome(tenant: string, key: string): KeptOutcome | undefined {
    return this.#outcome(inTenant(tenant, key))
  }

  row(tenant: string, view: string, key: string): KeptRow | undefined {
    return this.#row(inTenant(tenant, view), key)
  }

  record(name: string): WorkRecord | undefined {
    return this.records.get(name) ?? this.below?.record(name)
  }

  /** Lists in the order of positions that have every event of a tenant, or of all, which matches, and others too. */
  candidates(tenant: string | undefined, query: Query): readonly (readonly StoredEvent[])[] {
    if (this.below) return [...this.below.candidates(tenant, query), this.log]
    return (tenant === undefined ? undefined : this.#index.candidates(tenant, query)) ?? [this.log]
  }

  /** An event above `after` that matches. */
  unseen(tenant: string, query: Query, after: number): StoredEvent | undefined {
    for (const event of inOrder(this.candidates(tenant, query), { after, to: this.head })) {
      if (event.tenant === tenant && matches(query, event)) return event
    }
    return undefined
  }

  add(event: StoredEvent): void {
    this.log.push(event)
    const key = inTenant(event.tenant, event.stream)
    const stream = this.streams.get(key)
    if (stream) stream.push(event)
    else this.streams.set(key, [event])
    this.ids.set(inTenant(event.tenant, event.id), event)
    if (!this.below) this.#addToIndexes(event)
  }

  remember(tenant: string, key: string, outcome: KeptOutcome): void {
    this.outcomes.set(inTenant(tenant, key), outcome)
  }

  setRow(row: KeptRow): void {
    const table = inTenant(row.tenant, row.view)
    const rows = this.rows.get(table)
    if (rows) rows.set(row.key, row)
    else this.rows.set(table, new Map([[row.key, row]]))
  }

  /** Moves everything one layer down: commits the layer to what it stands on. */
  settle(): void {
    const below = this.below!
    for (const event of this.log) below.add(event)
    for (const [key, outcome] of this.outcomes) below.outcomes.set(key, outcome)
    for (const rows of this.rows.values()) for (const row of rows.values()) below.setRow(row)
    for (const [name, record] of this.records) below.records.set(name, record)
  }

  #version(key: string): number {
    return this.streams.get(key)?.at(-1)?.version ?? (this.below ? this.below.#version(key) : 0)
  }

  #slice(key: string, after: number, to: number): readonly StoredEvent[] {
    const own = this.streams.get(key)
    if (!this.below) return own?.slice(after, Math.max(to, 0)) ?? []
    const start = this.below.#version(key)
    const older = after < start ? this.below.#slice(key, after, Math.min(to, start)) : []
    return own && to > start ? [...older, ...own.slice(Math.max(after - start, 0), to - start)] : older
  }

  #byId(key: string): StoredEvent | undefined {
    return this.ids.get(key) ?? (this.below ? this.below.#byId(key) : undefined)
  }

  #outcome(key: string): KeptOutcome | undefined {
    return this.outcomes.get(key) ?? (this.below ? this.below.#outcome(key) : undefined)
  }

  #row(table: string, key: string): KeptRow | undefined {
    return this.rows.get(table)?.get(key) ?? (this.below ? this.below.#row(table, key) : undefined)
  }

  #addToIndexes(event: StoredEvent): void {
    this.#index.add(event)
    const category = categoryOf(event.stream)
    const key = `${category} ${event.type}`
    const known = this.types.get(key)
    if (!known || known.schemaVersion < event.schemaVersion) {
      this.types.set(key, { category, type: event.type, schemaVersion: event.schemaVersion })
    }
  }
}
