/** Between events as user code has them and as stores keep them: the one place that encodes, decodes and upcasts. */
import { CorruptStreamError, DefinitionError, UnknownEventError } from './errors.ts'
import type { AnyEventType, DomainEvent } from './event.ts'
import { fromJson, toJson } from './json.ts'
import type { Metadata } from './metadata.ts'
import type { DecidedEvent, RecordedEvent } from './recorded-event.ts'
import type { EventToAppend, StoredEvent } from './stored-event.ts'
import { subjectOf } from './stream-name.ts'

/**
 * Encodes an event for a store.
 *
 * @param type      its definition: schema version, tags, codec.
 * @param metadata  JSON text; encoded once for all events of a command.
 * @throws SerializationError (`ES_SERIALIZATION`) with the path of what JSON cannot keep.
 */
export function encodeEvent(type: AnyEventType, event: DomainEvent, id: string, metadata: string): EventToAppend {
  const { codec, tags } = type['~versions'][type.schemaVersion - 1] as AnyEventType['~versions'][number]
  const data = toJson(codec ? codec.encode(event.data) : event.data, `data of ${event.type}`)
  return {
    id,
    type: event.type,
    schemaVersion: type.schemaVersion,
    data,
    metadata,
    tags: tags ? distinct(tags(event.data), event.type) : none,
  }
}

/** A stored event as user code sees it, its data brought to the current schema version. */
export function decodeEvent(type: AnyEventType | undefined, stored: StoredEvent): RecordedEvent {
  return decodeRecorded(type, stored, fromJson(stored.metadata) as Metadata)
}

/** The same with its metadata decoded before. */
export function decodeRecorded(type: AnyEventType | undefined, stored: StoredEvent, metadata: Metadata): RecordedEvent {
  const { id, tenant, stream, version, tags, schemaVersion, occurredAt, position } = stored
  const data = dataOf(type, stored)
  const recordedAt = new Date(stored.recordedAt)
  const subject = subjectOf(stream)
  // Written out, not made of the one below: this is the innermost loop of every read.
  const event = { type: stored.type, data, id, tenant, stream, subject, version, metadata, tags, schemaVersion, position, recordedAt }
  return occurredAt === undefined ? event : { ...event, occurredAt: new Date(occurredAt) }
}

/** The same before the store has numbered it. */
export function decodeDecided(
  type: AnyEventType | undefined,
  stored: EventToAppend & Pick<StoredEvent, 'tenant' | 'stream' | 'version'>,
  metadata: Metadata,
): DecidedEvent {
  const { id, tenant, stream, version, tags, schemaVersion, occurredAt } = stored
  const data = dataOf(type, stored)
  const event = { type: stored.type, data, id, tenant, stream, subject: subjectOf(stream), version, metadata, tags, schemaVersion }
  return occurredAt === undefined ? event : { ...event, occurredAt: new Date(occurredAt) }
}

function dataOf(type: AnyEventType | undefined, { data, schemaVersion }: EventToAppend): unknown {
  const json = fromJson(data)
  return type ? type.read(json, schemaVersion) : json
}

/** Event types by name, for everything that reads. */
export type EventTypes = ReadonlyMap<string, AnyEventType>

/**
 * Gathers event types; two definitions of one name must be one and the same.
 *
 * @throws DefinitionError (`ES_DEFINITION`)
 */
export function gatherEventTypes(lists: readonly (readonly AnyEventType[])[]): Map<string, AnyEventType> {
  const types = new Map<string, AnyEventType>()
  for (const list of lists) {
    for (const type of list) {
      const known = types.get(type.type)
      if (known && known !== type) {
        throw new DefinitionError(
          `Two different definitions of the event ${type.type}: define it once and import it, with all its upcasters.`,
        )
      }
      types.set(type.type, type)
    }
  }
  return types
}

/** The definition of an event that an aggregate reads from its own stream. */
export function ownType(types: EventTypes, stored: StoredEvent, aggregate: string): AnyEventType {
  const type = types.get(stored.type)
  if (type) return type
  throw new UnknownEventError(
    stored.type,
    `Stream ${stored.stream} has the event ${stored.type}, which aggregate ${aggregate} does not list: add it to its events.`,
  )
}

/** Refuses a stream whose versions do not follow each other: somebody changed the store from outside. */
export function assertNext(stored: StoredEvent, previousVersion: number): void {
  if (stored.version === previousVersion + 1) return
  throw new CorruptStreamError(stored.stream, stored.version, `after version ${previousVersion} comes version ${stored.version}.`)
}

const none: readonly string[] = []

function distinct(tags: readonly string[], type: string): readonly string[] {
  if (!Array.isArray(tags)) throw new DefinitionError(`tags of ${type} must return a list of strings.`)
  return tags.length > 1 ? [...new Set(tags)] : tags
}
