/** What a program does to two apps over one store, step by step. */
import fc from 'fast-check'
import type { ExpectedVersion } from '../../../src/core/event-store.ts'
import type { Relative } from '../expected-version.ts'
import { lists } from '../lists.ts'
import { maybe, record } from '../records.ts'
import type { By } from '../worlds.ts'
import type { AppRequest } from './app-model.ts'

export const accountIds = ['a', 'b', 'c'] as const
export const courseIds = ['art', 'bio', 'chem'] as const
export const tenantNames = ['', 'acme'] as const

/** What one tenant begins with; the other one begins with nothing. */
export const beginning: readonly AppRequest[] = [
  { tenant: '', command: 'Open', input: { id: 'a', amounts: [20] } },
  { tenant: '', command: 'Open', input: { id: 'b', amounts: [10] } },
  { tenant: '', command: 'DefineCourse', input: { courseId: 'art', capacity: 2 } },
  { tenant: '', command: 'DefineCourse', input: { courseId: 'bio', capacity: 1 } },
]

/** A request whose expectation is still to be made of what is there. */
export type AppWish = Omit<AppRequest, 'expectedVersion'> & { readonly expectedVersion?: ExpectedVersion | Relative }

/** An event that somebody writes who knows nothing of any app. */
export type Outside =
  | { readonly type: 'MoneyDeposited'; readonly id: string; readonly amount: number }
  | { readonly type: 'StudentSubscribed'; readonly courseId: string; readonly studentId: string }

export interface RequestStep {
  readonly kind: 'request'
  readonly request: AppWish
}

export interface TransactionStep {
  readonly kind: 'transaction'
  readonly tenant: string
  readonly requests: readonly AppWish[]
  readonly isUndone?: boolean
  readonly idempotencyKey?: string
}

export type AppStep = { readonly by: By } & (
  | RequestStep
  /** The same request or transaction as so many ago. */
  | { readonly kind: 'repeat'; readonly ago: number }
  | { readonly kind: 'outside'; readonly tenant: string; readonly event: Outside }
  | TransactionStep
  | { readonly kind: 'snapshot'; readonly tenant: string; readonly id: string }
  | { readonly kind: 'wait'; readonly minutes: number }
  | { readonly kind: 'restart' }
)

export const bys = fc.constantFrom<By[]>(0, 1)
/** The first of each are met most: most of what is worth seeing happens where something has happened before. */
export const tenants = fc.constantFrom('', '', '', ...tenantNames)
const ids = fc.constantFrom('a', 'a', 'a', ...accountIds)
const courses = fc.constantFrom('art', 'art', ...courseIds)
const students = fc.constantFrom('eva', 'eva', 'kim', 'sam')
const keys = fc.constantFrom('k1', 'k2', 'k3', 'k4')
const amounts = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 4 })

const commandOf = (command: string, input: { readonly [name: string]: fc.Arbitrary<unknown> }) =>
  record({ command: fc.constant(command), input: record(input) })
const commands = fc.oneof(
  { weight: 4, arbitrary: commandOf('Open', { id: ids, amounts }) },
  { weight: 10, arbitrary: commandOf('Deposit', { id: ids, amounts }) },
  { weight: 8, arbitrary: commandOf('Withdraw', { id: ids, amounts }) },
  { weight: 1, arbitrary: commandOf('Close', { id: ids, amounts: fc.constant([]) }) },
  { weight: 3, arbitrary: commandOf('DefineCourse', { courseId: courses, capacity: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 6, arbitrary: commandOf('SubscribeStudent', { courseId: courses, studentId: students }) },
  { weight: 1, arbitrary: commandOf('PraiseCourse', { courseId: courses }) },
)

/** Requests; what they expect is made by the caller, because not every program can know what is there. */
export const requestsThatExpect = <Expected>(expected: fc.Arbitrary<Expected>) =>
  fc
    .tuple(
      commands,
      record({
        tenant: tenants,
        idempotencyKey: maybe(4, keys),
        expectedVersion: maybe(5, expected),
        byStranger: maybe(8, fc.constant(true)),
      }),
    )
    .map(([command, asking]) => ({ ...command, ...asking }))

const wishes = requestsThatExpect(
  fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(0, 0, 0, 1, -1).map((now): Relative => ({ now })) },
    { weight: 1, arbitrary: fc.constantFrom<ExpectedVersion>('any', 'none', 'exists') },
  ),
) as fc.Arbitrary<AppWish>

export const outsiders: fc.Arbitrary<Outside> = fc.oneof(
  record({ type: fc.constant('MoneyDeposited' as const), id: ids, amount: fc.integer({ min: 1, max: 30 }) }),
  record({ type: fc.constant('StudentSubscribed' as const), courseId: courses, studentId: students }),
)

/** A step with random parts. */
const step = (kind: string, parts: { readonly [name: string]: fc.Arbitrary<unknown> } = {}) =>
  record({ by: bys, ...parts }).map((filled) => ({ kind, ...filled }))

export const appSteps = fc.oneof(
  { weight: 24, arbitrary: step('request', { request: wishes }) },
  { weight: 5, arbitrary: step('repeat', { ago: fc.nat({ max: 4 }) }) },
  { weight: 3, arbitrary: step('outside', { tenant: tenants, event: outsiders }) },
  {
    weight: 3,
    arbitrary: step('transaction', {
      tenant: tenants,
      requests: lists(wishes, 3),
      isUndone: maybe(3, fc.constant(true)),
      idempotencyKey: maybe(2, keys),
    }),
  },
  { weight: 2, arbitrary: step('snapshot', { tenant: tenants, id: ids }) },
  { weight: 2, arbitrary: step('wait', { minutes: fc.constantFrom(1, 2, 6, 31) }) },
  { weight: 2, arbitrary: step('restart') },
) as fc.Arbitrary<AppStep>
