/** From columns to events. */
import type { StoredEvent } from '../../core/stored-event.ts'
import type { Row } from './handle.ts'

/** The columns of an event, in the order in which `toEvent` takes them. */
export const eventColumns = [
  'position',
  'tenant',
  'stream',
  'version',
  'id',
  'type',
  'schema_version',
  'data',
  'metadata',
  'tags',
  'recorded_at',
  'occurred_at',
]
  .map((column) => `e.${column}`)
  .join(', ')

/** An event from its columns. */
export function toEvent(row: Row): StoredEvent {
  const [position, tenant, stream, version, id, type, schemaVersion, data, metadata, tags, recordedAt, occurredAt] = row as EventRow
  const event = {
    id,
    type,
    schemaVersion,
    data,
    metadata,
    tags: tags === null ? none : JSON.parse(tags),
    tenant,
    stream,
    version,
    position,
    recordedAt,
  }
  return occurredAt === null ? event : { ...event, occurredAt }
}

const none: readonly string[] = Object.freeze([])

type EventRow = readonly [
  position: number,
  tenant: string,
  stream: string,
  version: number,
  id: string,
  type: string,
  schemaVersion: number,
  data: string,
  metadata: string,
  tags: string | null,
  recordedAt: number,
  occurredAt: number | null,
]
