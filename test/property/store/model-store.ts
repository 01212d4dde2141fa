/**
 * The model of an event store: the sentences of the port, one after the other, over one array and a few Maps.
 *
 * It is slow, and shares no code with the stores, so that it is not wrong where they are.
 */
import type { ErrorCode } from '../../../src/core/errors.ts'
import type { AppendRequest, IdempotencyEntry, RememberedOutcome } from '../../../src/core/event-store.ts'
import type { Query } from '../../../src/core/query.ts'
import type { StoredSnapshot } from '../../../src/core/snapshot-store.ts'
import type { StoredEvent } from '../../../src/core/stored-event.ts'
import type { BuiltRow } from '../../../src/core/view-store.ts'
import { violation } from '../expected-version.ts'

/** A position is the store's to give: until it has told one, the event is beyond all others. */
export type ModelEvent = Omit<StoredEvent, 'position'> & { position: number }

/** Why a request is refused: the code, and what else its error must say. */
export interface ModelRefusal {
  readonly code: ErrorCode
  /** Of a failed condition: what matches, of which the error names one. */
  readonly unseen?: readonly ModelEvent[]
  readonly [field: string]: unknown
}

/** What an append must come to. */
export type ModelResult =
  | { readonly kind: 'appended' | 'duplicate'; readonly version: number; readonly events: readonly ModelEvent[] }
  | { readonly kind: 'remembered'; readonly entry: RememberedOutcome }
  | { readonly kind: 'refused'; readonly error: ModelRefusal }

/** A row; `row` is `null` once it is deleted. */
export interface ModelRow {
  readonly row: string | null
  readonly rowVersion: number
}

/** What is undone together. */
interface Kept {
  readonly log: readonly ModelEvent[]
  readonly outcomes: ReadonlyMap<string, RememberedOutcome & Pick<IdempotencyEntry, 'expiresAt'>>
  readonly rows: ReadonlyMap<string, ModelRow>
  /** The fingerprint of every view that was built. */
  readonly views: ReadonlyMap<string, string>
}

const driftLimitMs = 60_000

/** A store as it must be. */
export class ModelStore {
  kept: Kept = { log: [], outcomes: new Map(), rows: new Map(), views: new Map() }
  readonly #snapshots = new Map<string, readonly StoredSnapshot[]>()

