/** Stores that are broken on purpose: the campaign must find out, or its checks prove nothing. */
import type { EventStore } from 'dacapo'

/** `dedupe`: keeps no outcomes of commands. `fence`: lets everybody write, whoever has the lease. */
export type Break = 'dedupe' | 'fence'

export const breaks: readonly Break[] = ['dedupe', 'fence']

export function broken(store: EventStore, how: Break): EventStore {
  return how === 'dedupe'
    ? inFrontOf(store, {
        append: (requests, ...more) =>
          store.append(
            requests.map(({ idempotency: _, ...request }) => request),
            ...more,
          ),
      })
    : inFrontOf(store, { work: { ...store.work, commit: (works) => commitUnchecked(store, works) } })
}

/** Under whatever lease there is now, and over whatever there is. */
async function commitUnchecked({ work }: EventStore, works: Parameters<EventStore['work']['commit']>[0]) {
  const parts = await work.parts()
  const epochOf = (subscription: string, part: string) => parts.find((one) => one.subscription === subscription && one.part === part)?.epoch
  return work.commit(
    works.map((given) => ({
      ...given,
      steps: (given.steps ?? []).map((step) => ({ ...step, epoch: epochOf(step.subscription, step.part) ?? step.epoch })),
      records: (given.records ?? []).map(({ expectedRevision: _, ...record }) => record),
    })),
  )
}

function inFrontOf(store: EventStore, calls: Partial<EventStore>): EventStore {
  return new Proxy(store, {
    get: (target, name) => (name in calls ? calls[name as keyof EventStore] : Reflect.get(target, name, target)),
  })
}
