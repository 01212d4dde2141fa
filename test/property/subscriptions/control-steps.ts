/** What happens to a handler on two apps: events, bad days, operators, restarts, and time; in troubled programs also faults and freezing. */
import fc from 'fast-check'
import { record } from '../records.ts'
import type { By } from '../worlds.ts'

export type ControlStep =
  | { readonly kind: 'append'; readonly account: string; readonly count: number }
  /** From now on the handler fails on every second event; or on none, and what it has given up is tried again. */
  | { readonly kind: 'dislike' | 'forgive'; readonly by: By }
  | { readonly kind: 'pause' | 'resume'; readonly by: By }
  /** To a share of the log. */
  | { readonly kind: 'rewind'; readonly by: By; readonly to: number }
  | { readonly kind: 'restart'; readonly by: By; readonly partitions: number }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'turns'; readonly count: number }
  | { readonly kind: 'fail'; readonly by: By; readonly when: 'before' | 'after' }
  | { readonly kind: 'freeze' | 'thaw'; readonly by: By }

const by = fc.constantFrom<By>(0, 1)
const step = <K extends ControlStep['kind'], M extends object>(weight: number, kind: K, more: { [P in keyof M]: fc.Arbitrary<M[P]> }) => ({
  weight,
  arbitrary: record({ kind: fc.constant(kind), ...more }) as fc.Arbitrary<any>,
})

const calm = [
  step(6, 'append', { account: fc.constantFrom('a', 'b', 'c', 'd'), count: fc.integer({ min: 1, max: 4 }) }),
  step(3, 'dislike', { by }),
  step(3, 'forgive', { by }),
  step(3, 'pause', { by }),
  step(3, 'resume', { by }),
  step(5, 'rewind', { by, to: fc.constantFrom(0, 0.25, 0.5, 0.75, 1) }),
  step(2, 'restart', { by, partitions: fc.integer({ min: 1, max: 3 }) }),
  step(3, 'pass', { seconds: fc.constantFrom(1, 4, 16) }),
  step(4, 'turns', { count: fc.integer({ min: 1, max: 30 }) }),
]
const trouble = [
  step(3, 'fail', { by, when: fc.constantFrom('before' as const, 'after' as const) }),
  step(2, 'freeze', { by }),
  step(2, 'thaw', { by }),
]

/** Nothing fails but the handler, so what is handled can be told exactly. */
export const calmSteps: fc.Arbitrary<ControlStep> = fc.oneof({ withCrossShrink: true }, ...calm)
export const troubledSteps: fc.Arbitrary<ControlStep> = fc.oneof({ withCrossShrink: true }, ...calm, ...trouble)
