/** The few members of `pg` that the store uses; a Pool of any library that has them will do. */

/** A statement as `pg` takes it. */
export interface PgQuery {
  /** Prepares it under this name, once a connection. */
  readonly name?: string
  readonly text: string
  readonly values?: readonly unknown[]
  readonly rowMode?: 'array'
  readonly types?: { getTypeParser(oid: number, format?: string): (text: string) => unknown }
}

/** What `pg` answers a statement with. */
export interface PgResult {
  readonly rows: readonly unknown[]
  readonly rowCount: number | null
  /** What was done, in one word. */
  readonly command?: string
}

/** A client: `pg.Client`, or one that a pool lends. */
export interface PgClient {
  query(query: PgQuery | string): Promise<PgResult>
}

/** A client on loan. */
export interface PgPoolClient extends PgClient {
  /** @param error  closes the connection instead of keeping it. */
  release(error?: boolean | Error): void
  on(event: 'notification' | 'error' | 'end', listener: (...values: any[]) => void): unknown
  removeListener(event: string, listener: (...values: any[]) => void): unknown
}

/** `pg.Pool`. */
export interface PgPool {
  readonly options?: { readonly max?: number | undefined }
  connect(): Promise<PgPoolClient>
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** Lends a connection for a piece of work. */
export type Use = <T>(work: (client: PgClient) => Promise<T>) => Promise<T>

/** A row, column by column. */
export type Row = readonly unknown[]

const numbers: ReadonlySet<number> = new Set([20, 21, 23, 26, 700, 701])
/** Numbers as numbers, everything else as the text that it is: JSON is decoded elsewhere, or handed on as it is. */
const types = {
  getTypeParser: (oid: number) => (numbers.has(oid) ? Number : oid === 16 ? (text: string) => text === 't' : (text: string) => text),
}

/** Runs a statement of the store's own. @param name  prepares it under this name. */
export async function rowsOf(client: PgClient, text: string, values: readonly unknown[] = [], name?: string): Promise<readonly Row[]> {
  return (await client.query({ text, values, rowMode: 'array', types, ...(name === undefined ? {} : { name }) })).rows as readonly Row[]
}

/** The first row of an answer. */
export async function firstOf(client: PgClient, text: string, values: readonly unknown[] = []): Promise<Row | undefined> {
  return (await rowsOf(client, text, values))[0]
}
