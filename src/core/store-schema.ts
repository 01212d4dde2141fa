/** A store's tables as those see them who look after the database: numbered steps, in SQL. */

/** One step. It is never changed once it was released: the next one is added instead. */
export interface SchemaStep {
  /** From 1, without gaps. */
  readonly id: number
  /** For file names: letters, digits and "_". */
  readonly name: string
  /** Plain SQL, a transaction of its own; the store then finds the step applied. */
  readonly up: string
  /** Plain SQL that takes the step back, with everything that is kept in its tables. */
  readonly down: string
}

/** A step in a database. */
export interface AppliedStep {
  readonly id: number
  /** In milliseconds since 1970. */
  readonly appliedAt: number
}

/** The tables of one store. */
export interface StoreSchema {
  /** For messages, e.g. `schema dacapo`. */
  readonly title: string
  readonly steps: readonly SchemaStep[]
  /** What was applied, in order; changes nothing. @throws StoreFormatError a newer version of Dacapo did it. */
  applied(): Promise<readonly AppliedStep[]>
  /** Applies what is missing, also when many processes do so at once. @returns how many steps this call has applied. */
  apply(): Promise<number>
  close(): Promise<void>
}
