/**
 * Random requests to append, as wishes: they say what they want in relation to what is there and what was asked for before, so
 * that they stay interesting whatever the program has come to. `request-maker.ts` makes requests of them.
 */
import fc from 'fast-check'
import type { ExpectedVersion } from '../../../src/core/event-store.ts'
import type { Query } from '../../../src/core/query.ts'
import type { Relative } from '../expected-version.ts'
import { maybe, record } from '../records.ts'

export const tenantNames = ['', 'acme'] as const
export const streamNames = ['account-a', 'account-b', 'account-a-b', 'loan-a'] as const
export const viewNames = ['balances', 'totals'] as const
export const rowKeys = ['a', 'b'] as const
export const outcomeKeys = ['k1', 'k2', 'k3'] as const
export const correlationIds = ['request-1', 'request-2'] as const
const types = ['AccountOpened', 'MoneyDeposited', 'MoneyWithdrawn']
const tags = ['branch:1', 'branch:2', 'vip']

/** The first of each are met most: without that, little would ever happen twice. */
export const tenants = fc.constantFrom('', '', 'acme')
export const streams = fc.constantFrom('account-a', 'account-a', ...streamNames)
export const queries: fc.Arbitrary<Query> = fc.array(
  record({
    types: maybe(2, fc.subarray(types, { minLength: 1, maxLength: 2 })),
    tags: maybe(2, fc.subarray(tags, { minLength: 1, maxLength: 2 })),
  }),
  { maxLength: 2 },
)

/** An event that has to be there. */
export type Followed = 'the newest of its stream' | 'the last of the request before' | 'one that never was'

/** The events of an earlier request in the place of new ones: a retry, or a mistake. */
export interface Again {
  readonly requestsAgo: number
  readonly how: 'as they were' | 'without the last' | 'the other way round' | 'with a new one' | 'twice'
}

export interface EventWish {
  readonly type: string
  readonly tags?: readonly string[]
  readonly schemaVersion?: number
  readonly correlationId?: string
  readonly occurredAt?: number
}

export interface RowWish {
  readonly view: string
  readonly key: string
  readonly expectedRowVersion: Relative
  readonly follows?: Followed
  readonly isDeleted?: boolean
}

/** A request that was not made before. */
export interface NewRequest {
  readonly tenant?: string
  readonly stream: string
  readonly events: readonly EventWish[] | Again
  readonly expectedVersion?: ExpectedVersion | Relative
  readonly follows?: Followed
  readonly checks?: readonly { readonly stream: string; readonly expectedVersion: ExpectedVersion | Relative }[]
  /** `unseen`: so many of the newest events, of any tenant, were not there when it was decided. */
  readonly condition?: { readonly query: Query; readonly unseen: number }
  readonly views?: readonly RowWish[]
  readonly idempotency?: { readonly key: string; readonly forSeconds: number }
  readonly atomicGroup?: string
  /** In milliseconds. */
  readonly recordedAt?: Relative
  readonly mistake?: 'no stream name' | 'a version below 0' | 'an empty tag' | 'an empty key'
}

/** A new request, or the very same as so many requests ago. */
export type Wish = NewRequest | { readonly repeat: number }

const relative = fc.constantFrom(0, 0, 0, 0, 1, 2, -1).map((now): Relative => ({ now }))
const expectations = fc.oneof(
  { weight: 2, arbitrary: relative },
  { weight: 1, arbitrary: fc.constantFrom<ExpectedVersion>('any', 'none', 'exists') },
)
const followed = fc.constantFrom<Followed>(
  'the newest of its stream',
  'the last of the request before',
  'the last of the request before',
  'one that never was',
)

const eventWishes: fc.Arbitrary<EventWish> = record({
  type: fc.constantFrom(...types),
  tags: maybe(2, fc.subarray(tags, { minLength: 1 })),
  schemaVersion: maybe(8, fc.constantFrom(2, 3)),
  correlationId: maybe(4, fc.constantFrom(...correlationIds)),
  occurredAt: maybe(8, fc.constant(Date.UTC(2001, 0))),
})

const agains: fc.Arbitrary<Again> = record({
  requestsAgo: fc.nat({ max: 3 }),
  how: fc.constantFrom<Again['how'][]>('as they were', 'without the last', 'the other way round', 'with a new one', 'twice'),
})

const checks = fc.array(record({ stream: streams, expectedVersion: expectations }), { minLength: 1, maxLength: 2 })

const rowWishes: fc.Arbitrary<RowWish> = record({
  view: fc.constantFrom(...viewNames),
  key: fc.constantFrom(...rowKeys),
  expectedRowVersion: relative,
  follows: maybe(6, followed),
  isDeleted: maybe(4, fc.constant(true)),
})

const mistakes = fc.constantFrom<Exclude<NewRequest['mistake'], undefined>[]>(
  'no stream name',
  'a version below 0',
  'an empty tag',
  'an empty key',
)

const newRequests: fc.Arbitrary<NewRequest> = record({
  tenant: maybe(4, fc.constant('acme')),
  stream: streams,
  events: fc.oneof({ weight: 7, arbitrary: fc.array(eventWishes, { maxLength: 3 }) }, { weight: 1, arbitrary: agains }),
  expectedVersion: maybe(2, expectations),
  follows: maybe(6, followed),
  checks: maybe(6, checks),
  condition: maybe(4, record({ query: queries, unseen: fc.nat({ max: 6 }) })),
  views: maybe(3, fc.array(rowWishes, { minLength: 1, maxLength: 2 })),
  idempotency: maybe(4, record({ key: fc.constantFrom(...outcomeKeys), forSeconds: fc.constantFrom(30, 600) })),
  atomicGroup: maybe(3, fc.constantFrom('g', 'h')),
  recordedAt: maybe(
    30,
    fc.constantFrom(0, 30_000, 70_000, -1).map((now): Relative => ({ now })),
  ),
  mistake: maybe(40, mistakes),
})

export const wishes: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 9, arbitrary: newRequests },
  { weight: 1, arbitrary: record({ repeat: fc.nat({ max: 4 }) }) },
)
