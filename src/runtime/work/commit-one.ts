/** One piece of work by itself. */
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Work, WorkStore } from '../../core/work-store.ts'

/** Resolves when it is committed. @throws what it was refused for, and whatever else is in the way. */
export async function commitOne(work: Pick<WorkStore, 'commit'>, piece: Work): Promise<void> {
  const [result] = await work.commit([piece])
  if (result?.kind !== 'done') throw result?.error ?? new StoreUnavailableError('work', 'The store did not answer a piece of work.')
}
