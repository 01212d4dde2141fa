/** What happens to schedules, and to the two apps that fire them. */
import fc from 'fast-check'
import { record } from '../records.ts'
import type { By } from '../worlds.ts'

export type CalmStep =
  /** In so many seconds from now, and then again and again, if that is said. */
  | { readonly kind: 'set'; readonly after: number; readonly every?: number }
  /** One of those that were set. */
  | { readonly kind: 'cancel'; readonly nth: number }
  | { readonly kind: 'start'; readonly by: By }
  | { readonly kind: 'stop'; readonly by: By }
  | { readonly kind: 'pass'; readonly seconds: number }

export type TroubleStep =
  | CalmStep
  /** Of the next commit of work, or of the next append. */
  | { readonly kind: 'fail'; readonly by: By; readonly call: 'commit' | 'append'; readonly when: 'before' | 'after' }
  /** From here on its work stands still, and then it goes on where it was. */
  | { readonly kind: 'freeze' | 'thaw'; readonly by: By }
  /** Whoever has something to do may do so many turns of it. */
  | { readonly kind: 'turns'; readonly count: number }

const by = fc.constantFrom<By>(0, 1)

const set = record({
  kind: fc.constant('set' as const),
  after: fc.integer({ min: -3, max: 20 }),
  every: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined }),
})
const cancel = record({ kind: fc.constant('cancel' as const), nth: fc.nat({ max: 9 }) })
const start = record({ kind: fc.constant('start' as const), by })
const stop = record({ kind: fc.constant('stop' as const), by })
const pass = record({ kind: fc.constant('pass' as const), seconds: fc.constantFrom(1, 2, 5, 13, 29) })

export const calmSteps: fc.Arbitrary<CalmStep> = fc.oneof(
  { withCrossShrink: true },
  { weight: 4, arbitrary: set },
  { weight: 1, arbitrary: cancel },
  { weight: 2, arbitrary: start },
  { weight: 1, arbitrary: stop },
  { weight: 4, arbitrary: pass },
)

export const troubleSteps: fc.Arbitrary<TroubleStep> = fc.oneof(
  { withCrossShrink: true },
  { weight: 9, arbitrary: calmSteps },
  {
    weight: 3,
    arbitrary: record({
      kind: fc.constant('fail' as const),
      by,
      call: fc.constantFrom('commit' as const, 'append' as const),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 2, arbitrary: record({ kind: fc.constantFrom('freeze' as const, 'thaw' as const), by }) },
  { weight: 3, arbitrary: record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 30 }) }) },
)
