/** Events as stores keep them: JSON text with everything around it. */

/** An event on its way into a store. */
export interface EventToAppend {
  /** UUID; appending the same ids again returns the first result. */
  readonly id: string
  readonly type: string
  /** From 1. */
  readonly schemaVersion: number
  /** JSON text. */
  readonly data: string
  /** JSON text of an object. */
  readonly metadata: string
  /** Distinct, 1–256 characters each. */
  readonly tags: readonly string[]
  /** Milliseconds since 1970; when it happened, for imports. */
  readonly occurredAt?: number
}

/** An event in a store. All parts are immutable, so a store may hand out what it keeps. */
export interface StoredEvent extends EventToAppend {
  readonly tenant: string
  readonly stream: string
  /** From 1, without gaps in the stream. */
  readonly version: number
  /** From 1, increasing in commit order. */
  readonly position: number
  /** Milliseconds since 1970; never decreases with the position. */
  readonly recordedAt: number
}

/** A page of the log: `position` is how far it has looked, also when nothing matched; backwards, the lowest it has looked at. */
export interface LogPage {
  readonly events: readonly StoredEvent[]
  readonly position: number
}

/** Where a store has put an event. */
export type EventPlace = Pick<StoredEvent, 'tenant' | 'stream' | 'version' | 'position' | 'recordedAt'>

/** An event as it is stored, with nothing in it that its caller could still change. */
export function storedAt(event: EventToAppend, { tenant, stream, version, position, recordedAt }: EventPlace): StoredEvent {
  const { id, type, schemaVersion, data, metadata, occurredAt } = event
  const tags = event.tags.length > 0 ? [...event.tags] : noTags
  const stored = { id, type, schemaVersion, data, metadata, tags, tenant, stream, version, position, recordedAt }
  return occurredAt === undefined ? stored : { ...stored, occurredAt }
}

/** The tags of an event without any; one list serves all of them. */
export const noTags: readonly string[] = Object.freeze([])
