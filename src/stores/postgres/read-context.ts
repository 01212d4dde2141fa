/** How reads get at their store, and what else they need to know of it. */
import type { Use } from './pg.ts'
import type { ReadTogether } from './read-together.ts'

/** What reads need to know of their store. */
export interface ReadContext {
  readonly schema: string
  readonly now: () => number
  readonly read: Use
  /** Reads of streams that others share; not inside a transaction. */
  readonly together?: ReadTogether
  /** Inside a transaction: what has no position yet is its own, and is seen. Nothing in here begins or ends one. */
  readonly inTransaction?: boolean
}
