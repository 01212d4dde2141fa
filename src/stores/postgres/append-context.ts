import type { Prepared } from './prepared.ts'

/** What appending needs to know of its store. */
export interface AppendContext {
  readonly schema: string
  readonly batchStatement: string
  readonly prepared: Prepared
  /** Event types that are stored, so that not every batch has to bring them again. */
  readonly knownTypes: Set<string>
  readonly now: () => number
}
