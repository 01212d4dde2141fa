/** Where SQL stores differ in the statements that they share. */
import type { IndexType } from '../../core/projection.ts'
import type { SqlStatement } from '../../core/sql.ts'
import type { Scalar } from '../../core/view-store.ts'

/** One store's SQL. Texts stand in statements as they are. */
export interface Dialect {
  readonly events: string
  readonly tags: string
  readonly viewRows: string
  readonly generations: string
  /** The event table, called `e`, read by position; and by correlation. */
  readonly eventsByPosition: string
  readonly eventsByCorrelation: string
  /** Joins tables in the order in which they are written. */
  readonly join: string
  /** The value of a field of `row`; null when it is missing, null or of another type. The same text as in the field's index. */
  field(name: string, type: IndexType): string
  /** A value to compare with a field of a type; `undefined` for one of another type, which equals nothing. */
  comparable(value: Scalar, type: IndexType): SqlStatement | undefined
}
