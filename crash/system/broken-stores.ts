/** Stores that are broken on purpose: the campaign must find out, or its checks prove nothing. */
import { setTimeout as pause } from 'node:timers/promises'
import type { EventStore } from 'dacapo'
import { inFrontOf } from '../../test/runtime/in-front-of.ts'
import { leaseMs } from './bank.ts'

type Work = Parameters<EventStore['work']['commit']>[0][number]
type SubscriptionPart = Awaited<ReturnType<EventStore['work']['parts']>>[number]

/** `dedupe`: keeps no outcomes of commands. `fence`: lets everybody write, whoever has the lease. */
export type Break = 'dedupe' | 'fence'

export const breaks: readonly Break[] = ['dedupe', 'fence']

export function broken(store: EventStore, how: Break): EventStore {
  return how === 'dedupe' ? withoutOutcomes(store) : withoutLeases(store)
}

/** Now and then it takes its time to say what it has written: whoever is killed meanwhile has been told nothing, and asks again. */
function withoutOutcomes(store: EventStore): EventStore {
  return inFrontOf(store, {
    async append(requests, ...more) {
      const results = await store.append(
        requests.map(({ idempotency: _, ...request }) => request),
        ...more,
      )
      if (Math.random() < 0.3) await pause(300)
      return results
    },
  })
}

/**
 * Twice in its life it stands still in the worst moment, as if its process were frozen there: behind the work and before the commit. Then it
 * commits, although somebody else has the part by then.
 */
function withoutLeases(store: EventStore): EventStore {
  const { work } = store
  let frozenUntil = 0
  let left = 2
  const untilThawed = () => pause(Math.max(0, frozenUntil - Date.now()))
  return inFrontOf(store, {
    work: {
      ...work,
      async beat(...given) {
        await untilThawed()
        return work.beat(...given)
      },
      async commit(works) {
        const isWorst = works.some(({ statements = [] }) => statements.length > 0)
        if (isWorst && left > 0 && Math.random() < 0.2) {
          left--
          frozenUntil = Date.now() + 2.5 * leaseMs
        }
        await untilThawed()
        const parts = await work.parts()
        return work.commit(works.map((one) => unchecked(one, parts)))
      },
    },
  })
}

/** Under whatever lease there is by now, and over whatever there is. */
function unchecked(given: Work, parts: readonly SubscriptionPart[]): Work {
  const epochOf = (subscription: string, part: string) => parts.find((one) => one.subscription === subscription && one.part === part)?.epoch
  return {
    ...given,
    steps: (given.steps ?? []).map((step) => ({ ...step, epoch: epochOf(step.subscription, step.part) ?? step.epoch })),
    records: (given.records ?? []).map(({ expectedRevision: _, ...record }) => record),
  }
}