  /** One call with one or more requests; those of a group win or lose together. */
  append(requests: readonly AppendRequest[], now: number): readonly ModelResult[] {
    const results: ModelResult[] = []
    for (const [i, { atomicGroup }] of requests.entries()) {
      if (results[i]) continue
      const together = atomicGroup === undefined ? [i] : [...requests.keys()].filter((k) => requests[k]!.atomicGroup === atomicGroup)
      const before = this.kept
      const impossible = together.map((k) => whyImpossible(requests[k]!))
      const first = impossible.find((code) => code !== undefined)
      const alone = together.map((k, n) => (first ? refused({ code: impossible[n] ?? first }) : this.#appendOne(requests[k]!, now)))
      const verdict = alone.find(({ kind }) => kind === 'refused') ?? alone.find(({ kind }) => kind === 'remembered')
      if (verdict) this.kept = before
      together.forEach((k, n) => {
        results[k] = verdict && alone[n]!.kind !== verdict.kind ? verdict : alone[n]!
      })
    }
    return results
  }

  #appendOne(request: AppendRequest, now: number): ModelResult {
    const { tenant = '', stream, events, idempotency, views = [], recordedAt } = request
    const { log, outcomes, rows } = this.kept
    const entry = idempotency && this.remembered(tenant, idempotency.key, now)
    if (entry) return { kind: 'remembered', entry }

    const known = events.flatMap(({ id }) => this.eventById(tenant, id) ?? [])
    const isDoubled = new Set(events.map(({ id }) => id)).size < events.length
    if (isDoubled || known.length > 0) {
      const isRetry =
        known.length === events.length && known.every((one, i) => one.stream === stream && one.version === known[0]!.version + i)
      if (isDoubled || !isRetry) return refused({ code: 'ES_DUPLICATE_EVENT' })
      return { kind: 'duplicate', version: known.at(-1)!.version, events: known }
    }

    const refusal = this.#whyRefused(request, now)
    if (refusal) return refused(refusal)

    const before = this.version(tenant, stream)
    const time = recordedAt ?? this.#timeOf(now)
    const place = { tenant, stream, position: Number.POSITIVE_INFINITY, recordedAt: time }
    const written = events.map((event, i): ModelEvent => ({ ...event, ...place, version: before + 1 + i }))
    const version = before + written.length
    const setRows = views.map(
      ({ view, key, row, expectedRowVersion }) => [keyOf(tenant, view, key), { row, rowVersion: expectedRowVersion + 1 }] as const,
    )
    this.kept = { ...this.kept, log: [...log, ...written], rows: new Map([...rows, ...setRows]) }
    if (idempotency) {
      const { key, ...outcome } = idempotency
      const [firstVersion, lastVersion] = written.length > 0 ? [before + 1, version] : [0, 0]
      this.kept = {
        ...this.kept,
        outcomes: new Map([...outcomes, [keyOf(tenant, key), { ...outcome, stream, firstVersion, lastVersion }]]),
      }
    }
    return { kind: 'appended', version, events: written }
  }

  /** Versions and checks, then the condition, then the rows, then the time. */
  #whyRefused(request: AppendRequest, now: number): ModelRefusal | undefined {
    const { tenant = '', stream, expectedVersion, follows, checks = [], condition, views = [], events, recordedAt } = request
    const isMissing = (id: string | undefined) => id !== undefined && !this.eventById(tenant, id)

    for (const expectation of [{ stream, expectedVersion }, ...checks]) {
      const violated = violation(expectation.stream, expectation.expectedVersion, this.version(tenant, expectation.stream))
      if (violated) return violated
    }
    if (isMissing(follows)) return { code: 'ES_CONCURRENCY', stream, expected: expectedVersion, actual: this.version(tenant, stream) }

    if (condition) {
      const { query, after } = condition
      const unseen = this.kept.log.filter((event) => event.tenant === tenant && event.position > after && isMatch(query, event))
      if (unseen.length > 0) return { code: 'ES_CONDITION_FAILED', after, unseen }
    }

    const rowVersions = new Map<string, number>()
    for (const write of views) {
      const key = keyOf(tenant, write.view, write.key)
      const rowVersion = rowVersions.get(key) ?? this.row(tenant, write.view, write.key)?.rowVersion ?? 0
      if (rowVersion !== write.expectedRowVersion || isMissing(write.follows))
        return { code: 'ES_VIEW_CONFLICT', view: write.view, key: write.key }
      rowVersions.set(key, rowVersion + 1)
    }

    if (events.length === 0) return undefined
    if ((recordedAt ?? this.#timeOf(now)) > now + driftLimitMs) return { code: 'ES_CLOCK_DRIFT' }
    if (recordedAt !== undefined && recordedAt < this.#newestTime()) return { code: 'ES_VALIDATION' }
    return undefined
  }

  #newestTime(): number {
    return this.kept.log.at(-1)?.recordedAt ?? 0
  }

  #timeOf(now: number): number {
    return Math.max(now, this.#newestTime())
  }

  // ── what is there ──

  stream(tenant: string, stream: string): readonly ModelEvent[] {
    return this.kept.log.filter((event) => event.tenant === tenant && event.stream === stream)
  }

  version(tenant: string, stream: string): number {
    return this.stream(tenant, stream).length
  }

  eventById(tenant: string, id: string): ModelEvent | undefined {
    return this.kept.log.find((event) => event.tenant === tenant && event.id === id)
  }

  remembered(tenant: string, key: string, now: number): RememberedOutcome | undefined {
    const found = this.kept.outcomes.get(keyOf(tenant, key))
    if (!found || found.expiresAt < now) return undefined
    const { expiresAt: _, ...outcome } = found
    return outcome
  }

  row(tenant: string, view: string, key: string): ModelRow | undefined {
    return this.kept.rows.get(keyOf(tenant, view, key))
  }

  forgetExpired(now: number): number {
    const left = [...this.kept.outcomes].filter(([, { expiresAt }]) => expiresAt >= now)
    const forgotten = this.kept.outcomes.size - left.length
    this.kept = { ...this.kept, outcomes: new Map(left) }
    return forgotten
  }

  /** Every key that was ever written gets a new row version, also one that has no row any more. */
  rebuild(view: string, fingerprint: string, built: readonly BuiltRow[]): void {
    const rows = new Map(this.kept.rows)
    for (const [key, { rowVersion }] of rows) {
      if (JSON.parse(key)[1] === view) rows.set(key, { row: null, rowVersion: rowVersion + 1 })
    }
    for (const { tenant, key, row } of built) {
      const at = keyOf(tenant, view, key)
      rows.set(at, { row, rowVersion: rows.get(at)?.rowVersion ?? 1 })
    }
    this.kept = { ...this.kept, rows, views: new Map([...this.kept.views, [view, fingerprint]]) }
  }

  // ── snapshots ──

  snapshots(tenant: string, stream: string): readonly StoredSnapshot[] {
    return this.#snapshots.get(keyOf(tenant, stream)) ?? []
  }

  latestSnapshot(tenant: string, stream: string, fingerprint: string, to = Number.POSITIVE_INFINITY): StoredSnapshot | undefined {
    return this.snapshots(tenant, stream).findLast((one) => one.fingerprint === fingerprint && one.version <= to)
  }

  saveSnapshot(tenant: string, stream: string, snapshot: StoredSnapshot, keep: number): void {
    const all = this.snapshots(tenant, stream)
    const others = all.filter(({ fingerprint }) => fingerprint !== snapshot.fingerprint)
    const own = all.filter(({ fingerprint, version }) => fingerprint === snapshot.fingerprint && version !== snapshot.version)
    const kept = [...own, snapshot].sort(byVersion).slice(-keep)
    this.#snapshots.set(keyOf(tenant, stream), [...others, ...kept].sort(byVersion))
  }

  deleteSnapshots(tenant: string, stream: string, version?: number, fingerprint?: string): number {
    const all = this.snapshots(tenant, stream)
    const left = all.filter(
      (one) => (version !== undefined && one.version !== version) || (fingerprint !== undefined && one.fingerprint !== fingerprint),
    )
    this.#snapshots.set(keyOf(tenant, stream), left)
    return all.length - left.length
  }
}

/** The category of `account-7` is `account`. */
export function categoryOf(stream: string): string {
  return stream.split('-')[0]!
}

/** One of the types, and all of the tags, of at least one item; no items match everything. */
export function isMatch(query: Query, { type, tags }: Pick<StoredEvent, 'type' | 'tags'>): boolean {
  const isItem = ({ types = [], tags: wanted = [] }: Query[number]) =>
    (types.length === 0 || types.includes(type)) && wanted.every((tag) => tags.includes(tag))
  return query.length === 0 || query.some(isItem)
}

/** Requests that no store could keep, as far as the programs make any. */
function whyImpossible({ stream, expectedVersion, events, idempotency }: AppendRequest): ErrorCode | undefined {
  if (!stream.includes('-')) return 'ES_STREAM_NAME'
  if (typeof expectedVersion === 'number' && expectedVersion < 0) return 'ES_VALIDATION'
  if (events.some(({ tags }) => tags.includes('')) || idempotency?.key === '') return 'ES_VALIDATION'
  return undefined
}

const refused = (error: ModelRefusal): ModelResult => ({ kind: 'refused', error })
const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts)
const byVersion = (a: StoredSnapshot, b: StoredSnapshot): number => a.version - b.version || (a.fingerprint < b.fingerprint ? -1 : 1)
