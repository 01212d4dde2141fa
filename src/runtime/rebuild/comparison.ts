/** What comparing the stored rows of a view with rebuilt ones has found. */

/** A row that is stored otherwise than it would be built now. */
export interface RowDifference {
  readonly tenant: string
  readonly key: string
  /** Absent: there is no such row. */
  readonly stored?: unknown
  /** Absent: it would not be there. */
  readonly rebuilt?: unknown
}

/** What a comparison has found. */
export interface Comparison {
  /** The rows were compared at this position, or at a later one. */
  readonly position: number
  /** How many rows were compared. */
  readonly rows: number
  /** How many of them differ: stored otherwise, not stored, or stored although they would not be built. */
  readonly differing: { readonly changed: number; readonly missing: number; readonly surplus: number }
  /** The first of them, by tenant and key; at most 100. */
  readonly differences: readonly RowDifference[]
}
