/** From columns to events. */
import { noTags, type StoredEvent } from '../../core/stored-event.ts'

/** The columns that differ within a stream, in the order in which `toEvent` takes them. */
export const columnsInStream =
  'e.position, e.version, e.id, e.type, e.schema_version, e.data, e.metadata, e.tags, e.recorded_at, e.occurred_at'

/** All columns of an event. */
export const eventColumns = `${columnsInStream}, e.tenant, e.stream`

/**
 * An event from its columns; whoever reads a stream knows the last two.
 *
 * One that still waits for its position, in a transaction that is open, has no time either: both are 0.
 */
export function toEvent(row: readonly unknown[], tenant?: string, stream?: string): StoredEvent {
  const [position, version, id, type, schemaVersion, data, metadata, tags, recordedAt, occurredAt] = row as EventRow
  const event = {
    id,
    type,
    schemaVersion,
    data,
    metadata,
    tags: tags === null ? noTags : JSON.parse(tags),
    tenant: tenant ?? (row as EventRow)[10],
    stream: stream ?? (row as EventRow)[11],
    version,
    position: position ?? 0,
    recordedAt: recordedAt ?? 0,
  }
  return occurredAt === null ? event : { ...event, occurredAt }
}

type EventRow = readonly [
  position: number | null,
  version: number,
  id: string,
  type: string,
  schemaVersion: number,
  data: string,
  metadata: string,
  tags: string | null,
  recordedAt: number | null,
  occurredAt: number | null,
  tenant: string,
  stream: string,
]
