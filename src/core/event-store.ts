/**
 * PORT: the event store. One small interface; everything else is built on it.
 *
 * A store keeps JSON text and never looks inside it: encoding, upcasting and folding belong to core and runtime, so that
 * they are the same on every store. `dacapo/testing` exports the contract that each store must pass, as data.
 */
import type { DacapoError } from './errors.ts'
import type { Query } from './query.ts'
import type { SnapshotStore } from './snapshot-store.ts'
import type { ProjectionStatement, SqlStatement } from './sql.ts'
import type { EventToAppend, LogPage, StoredEvent } from './stored-event.ts'
import type { ViewDefinition, ViewStore, ViewWrite } from './view-store.ts'
import type { WorkRecord, WorkStore } from './work-store.ts'

/** Facts about a store; the contract checks them. What a store cannot do is a compile error or an error at start. */
export interface Capabilities {
  /** Several commands and view rows in one commit; `transaction` is there. */
  readonly transactions: boolean
  /** Runs SQL statements in the append's transaction; `tableProjection` and `tx.sql` work. */
  readonly sql: boolean
  /** Checks a condition over tags and types atomically (DCB); `decision` works. */
  readonly conditions: boolean
  /** An acknowledged append survives the death of the process. */
  readonly durable: boolean
  /** Several processes may use the same store at once. */
  readonly multiProcess: boolean
  /** `changes` is woken by writes, not only by polling. */
  readonly push: boolean
  /** Positions are in commit order: when position p is readable, nothing below p will ever appear. */
  readonly totalOrder: boolean
}

/** `n`: the stream is at version n; `'none'` and 0: it does not exist; `'exists'`: it does; `'any'`: no check. */
export type ExpectedVersion = number | 'none' | 'exists' | 'any'

/** A wish to append, answered on its own. */
export interface AppendRequest {
  /** Default `''`. */
  readonly tenant?: string
  /** `<category>-<id>`. */
  readonly stream: string
  readonly expectedVersion: ExpectedVersion
  /**
   * Id of the stream's newest event, when it was still on its way as this was decided. Refused when it is not stored:
   * somebody else's events can bring a stream to the expected version, too.
   */
  readonly follows?: string
  /** 0–10,000, at most 16 MiB of text. With none, the request only checks (and remembers an idempotent outcome). */
  readonly events: readonly EventToAppend[]
  /** Refused when an event after the position matches: what a decision did not see. */
  readonly condition?: { readonly query: Query; readonly after: number }
  /** Other streams that must be at these versions too, without being written. */
  readonly checks?: readonly { readonly stream: string; readonly expectedVersion: ExpectedVersion }[]
  /** Rows of transactional projections, compared and set in the same commit. */
  readonly views?: readonly ViewWrite[]
  /**
   * Epoch of the views that appends keep (`views.kept()`), as whoever folded this request knows them. Refused when it is another one by
   * now. Absent: not compared, which leaves holes in views that the request has no rows of; only for who knows that there are none.
   */
  readonly viewEpoch?: number
  /** Statements of table projections, run in order in the same commit; needs the capability `sql`. */
  readonly statements?: readonly ProjectionStatement[]
  readonly idempotency?: IdempotencyEntry
  /**
   * Requests of one call that share a group win or lose together: when one is refused, so are all, with its error; when one
   * is answered from memory, so are all, and nothing is written.
   */
  readonly atomicGroup?: string
  /** Milliseconds since 1970, instead of the clock; for imports into an empty store: never below the newest event's. */
  readonly recordedAt?: number
}

/** What an append came to. Results are in the order of the requests. */
export type AppendResult =
  /** Written, durable, and acknowledged. */
  | { readonly kind: 'appended'; readonly version: number; readonly events: readonly StoredEvent[] }
  /** The same event ids were already there: the first result again, nothing written. */
  | { readonly kind: 'duplicate'; readonly version: number; readonly events: readonly StoredEvent[] }
  /** The idempotency key was already there: its outcome, nothing written. */
  | { readonly kind: 'remembered'; readonly entry: RememberedOutcome }
  /** Not written; its neighbours are not touched. */
  | { readonly kind: 'refused'; readonly error: DacapoError }

/** The outcome of a request, kept under a key for some days. */
export interface IdempotencyEntry {
  /** 1–512 characters, unique per tenant. */
  readonly key: string
  /** Tells the request apart from another one with the same key. */
  readonly hash: string
  /** JSON text: what the caller wants to know again. */
  readonly outcome: string
  /** Milliseconds since 1970; the entry is forgotten after that. */
  readonly expiresAt: number
}

/** An idempotency entry that is already there. */
export interface RememberedOutcome {
  readonly hash: string
  readonly outcome: string
  readonly stream: string
  /** The versions its events got; 0 and 0 when it wrote none. */
  readonly firstVersion: number
  readonly lastVersion: number
}

/** How a stream is read. Lower bounds are exclusive, upper bounds inclusive, in both directions. */
export interface ReadStreamOptions {
  readonly tenant?: string
  /** Only versions above. */
  readonly after?: number
  /** Only versions up to and including. */
  readonly to?: number
  readonly backwards?: boolean
  readonly limit?: number
  /** Events a page. Default 1,000. */
  readonly pageSize?: number
}

/** How the log is read. All filters must match; `limit` counts what matched. */
export interface ReadAllOptions {
  /** Absent: every tenant. */
  readonly tenant?: string
  readonly after?: number
  readonly to?: number
  readonly query?: Query
  readonly category?: string
  readonly correlationId?: string
  readonly backwards?: boolean
  readonly limit?: number
  /** Events a page. Default 1,000. */
  readonly pageSize?: number
}

