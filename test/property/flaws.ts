/** Memory stores that are broken on purpose, to see whether it is noticed. */
import fc from 'fast-check'
import type { AppendRequest, EventStore } from '../../src/core/event-store.ts'
import type { Lease, WorkStore } from '../../src/core/work-store.ts'
import { memory } from '../../src/stores/memory/index.ts'
import type { TestClock } from '../../src/testing/test-clock.ts'
import { onlyOne, type World } from './worlds.ts'

/** What a broken store does in its own way. */
export type Flaw = (store: EventStore) => Partial<EventStore>

/** Appends something else than what was asked for. */
export const appends = (change: (request: AppendRequest) => AppendRequest): Flaw => {
  return (store) => ({ append: (requests) => store.append(requests.map(change)) })
}
export const without = (part: keyof AppendRequest): Flaw => appends(({ [part]: _, ...request }) => request as AppendRequest)

export const snapshots = (change: (real: EventStore['snapshots']) => Partial<EventStore['snapshots']>): Flaw => {
  return (store) => ({ snapshots: { ...store.snapshots, ...change(store.snapshots) } })
}

/** Commits under whatever lease there is by now. */
export const underAnyLease = (work: WorkStore): WorkStore['commit'] => {
  return async (works) => {
    const parts = await work.parts()
    const epochOf = ({ subscription, part, epoch }: Lease) =>
      parts.find((one) => one.subscription === subscription && one.part === part)?.epoch ?? epoch
    return work.commit(works.map((one) => ({ ...one, steps: (one.steps ?? []).map((step) => ({ ...step, epoch: epochOf(step) })) })))
  }
}

/** What a broken store makes fail first. The seed stays, so that it is the programs that are tested, and not luck. */
export async function firstViolation<Given>(
  flaw: Flaw,
  given: fc.Arbitrary<Given>,
  run: (open: (clock: TestClock) => World, given: Given) => Promise<void>,
) {
  const open = (clock: TestClock) => {
    const store = memory({ clock })
    return onlyOne({ ...store, ...flaw(store) })
  }
  const { errorInstance } = await fc.check(
    fc.asyncProperty(given, (given) => run(open, given)),
    { seed: 1, numRuns: 300, endOnFailure: true },
  )
  return errorInstance
}
