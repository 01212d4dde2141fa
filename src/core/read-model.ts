/**
 * PORT: a place for the rows of async projections that is not the store: Redis, a search engine, a Map.
 *
 * Two commits cannot be one, so the rows remember themselves what they reflect: each is kept together with the position of the last event in
 * it, and never goes back to an older one. An event that comes again changes nothing then, however a write or its answer was lost. What is
 * asked of a model is no more than that a row and its position are written together; a batch as a whole need not be.
 */
import type { MaybePromise } from './command.ts'

/** A row as a model keeps it. */
export interface ReadModelRow {
  /** JSON text; `null` for a row that was deleted: its position is still needed. */
  readonly row: string | null
  /** Of the last event that it reflects. */
  readonly position: number
}

/** A row to set, unless the one that is there has the same position or a higher one. */
export interface ReadModelWrite extends ReadModelRow {
  readonly tenant: string
  readonly key: string
}

/** What a piece of work has led to. */
export interface ReadModelBatch {
  /** At most one of each tenant and key; may be empty. */
  readonly rows: readonly ReadModelWrite[]
  /** To be kept no sooner than the rows; in the same write, where there is one. */
  readonly checkpoint: {
    /** Names a share of the view; opaque, at most 8 characters. */
    readonly share: string
    /** Every event up to here is in the rows of the share, or waits in the dead letters. */
    readonly position: number
  }
}

/**
 * Keeps views. One model may serve several projections: `view` is the name of the projection.
 *
 * Whatever a call throws counts as an outage: the projection waits, and goes on where it was. Only an error of Dacapo that is not retryable,
 * e.g. a ValidationError, says that these rows will never be taken: then the event that makes such a row is found, and is a dead letter.
 */
export interface ReadModel {
  /** A row, also a deleted one; `undefined`: it was never written. */
  get(view: string, tenant: string, key: string): MaybePromise<ReadModelRow | undefined>
  /** Writes rows, then the checkpoint. When it has resolved, `get` and `checkpoints` answer with what was written, wherever they are called. */
  write(view: string, batch: ReadModelBatch): MaybePromise<void>
  /** The last checkpoint of each share. One that is missing, or lower than it was, says that rows were lost: they are made again. */
  checkpoints(view: string): MaybePromise<Readonly<Record<string, number>>>
}
