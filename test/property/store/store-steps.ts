/** What a program does to a store, step by step. */
import fc from 'fast-check'
import type { Query } from '../../../src/core/query.ts'
import { lists } from '../lists.ts'
import { maybe, record } from '../records.ts'
import type { By } from '../worlds.ts'
import {
  correlationIds,
  outcomeKeys,
  queries,
  rowKeys,
  streamNames,
  streams,
  tenants,
  viewNames,
  type Wish,
  wishes,
} from './random-requests.ts'

/** How much of a stream or of the log is read; a bound is a version, or so many events from the beginning of the log. */
export interface Range {
  readonly after?: number
  readonly to?: number
  readonly backwards?: boolean
  readonly limit?: number
  readonly pageSize?: number
}

export interface ReadStream extends Range {
  readonly kind: 'readStream'
  readonly tenant: string
  readonly stream: string
}

export interface ReadLog extends Range {
  readonly kind: 'readLog'
  readonly tenant?: string
  readonly query?: Query
  readonly category?: string
  readonly correlationId?: string
}

/** Asks for one of everything that can be asked for by name. */
export interface Look {
  readonly kind: 'look'
  readonly tenant: string
  readonly stream: string
  readonly outcome: string
  readonly view: string
  readonly key: string
  readonly fingerprint: string
  readonly to?: number
}

/** What can be done inside a transaction. */
export type InnerStep = { readonly kind: 'append'; readonly request: Wish } | ReadStream | ReadLog | Look

/** A part of a transaction that is kept or undone alone. */
export interface Savepoint {
  readonly kind: 'savepoint'
  readonly steps: readonly InnerStep[]
  readonly isUndone: boolean
}

export interface ListStreams {
  readonly kind: 'listStreams'
  readonly tenant: string
  readonly category?: string
  readonly search?: string
  readonly after?: string
  readonly limit?: number
}

export interface SaveSnapshot {
  readonly kind: 'saveSnapshot'
  readonly tenant: string
  readonly stream: string
  readonly version: number
  readonly fingerprint: string
  readonly keep: number
}

export interface DeleteSnapshots {
  readonly kind: 'deleteSnapshots'
  readonly tenant: string
  readonly stream: string
  readonly version?: number
  readonly fingerprint?: string
}

/** Makes the rows of a view anew: how many events there are in each tenant. */
export interface Rebuild {
  readonly kind: 'rebuild'
  readonly view: string
  readonly key: string
  readonly isUndone: boolean
}

export type StoreStep = { readonly by: By } & (
  | { readonly kind: 'append' /** Made without waiting for each other. */; readonly calls: readonly (readonly Wish[])[] }
  | { readonly kind: 'transaction'; readonly steps: readonly (InnerStep | Savepoint)[]; readonly isUndone: boolean }
  | ReadStream
  | ReadLog
  | Look
  | ListStreams
  | SaveSnapshot
  | DeleteSnapshots
  | Rebuild
  | { readonly kind: 'forgetExpired' }
  | { readonly kind: 'moveClock'; readonly seconds: number }
  | { readonly kind: 'reopen' }
)

const categories = fc.constantFrom('account', 'loan', 'acc')
const fingerprints = fc.constantFrom('build-1', 'build-2')
const versions = fc.nat({ max: 4 })
const where = { tenant: tenants, stream: streams }
const range = {
  after: maybe(2, fc.nat({ max: 8 })),
  to: maybe(2, fc.nat({ max: 12 })),
  backwards: maybe(3, fc.constant(true)),
  limit: maybe(3, fc.nat({ max: 5 })),
  pageSize: maybe(2, fc.integer({ min: 1, max: 4 })),
}

/** A step with random parts. */
const step = <Kind extends string>(kind: Kind, parts: { readonly [name: string]: fc.Arbitrary<unknown> } = {}) =>
  record(parts).map((filled) => ({ kind, ...filled }))

const readStream = step('readStream', { ...where, ...range })
const readLog = step('readLog', {
  tenant: maybe(2, tenants),
  query: maybe(2, queries),
  category: maybe(4, categories),
  correlationId: maybe(6, fc.constantFrom(...correlationIds)),
  ...range,
})
const look = step('look', {
  ...where,
  outcome: fc.constantFrom(...outcomeKeys),
  view: fc.constantFrom(...viewNames),
  key: fc.constantFrom(...rowKeys),
  fingerprint: fingerprints,
  to: maybe(3, versions),
})
const listStreams = step('listStreams', {
  tenant: tenants,
  category: maybe(2, categories),
  search: maybe(3, fc.constantFrom('-a', 'a-b', '%')),
  after: maybe(3, fc.constantFrom(...streamNames)),
  limit: maybe(3, fc.nat({ max: 3 })),
})
const saveSnapshot = step('saveSnapshot', { ...where, version: versions, fingerprint: fingerprints, keep: fc.integer({ min: 1, max: 3 }) })
const deleteSnapshots = step('deleteSnapshots', { ...where, version: maybe(2, versions), fingerprint: maybe(2, fingerprints) })

const rebuild = step('rebuild', { view: fc.constantFrom(...viewNames), key: fc.constantFrom(...rowKeys), isUndone: fc.boolean() })

const calls = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.tuple(wishes)) },
  { weight: 2, arbitrary: fc.tuple(lists(wishes, 5)) },
  { weight: 1, arbitrary: lists(lists(wishes, 3), 4) },
)
const innerStep = fc.oneof(
  { weight: 4, arbitrary: step('append', { request: wishes }) },
  { weight: 1, arbitrary: readStream },
  { weight: 1, arbitrary: readLog },
  { weight: 1, arbitrary: look },
)
const savepoint = step('savepoint', { steps: lists(innerStep, 4), isUndone: fc.boolean() })
const transaction = step('transaction', {
  steps: lists(fc.oneof({ weight: 4, arbitrary: innerStep }, { weight: 1, arbitrary: savepoint }), 5),
  isUndone: fc.boolean(),
})

/** Any step, by either of the two. */
export const storeSteps = fc
  .tuple(
    fc.constantFrom<By[]>(0, 1),
    fc.oneof(
      { weight: 12, arbitrary: step('append', { calls }) },
      { weight: 3, arbitrary: transaction },
      { weight: 1, arbitrary: readStream },
      { weight: 2, arbitrary: readLog },
      { weight: 2, arbitrary: look },
      { weight: 1, arbitrary: listStreams },
      { weight: 3, arbitrary: saveSnapshot },
      { weight: 2, arbitrary: deleteSnapshots },
      { weight: 1, arbitrary: rebuild },
      { weight: 1, arbitrary: step('forgetExpired') },
      { weight: 1, arbitrary: step('moveClock', { seconds: fc.constantFrom(1, 30, 31, 600, -10, -61) }) },
      { weight: 1, arbitrary: step('reopen') },
    ),
  )
  .map(([by, { kind, ...parts }]) => ({ kind, by, ...parts })) as fc.Arbitrary<StoreStep>
