/** From what `decide` returned to what a store takes and what folds see. */
import type { AnyCommand } from '../../core/command.ts'
import { DefinitionError } from '../../core/errors.ts'
import { type AnyEventType, type DomainEvent, definitionOf } from '../../core/event.ts'
import { decodeDecided, decodeRecorded, encodeEvent } from '../../core/event-codec.ts'
import type { IdSource } from '../../core/ids.ts'
import { fromJson } from '../../core/json.ts'
import type { Metadata } from '../../core/metadata.ts'
import type { DecidedEvent, RecordedEvent } from '../../core/recorded-event.ts'
import type { EventToAppend, StoredEvent } from '../../core/stored-event.ts'
import { typesOf } from '../state/types-of.ts'
import type { Execution } from './execution.ts'

/** Events ready to be appended, and as folds see them. */
export interface PreparedEvents {
  readonly toAppend: readonly EventToAppend[]
  readonly types: readonly AnyEventType[]
  /** Decoded from the very text that is stored, so that a live fold and a later one see the same. */
  readonly decided: readonly DecidedEvent[]
}

/**
 * Encodes the events that a command decided on, behind `version` of `stream`.
 *
 * @throws DefinitionError an event that the command's boundary does not list; SerializationError what JSON cannot keep.
 */
export function prepareEvents(
  execution: Execution,
  stream: string,
  version: number,
  events: readonly DomainEvent[],
  ids: IdSource,
): PreparedEvents {
  const { command, metadata, metadataText, tenant } = execution
  const toAppend: EventToAppend[] = []
  const types: AnyEventType[] = []
  const decided: DecidedEvent[] = []
  for (const event of events) {
    const type = typeOf(command, event)
    const encoded = encodeEvent(type, event, ids.next(), metadataText)
    types.push(type)
    toAppend.push(encoded)
    decided.push(decodeDecided(type, { ...encoded, tenant, stream, version: version + toAppend.length }, metadata))
  }
  return { toAppend, types, decided }
}

/** The events of a receipt: decoded anew, so that nobody holds an object that a warm state refers to. */
export function toRecorded(
  { metadataText }: Execution,
  types: readonly AnyEventType[],
  stored: readonly StoredEvent[],
): readonly RecordedEvent[] {
  if (stored.length === 0) return []
  const metadata = fromJson(metadataText) as Metadata
  return stored.map((event, i) => decodeRecorded(types[i], event, metadata))
}

function typeOf(command: AnyCommand, event: DomainEvent): AnyEventType {
  const { boundary } = command
  const name = (event as { type?: unknown } | null)?.type
  const listed =
    boundary.kind === 'aggregate' ? typesOf(boundary.aggregate).get(name as string) : boundary.events.find((type) => type.type === name)
  const type = listed ?? (boundary.kind === 'aggregate' ? undefined : definitionOf(event))
  if (type) return type
  const reason =
    boundary.kind === 'aggregate'
      ? `is not an event of aggregate ${boundary.aggregate.name}`
      : 'was not made by an event() definition: list it in the events of the command'
  throw new DefinitionError(`decide of ${command.command} returned ${JSON.stringify(name) ?? 'something'}, which ${reason}.`)
}
