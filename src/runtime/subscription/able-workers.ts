/**
 * Who can work on what, when builds with different folds run side by side.
 *
 * The rule: the rows of a view belong to the fold that has made them. As long as a process with that fold lives, nobody else folds into
 * them; when the last one is gone, whoever is there does. So during a deployment no row is folded by the old build and by the new one in
 * turn, whichever of them has rebuilt the view.
 */
import { fromJson } from '../../core/json.ts'
import type { WorkOwner } from '../../core/work-store.ts'
import type { Worker } from './share-out.ts'

/** Fingerprints of folds, by subscription. */
export type Folds = ReadonlyMap<string, string>

/** What a process says of itself. */
export interface About {
  readonly subscriptions?: readonly string[]
  /** Of its projections into views. */
  readonly folds?: Readonly<Record<string, string>>
}

export const aboutOf = ({ about }: WorkOwner): About => fromJson(about) as About

/** @param madeBy  the folds that the stored rows were made by. */
export function ableWorkers(owners: readonly WorkOwner[], madeBy: Folds): readonly Worker[] {
  const all = owners.map((one) => ({ owner: one.owner, ...aboutOf(one) }))
  return all.map(({ owner, subscriptions = [], folds = {} }) => ({
    owner,
    subscriptions: new Set(subscriptions.filter((id) => !madeBy.has(id) || folds[id] === madeBy.get(id) || !isThere(id))),
  }))

  function isThere(id: string): boolean {
    return all.some(({ folds = {} }) => folds[id] === madeBy.get(id))
  }
}
