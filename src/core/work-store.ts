/**
 * PORT: what is kept of work on events: who does it, how far it is, and what it has left to remember.
 *
 * A subscription is done in parts. Who does a part holds its lease, which is a number: the epoch. Whatever a piece of work has led to
 * is committed together with the step that it makes in the log, and only if the part is still at the epoch under which the work was
 * begun. So who was thought to be dead and wakes up cannot write anything, and nothing is done twice or left out between two owners.
 */
import type { DacapoError } from './errors.ts'
import type { ProjectionStatement } from './sql.ts'
import type { BuiltRow, ViewDefinition } from './view-store.ts'

/** A process that works on subscriptions. */
export interface WorkOwner {
  /** Unique, also among the processes that were there before. */
  readonly owner: string
  /** Counts its signs of life. */
  readonly beat: number
  /** JSON text: what it says of itself. */
  readonly about: string
}

/** A part of a subscription under an epoch. */
export interface Lease {
  readonly subscription: string
  readonly part: string
  /** Counts the owners that the part has had. */
  readonly epoch: number
}

/** A part of a subscription, as it is kept. */
export interface SubscriptionPart extends Lease {
  /** `null`: nobody. */
  readonly owner: string | null
  /** Everything up to here is done. */
  readonly position: number
  /** JSON text: what else there is to know at that position. */
  readonly state: string
}

/** A step that work has made; without position and state it only demands that the lease still holds. */
export interface WorkStep extends Lease {
  readonly position?: number
  readonly state?: string
}

/** Names a record. */
export interface RecordName {
  /** What it is, e.g. `timer`. */
  readonly kind: string
  /** Whose it is: the name of a subscription. */
  readonly owner: string
  readonly tenant: string
  readonly key: string
}

/** Something to remember: a dead letter, a timer, the state of a process. The store only finds it again. */
export interface WorkRecord extends RecordName {
  /** Which part of a subscription it belongs to: 0–63. */
  readonly slot: number
  readonly status: string
  /** Milliseconds since 1970: when there is something to do with it; `null`: nothing. */
  readonly dueAt: number | null
  /** JSON text. */
  readonly body: string
  /** Counts its writes, from 1; one that was deleted begins again. */
  readonly revision: number
}

/** A record to set, or to delete with `body: null`. */
export interface RecordWrite extends RecordName {
  readonly slot: number
  readonly status: string
  readonly dueAt: number | null
  readonly body: string | null
  /** Another one refuses the work; 0: there is none. Absent: whatever is there. */
  readonly expectedRevision?: number
}

/** A row of an async projection's view, or `null` to delete it. */
export interface RowWrite {
  readonly tenant: string
  readonly view: string
  readonly key: string
  /** JSON text. */
  readonly row: string | null
  /** Of the view's rows; default 0. */
  readonly generation?: number
}

/** Makes another generation of a view's rows the live one, with the definition that they were made by. */
export interface ViewSwitch extends ViewDefinition {
  readonly generation: number
}

/** What a piece of work has led to: written in one commit, or not at all. Names no part, record or row twice. */
export interface Work {
  readonly steps?: readonly WorkStep[]
  readonly records?: readonly RecordWrite[]
  readonly rows?: readonly RowWrite[]
  readonly switches?: readonly ViewSwitch[]
  /** Statements of table projections, run in order; needs the capability `sql`. */
  readonly statements?: readonly ProjectionStatement[]
}

/** `refused`: nothing of it was written; its neighbours are not touched. */
export type WorkResult = { readonly kind: 'done' } | { readonly kind: 'refused'; readonly error: DacapoError }

/** Which records; all that are given must match. */
export interface ListRecords {
  readonly kind: string
  readonly owner?: string
  /** Absent: every tenant. */
  readonly tenant?: string
  readonly status?: string
  /** Both ends inclusive. */
  readonly slots?: { readonly from: number; readonly to: number }
  /** Only those with something to do up to then, by due time; otherwise by owner, tenant and key in code point order. */
  readonly dueTo?: number
  /** Only what is behind this one in the order. */
  readonly after?: Pick<WorkRecord, 'owner' | 'tenant' | 'key' | 'dueAt'>
  /** Default 100. */
  readonly limit?: number
}

/** Which rows of a generation. */
export interface ScanRows {
  readonly view: string
  readonly generation: number
  /** Only what is behind this row. */
  readonly after: { readonly tenant: string; readonly key: string } | undefined
  readonly limit: number
  /** Whose parts are told with the rows. */
  readonly subscription: string
}

/** Rows, and how far a subscription was at the very moment at which they were read. */
export interface ScannedRows {
  readonly rows: readonly BuiltRow[]
  readonly parts: readonly SubscriptionPart[]
}

/** What a store keeps of work on its events. */
export interface WorkStore {
  /** A sign of life. Returns everybody's. */
  beat(owner: string, about: string): Promise<readonly WorkOwner[]>
  /** Forgets an owner and lets go of what it holds. */
  leave(owner: string): Promise<void>

  /** The parts of one subscription, or of all, by name. */
  parts(subscription?: string): Promise<readonly SubscriptionPart[]>
  /**
   * Divides a subscription anew, or for the first time. The new parts belong to nobody, at an epoch above all that were there.
   *
   * @param held  all parts that there are, under their leases.
   * @returns false when it is divided differently by now, or a lease does not hold; nothing is written then.
   */
  divide(
    subscription: string,
    held: readonly Lease[],
    parts: readonly Pick<SubscriptionPart, 'part' | 'position' | 'state'>[],
  ): Promise<boolean>
  /** Takes parts over from whoever has them, each if it is still at the given epoch, which goes up by one. Returns those it got. */
  acquire(owner: string, leases: readonly Lease[]): Promise<readonly SubscriptionPart[]>
  /** Lets go of parts that still are at the given epoch, which goes up by one. */
  release(leases: readonly Lease[]): Promise<void>

  /**
   * Writes what pieces of work have led to, each on its own; works that are committed together share one physical commit.
   *
   * Durable when the promise resolves (capability `durable`). Refusals: LeaseLostError, RecordConflictError, ProjectionFailedError.
   *
   * @throws StoreUnavailableError (`ES_STORE_UNAVAILABLE`) it is unknown whether anything was written: look at the part's position.
   */
  commit(works: readonly Work[]): Promise<readonly WorkResult[]>

  /** The rows of a generation in every tenant, by tenant and key in code point order, at most `limit`; deleted ones are left out. */
  scan(question: ScanRows): Promise<ScannedRows>

  record(name: RecordName): Promise<WorkRecord | undefined>
  records(question: ListRecords): Promise<readonly WorkRecord[]>
}
