/** What happens to two apps that follow one log: commands, restarts, faults of the store, freezing, and time. */
import fc from 'fast-check'
import { record } from '../records.ts'
import type { By } from '../worlds.ts'

export type FollowStep =
  | { readonly kind: 'deposit' | 'withdraw'; readonly by: By; readonly account: string; readonly amount: number }
  | { readonly kind: 'transfer'; readonly by: By; readonly from: string; readonly to: string; readonly amount: number }
  | { readonly kind: 'close'; readonly by: By; readonly account: string }
  /** Of the next commit of work, or of the next append, by a subscription or by a command. */
  | { readonly kind: 'fail'; readonly by: By; readonly call: 'commit' | 'append'; readonly when: 'before' | 'after' }
  /** From here on its work stands still, and then it goes on where it was. */
  | { readonly kind: 'freeze' | 'thaw'; readonly by: By }
  | { readonly kind: 'oversleep'; readonly by: By; readonly account: string; readonly amount: number }
  | { readonly kind: 'restart'; readonly by: By; readonly partitions: number }
  | { readonly kind: 'pass'; readonly seconds: number }
  /** Whoever has something to do may do so many turns of it. */
  | { readonly kind: 'turns'; readonly count: number }

const by = fc.constantFrom<By>(0, 1)
const account = fc.constantFrom('a', 'b', 'c', 'none')
const amount = fc.integer({ min: 1, max: 60 })

export const followSteps: fc.Arbitrary<FollowStep> = fc.oneof(
  { withCrossShrink: true },
  { weight: 3, arbitrary: record({ kind: fc.constant('deposit' as const), by, account, amount }) },
  { weight: 1, arbitrary: record({ kind: fc.constant('withdraw' as const), by, account, amount }) },
  { weight: 5, arbitrary: record({ kind: fc.constant('transfer' as const), by, from: account, to: account, amount }) },
  { weight: 1, arbitrary: record({ kind: fc.constant('close' as const), by, account }) },
  {
    weight: 4,
    arbitrary: record({
      kind: fc.constant('fail' as const),
      by,
      call: fc.constantFrom('commit' as const, 'append' as const),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 2, arbitrary: record({ kind: fc.constant('freeze' as const), by }) },
  { weight: 2, arbitrary: record({ kind: fc.constant('thaw' as const), by }) },
  { weight: 2, arbitrary: record({ kind: fc.constant('oversleep' as const), by, account, amount }) },
  { weight: 2, arbitrary: record({ kind: fc.constant('restart' as const), by, partitions: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: record({ kind: fc.constant('pass' as const), seconds: fc.constantFrom(1, 4, 16, 31) }) },
  { weight: 4, arbitrary: record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 30 }) }) },
)