/** What is known of a stream without reading it. */
export interface StreamInfo {
  readonly tenant: string
  readonly stream: string
  readonly version: number
  /** Positions of its first and its last event. */
  readonly firstPosition: number
  readonly lastPosition: number
  /** Milliseconds since 1970, of the last event. */
  readonly recordedAt: number
}

/** Which streams to list, by name in code point order. */
export interface ListStreamsOptions {
  /** Default `''`. */
  readonly tenant?: string
  readonly category?: string
  /** A part of the name, taken literally. */
  readonly search?: string
  /** Only names after this one. */
  readonly after?: string
  /** Default 100. */
  readonly limit?: number
}

/** An event type in the store, with the highest schema version it was stored with. */
export interface StoredEventType {
  readonly category: string
  readonly type: string
  readonly schemaVersion: number
}

/** What a transaction can do with views. */
export interface TransactionViews extends Pick<ViewStore, 'get' | 'kept'> {
  /**
   * Registers a view that appends keep from the commit on, in tables which the transaction itself makes and fills. From here on it waits
   * for open transactions that have appended, and new ones wait for it: what `readAll` gives it afterwards is complete. Needs the
   * capability `sql`.
   */
  keep(definition: ViewDefinition): Promise<void>
}

/** What a transaction can do; reads see what it has written. */
export interface StoreTransaction {
  append(request: AppendRequest): Promise<AppendResult>
  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<readonly StoredEvent[]>
  readAll(options?: ReadAllOptions): AsyncIterable<LogPage>
  streamInfo(stream: string, tenant?: string): Promise<StreamInfo | undefined>
  remembered(tenant: string, key: string): Promise<RememberedOutcome | undefined>
  readonly views: TransactionViews
  readonly snapshots: Pick<SnapshotStore, 'latest'>
  /** Runs a statement; the rows it answers with, if any. Needs the capability `sql`. */
  sql(statement: SqlStatement): Promise<readonly Record<string, unknown>[]>
  /**
   * Keeps a new record of work. Its key is one that nobody else can know of: whoever wrote the same one would wait for the end of this
   * transaction, and others behind him.
   *
   * @throws RecordConflictError (`ES_RECORD_CONFLICT`) there is one, which stays as it is.
   */
  keep(record: Omit<WorkRecord, 'revision'>): Promise<void>
  /** A part that is undone alone when the work throws. Savepoints nest; do not open two side by side. */
  savepoint<T>(work: () => Promise<T>): Promise<T>
}

/** An event store. */
export interface EventStore<C extends Capabilities = Capabilities> {
  readonly name: string
  readonly capabilities: C

  /**
   * Appends requests; each is answered on its own, and requests that arrive together share one commit.
   *
   * Per request, in this order: a remembered idempotency key answers; known event ids answer; the epoch of the views is
   * compared; versions, checks and the condition are compared with everything accepted before it in the same commit; view
   * rows are compared and set; events get contiguous versions and increasing positions.
   *
   * Durable when the promise resolves (capability `durable`). Cost: one commit shared with whoever waits too.
   *
   * @returns one result per request, in order.
   * @throws StoreUnavailableError (`ES_STORE_UNAVAILABLE`, retryable) unknown whether anything was written: repeat with the same ids.
   * @throws StoppedError (`ES_STOPPED`)
   */
  append(requests: readonly AppendRequest[]): Promise<readonly AppendResult[]>

  /** The events of one stream in pages; a missing stream has none. */
  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<readonly StoredEvent[]>

  /** The log in pages, by position. A page may be empty; its `position` still tells how far it has looked. */
  readAll(options?: ReadAllOptions): AsyncIterable<LogPage>

  streamInfo(stream: string, tenant?: string): Promise<StreamInfo | undefined>
  listStreams(options?: ListStreamsOptions): Promise<readonly StreamInfo[]>

  /** Position of the newest event; 0 in an empty store. */
  head(): Promise<number>

  /** Every event type that was ever stored. */
  eventTypes(): Promise<readonly StoredEventType[]>

  /** Wake-ups with the head, the first at once; may be late or spurious, never needed for truth. Ends with the signal. */
  changes(signal: AbortSignal): AsyncIterable<number>

  /** The outcome kept under a key, unless it has expired. */
  remembered(tenant: string, key: string): Promise<RememberedOutcome | undefined>
  /** Forgets expired idempotency entries; returns how many. One that only reads forgets none. */
  forgetExpired(now: number): Promise<number>

  readonly views: ViewStore
  readonly snapshots: SnapshotStore
  readonly work: WorkStore

  /** Runs work in one transaction: committed when it resolves, undone when it rejects. Capability `transactions`. */
  transaction?<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>
  /** The same inside a transaction that the caller has opened on its own client, e.g. an SQLite handle or a pg client. */
  within?(client: unknown): StoreTransaction

  /** Brings the schema up to date; safe to call from many processes at once. The store does it by itself at first use. */
  migrate(): Promise<void>
  /** Flushes what waits, then closes what the store opened itself; later calls end in StoppedError. */
  close(): Promise<void>
}

/** Limits of one append request. */
export const appendLimits = { events: 10_000, bytes: 16 * 1024 * 1024, tags: 64, tagLength: 256, keyLength: 512 } as const

/** How far ahead of a store's clock its newest event may be. */
export const clockDriftLimitMs = 60_000
