/** Which projections that follow the log have another fold than the one that has made what is stored of them. */
import type { AnyProjection } from '../../core/projection.ts'
import type { TableProjection } from '../../core/table-projection.ts'
import type { Engine } from '../engine.ts'
import { fingerprintOfTable, viewDefinitionOf } from '../prepare-store.ts'
import type { Folds } from '../subscription/able-workers.ts'
import { subscriptionId } from '../subscription/define.ts'

/** The folds that what is stored was made by. */
export async function madeBy({ store }: Pick<Engine, 'store'>): Promise<Folds> {
  return new Map((await store.views.defined()).map(({ view, fingerprint }) => [subscriptionId('projection', view), fingerprint]))
}

/** The fold of this build. */
export function fingerprintOf(part: AnyProjection | TableProjection): string {
  return part.kind === 'projection' ? viewDefinitionOf(part).fingerprint : fingerprintOfTable(part)
}

/** Whether what is stored was made by another fold than this build has. */
export function isChanged(part: AnyProjection | TableProjection, folds: Folds): boolean {
  const stored = folds.get(subscriptionId('projection', part.name))
  return stored !== undefined && stored !== fingerprintOf(part)
}

/** Tables that follow the log; they cannot be rebuilt beside themselves, because their statements name them. */
export const asyncTables = ({ definitions }: Pick<Engine, 'definitions'>): readonly TableProjection[] =>
  definitions.tables.filter(({ consistency }) => consistency === 'async')
