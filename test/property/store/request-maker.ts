/** Makes requests of wishes: with new event ids, and with the versions and positions that fit what is there. */
import type { AppendRequest } from '../../../src/core/event-store.ts'
import type { EventToAppend } from '../../../src/core/stored-event.ts'
import type { ViewWrite } from '../../../src/core/view-store.ts'
import { meant } from '../expected-version.ts'
import { onlyDefined } from '../records.ts'
import type { ModelStore } from './model-store.ts'
import type { Again, EventWish, Followed, NewRequest, RowWish, Wish } from './random-requests.ts'

/** Knows what it has made, so that it can be asked for again. */
export class RequestMaker {
  readonly #model: ModelStore
  readonly #made: AppendRequest[] = []
  /** How many things it has made that nobody else has. */
  count = 0

  constructor(model: ModelStore) {
    this.#model = model
  }

  /** The request for a wish, as things are now. */
  make(wish: Wish, now: number): AppendRequest {
    const { atomicGroup, ...request } = 'repeat' in wish ? this.#repeat(wish.repeat) : this.#makeNew(wish, now)
    const made = atomicGroup === undefined ? request : { ...request, atomicGroup }
    this.#made.push(made)
    return made
  }

  /** The very same; but a position that was told in a transaction, and then undone, will be that of another event. */
  #repeat(requestsAgo: number): AppendRequest {
    const request = this.#ago(requestsAgo) ?? empty
    const isUndone = request.condition && request.condition.after > (this.#model.kept.log.at(-1)?.position ?? 0)
    return isUndone ? empty : request
  }

  #ago(count: number): AppendRequest | undefined {
    return this.#made.at(-1 - count)
  }

  #makeNew(wish: NewRequest, now: number): AppendRequest {
    const { tenant = '', stream, expectedVersion = 'any', follows, checks, condition, views, idempotency, atomicGroup, recordedAt } = wish
    const events = 'how' in wish.events ? this.#again(wish.events) : wish.events.map((event) => this.#event(event))
    const { log } = this.#model.kept
    const request = onlyDefined({
      tenant: wish.tenant,
      stream,
      expectedVersion: meant(expectedVersion, this.#model.version(tenant, stream)),
      follows: follows && this.#followed(follows, tenant, stream),
      events,
      checks: checks?.map((check) => ({
        stream: check.stream,
        expectedVersion: meant(check.expectedVersion, this.#model.version(tenant, check.stream)),
      })),
      condition: condition && { query: condition.query, after: log.at(-1 - condition.unseen)?.position ?? 0 },
      views: views?.map((row) => this.#row(row, tenant, stream)),
      idempotency: idempotency && {
        key: idempotency.key,
        hash: `h${this.#next() % 2}`,
        outcome: `${this.count}`,
        expiresAt: now + idempotency.forSeconds * 1000,
      },
      atomicGroup,
      recordedAt: recordedAt && now + recordedAt.now,
    }) as AppendRequest
    switch (wish.mistake) {
      case 'no stream name':
        return { ...request, stream: 'account' }
      case 'a version below 0':
        return { ...request, expectedVersion: -1 }
      case 'an empty tag':
        return { ...request, events: [...events, { ...this.#event({ type: 'AccountOpened' }), tags: [''] }] }
      case 'an empty key':
        return { ...request, idempotency: { key: '', hash: 'h', outcome: '0', expiresAt: now } }
      default:
        return request
    }
  }

  #followed(followed: Followed, tenant: string, stream: string): string | undefined {
    if (followed === 'the newest of its stream') return this.#model.stream(tenant, stream).at(-1)?.id
    return followed === 'one that never was' ? newId(0) : this.#ago(0)?.events.at(-1)?.id
  }

  #row({ view, key, expectedRowVersion, follows, isDeleted }: RowWish, tenant: string, stream: string): ViewWrite {
    const version = Math.max(0, (this.#model.row(tenant, view, key)?.rowVersion ?? 0) + expectedRowVersion.now)
    const row = isDeleted ? null : JSON.stringify({ n: this.#next() })
    const write = { view, key, expectedRowVersion: version, row }
    const id = follows && this.#followed(follows, tenant, stream)
    return id === undefined ? write : { ...write, follows: id }
  }

  #again({ requestsAgo, how }: Again): readonly EventToAppend[] {
    const events = this.#ago(requestsAgo)?.events ?? []
    if (how === 'without the last') return events.slice(0, -1)
    if (how === 'the other way round') return events.toReversed()
    if (how === 'with a new one') return [...events, this.#event({ type: 'MoneyDeposited' })]
    return how === 'twice' ? [...events, ...events] : events
  }

  #event({ type, tags = [], schemaVersion = 1, correlationId, occurredAt }: EventWish): EventToAppend {
    const n = this.#next()
    const metadata = JSON.stringify(correlationId === undefined ? {} : { correlationId })
    const event = { id: newId(n), type, schemaVersion, data: JSON.stringify({ n }), metadata, tags }
    return occurredAt === undefined ? event : { ...event, occurredAt }
  }

  #next(): number {
    return ++this.count
  }
}

const empty: AppendRequest = { stream: 'account-a', expectedVersion: 'any', events: [] }
const newId = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`
