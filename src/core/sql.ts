/** SQL as a value: text and parameters kept apart, so that a value never becomes text. */

/** One statement; `values` go where the parts meet. */
export interface SqlStatement {
  readonly kind: 'sql'
  /** One more than there are values. */
  readonly parts: readonly string[]
  readonly values: readonly SqlValue[]
}

/** A statement of a table projection. */
export interface ProjectionStatement extends SqlStatement {
  /** What the error names when it fails. */
  readonly owner?: { readonly projection: string; readonly eventType: string }
}

/** What may be a parameter on every SQL store. */
export type SqlValue = string | number | bigint | boolean | null | Uint8Array

/** Writes a statement: `` sql`update accounts set owner = ${owner} where id = ${id}` ``. Each value becomes a parameter. */
export type SqlTag = (parts: TemplateStringsArray, ...values: readonly SqlValue[]) => SqlStatement

/** Writes a statement as a value; a store runs it. */
export const sql: SqlTag = (parts, ...values) => ({ kind: 'sql', parts, values })
