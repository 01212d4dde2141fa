/** Who works on which part: worked out by each process for itself, from what all of them see. */
import type { SubscriptionPart } from '../../core/work-store.ts'

/** A process that is alive, and what it can work on. */
export interface Worker {
  readonly owner: string
  readonly subscriptions: ReadonlySet<string>
}

/**
 * Gives each part to one of those who can work on it. Who has a part keeps it, unless another one would have less to do by two parts.
 *
 * @returns the owner of each part, in the order of `parts`; `undefined` where nobody can work on it.
 */
export function shareOut(parts: readonly SubscriptionPart[], workers: readonly Worker[]): readonly (string | undefined)[] {
  const load = new Map(workers.map(({ owner }) => [owner, 0]))
  const able = (part: SubscriptionPart) => workers.filter(({ subscriptions }) => subscriptions.has(part.subscription))
  const leastOf = (some: readonly Worker[]) =>
    some.toSorted((left, right) => loadOf(left.owner) - loadOf(right.owner) || (left.owner < right.owner ? -1 : 1))[0]?.owner
  const loadOf = (owner: string) => load.get(owner) ?? 0
  const add = (owner: string | undefined, change: number) => owner !== undefined && load.set(owner, loadOf(owner) + change)

  const owners = parts.map((part) => able(part).find(({ owner }) => owner === part.owner)?.owner)
  for (const owner of owners) add(owner, 1)
  parts.forEach((part, i) => {
    if (owners[i] !== undefined) return
    owners[i] = leastOf(able(part))
    add(owners[i], 1)
  })
  // Each move makes the loads more alike, so there is an end to it.
  for (let moved = true; moved; ) {
    moved = false
    parts.forEach((part, i) => {
      const from = owners[i]
      const to = leastOf(able(part))
      if (from === undefined || to === undefined || loadOf(from) - loadOf(to) < 2) return
      owners[i] = to
      add(from, -1)
      add(to, 1)
      moved = true
    })
  }
  return owners
}
