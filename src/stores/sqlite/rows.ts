/** From columns to events. */
import type { StoredEvent } from '../../core/stored-event.ts'
import type { Row } from './handle.ts'

/** The columns that differ within a stream, in the order in which `toEvent` takes them. */
export const columnsInStream = [
  'position',
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

/** All columns of an event. */
export const eventColumns = `${columnsInStream}, e.tenant, e.stream`

/** An event from its columns; whoever reads a stream knows the last two. */
export function toEvent(row: Row, tenant?: string, stream?: string): StoredEvent {
  const [position, version, id, type, schemaVersion, data, metadata, tags, recordedAt, occurredAt] = row as EventRow
  const event = {
    id,
    type,
    schemaVersion,
    data,
    metadata,
    tags: tags === null ? none : JSON.parse(tags),
    tenant: tenant ?? (row as EventRow)[10],
    stream: stream ?? (row as EventRow)[11],
    version,
    position,
    recordedAt,
  }
  return occurredAt === null ? event : { ...event, occurredAt }
}

const none: readonly string[] = Object.freeze([])

type EventRow = readonly [
  position: number,
  version: number,
  id: string,
  type: string,
  schemaVersion: number,
  data: string,
  metadata: string,
  tags: string | null,
  recordedAt: number,
  occurredAt: number | null,
  tenant: string,
  stream: string,
]
