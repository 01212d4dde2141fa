/**
 * PORT: the rows of views. The same question has the same answer on every store:
 * missing and null sort first, numbers compare as doubles, text by code point, ties by key.
 */
import type { IndexType } from './projection.ts'
import type { LogPage } from './stored-event.ts'

/** A row with the version that a transactional projection compares and sets. */
export interface ViewRow {
  readonly key: string
  /** JSON text. */
  readonly row: string
  /** Counts the writes of this key, deletions included, so that a row deleted and made again is not taken for the old one. */
  readonly rowVersion: number
}

/** A row to set in the append's own commit. */
export interface ViewWrite {
  readonly view: string
  readonly key: string
  /** The row version that the fold started from; 0: the key was never written. Another one refuses the whole request. */
  readonly expectedRowVersion: number
  /**
   * Id of the event that made the row which the fold started from, when it was still on its way. Refused when it is not
   * stored: somebody else can bring a row to the expected version, too.
   */
  readonly follows?: string
  /** JSON text; `null` deletes the row. */
  readonly row: string | null
}

/** A value that can be searched for. */
export type Scalar = string | number | null

/** What a field is compared with: a value, or bounds, or one of several values. */
export type Comparison =
  | Scalar
  | {
      readonly in?: readonly Scalar[]
      readonly lt?: string | number
      readonly lte?: string | number
      readonly gt?: string | number
      readonly gte?: string | number
    }

/** Where a page of a view ended: the sort value and the key of its last row. */
export interface ViewCursor {
  readonly value: Scalar
  readonly key: string
}

/**
 * A question to a view; its fields must be declared in `indexes`.
 *
 * A bound never matches a missing value, and `null` matches nothing else. Descending is the exact reverse of ascending,
 * keys included.
 */
export interface ListRows {
  readonly where: readonly (readonly [field: string, comparison: Comparison])[]
  /** Absent: by key. */
  readonly orderBy: string | undefined
  readonly descending: boolean
  readonly limit: number
  readonly after: ViewCursor | undefined
}

/** What a store must know of a view before it is asked. */
export interface ViewDefinition {
  readonly view: string
  readonly indexes: Readonly<Record<string, IndexType>>
  /** Tells when the fold that made the rows has changed. */
  readonly fingerprint: string
  /** Types of the events that appends fold into it; absent: any may be. Only for a view that appends keep. */
  readonly types?: readonly string[]
}

/** A view as it is registered. */
export interface DefinedView extends ViewDefinition {
  /** Which generation of its rows is live. */
  readonly generation: number
}

/** Which views appends keep, and by which folds. */
export interface KeptViews {
  /** Rises, in the same commit, whenever such a view is new, changed or retired. 0: there has never been one. */
  readonly epoch: number
  readonly views: readonly KeptView[]
}

/** A view whose rows are folded by whoever appends: one who does not, or folds otherwise, would leave it wrong. */
export type KeptView = Pick<ViewDefinition, 'fingerprint' | 'types'> & { readonly view: string }

/**
 * Rows of views, by tenant and key.
 *
 * The rows of a view are kept in generations, of which one is live: 0 at first, the only one that appends write. Another one is filled beside
 * it by `work.commit`, and becomes the live one there, in one commit. Whoever asks without naming a generation is answered from the one
 * that is live at that moment: each answer as a whole, never from two of them.
 */
export interface ViewStore {
  /**
   * The current row; `row` is `null` for a deleted key; `undefined` for one that was never written.
   *
   * @param generation  absent: the live one.
   */
  get(
    tenant: string,
    view: string,
    key: string,
    generation?: number,
  ): Promise<{ readonly row: string | null; readonly rowVersion: number } | undefined>
  /** Rows that match, sorted, at most `limit`. Values of another type than declared count as missing. */
  list(tenant: string, view: ViewDefinition, question: ListRows): Promise<readonly ViewRow[]>
  /** The definitions that the rows in the store were made by. */
  defined(): Promise<readonly DefinedView[]>
  /** The views that appends keep, with the epoch of exactly this set. */
  kept(): Promise<KeptViews>
  /**
   * Registers a view that is kept by somebody else than the appends: nothing changes when its name is known already, not even by another
   * process at the same time.
   *
   * @throws DefinitionError (`ES_DEFINITION`) a view or field name that is not one.
   */
  define(definition: ViewDefinition): Promise<void>
  /**
   * Replaces a view, in every tenant: registers its definition and the rows that `build` makes, in one commit, with no append
   * in between.
   *
   * `build` is given the log in pages, up to the moment of the switch. A store may let appends go on until its last pages; it
   * keeps them out from then until the commit, so `build` must not append. Every key that was ever written gets a new row
   * version: whoever folds from an old row is refused. When `build` rejects, nothing has changed. Generation 0 is live then.
   *
   * Appends keep the view from then on: its epoch rises, so that no append which was checked against the set of before comes later,
   * and every append that came earlier is in the log which `build` was given, those of open transactions included.
   *
   * @throws DefinitionError (`ES_DEFINITION`) a view or field name that is not one.
   */
  rebuild(definition: ViewDefinition, build: (log: AsyncIterable<LogPage>) => Promise<readonly BuiltRow[]>): Promise<void>

  /**
   * Forgets a view that appends keep: its definition, and its rows in every tenant. The epoch rises. Nothing happens when there is none.
   * Row versions go on counting, should it come back.
   */
  retire(view: string): Promise<void>

  /** Makes ready for the rows of a generation that is to be filled beside the live one: its indexes. Safe to repeat. */
  prepare(definition: ViewDefinition, generation: number): Promise<void>
  /**
   * Deletes a generation, rows and indexes, in pieces; the live one is left alone. Safe to repeat.
   *
   * @param signal  looked at between pieces: once it is aborted, nothing more is begun, and what is left is left.
   */
  discard(definition: ViewDefinition, generation: number, signal?: AbortSignal): Promise<void>
}

/** The name under which the rows of a generation are kept. No view has such a name. */
export const keptUnder = (view: string, generation: number): string => (generation === 0 ? view : `${view}@${generation}`)

/** A row made by a rebuild. */
export interface BuiltRow {
  readonly tenant: string
  readonly key: string
  /** JSON text. */
  readonly row: string
}
