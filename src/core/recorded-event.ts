/** Events in a store, as user code sees them; and as folds see them before the store has numbered them. */
import type { DomainEvent } from './event.ts'
import type { Metadata } from './metadata.ts'

/** Known of an event as soon as it is decided. */
export interface DecidedMeta {
  /** UUIDv7, given before the append: appending it again is recognised. */
  readonly id: string
  /** The isolated world it belongs to; `''` by default. */
  readonly tenant: string
  /** Name of the stream, `<category>-<id>`. */
  readonly stream: string
  /** The aggregate's own id: the stream name without its category. */
  readonly subject: string
  /** Place in the stream, from 1, without gaps. */
  readonly version: number
  readonly metadata: Metadata
  readonly tags: readonly string[]
  /** The schema version it was stored with; its data has been brought to the current one. */
  readonly schemaVersion: number
  /** When it happened, where an import brought that along. */
  readonly occurredAt?: Date
}

/** Known of an event once it is committed. */
export interface RecordMeta extends DecidedMeta {
  /** Place in the whole store, from 1, increasing in the order of commits; gaps are possible. */
  readonly position: number
  /** When it was committed; never decreases with the position. */
  readonly recordedAt: Date
}

/**
 * What aggregates and transactional projections fold: decided, but not yet committed.
 *
 * There is no `position` and no `recordedAt`: they do not exist before the commit, and a state that depended on them
 * would differ between a warm aggregate and a reloaded one. Put the time that matters into the event's data.
 */
export type DecidedEvent<E extends DomainEvent = DomainEvent> = E & DecidedMeta

/** A committed event. */
export type RecordedEvent<E extends DomainEvent = DomainEvent> = E & RecordMeta
