/** The past of a scenario: events as whoever follows the log sees them. */
import { DefinitionError } from '../core/errors.ts'
import { type AnyEventType, type DomainEvent, definitionOf } from '../core/event.ts'
import { decodeDecided, decodeRecorded, encodeEvent } from '../core/event-codec.ts'
import type { DecidedEvent, RecordedEvent } from '../core/recorded-event.ts'
import { newId } from '../runtime/system.ts'

/** Events of one stream. */
export interface InStream {
  readonly inStream: string
  readonly events: readonly DomainEvent[]
  readonly at?: Date
}

/** An event of the stream `test-1`, or some of another one. */
export type GivenEvent = DomainEvent | InStream

/**
 * Says in which stream given events are, and so what their `subject` is.
 *
 * @param stream  its name, `<category>-<id>`; or the name and when its events were recorded, by default 2030-01-01T00:00:00Z.
 * @example
 * inStream('account-a', AccountOpened({ owner: 'ann' }), MoneyDeposited({ amount: 10 }))
 */
export function inStream(stream: string | { readonly stream: string; readonly at: Date }, ...events: readonly DomainEvent[]): InStream {
  return typeof stream === 'string' ? { inStream: stream, events } : { inStream: stream.stream, at: stream.at, events }
}

/** An event that somebody lists, by its definition. @throws DefinitionError */
export function definitionIn(listed: readonly AnyEventType[], event: DomainEvent): AnyEventType {
  const type = listed.find((known) => known.type === event.type) ?? definitionOf(event)
  if (!type) throw new DefinitionError(`given: ${event.type} was not made by an event() definition.`)
  return type
}

/** Numbers given events, through JSON, as a store does. */
export function recorderOf(listed: readonly AnyEventType[]) {
  const versions = new Map<string, number>()
  let position = 0
  return (given: GivenEvent): readonly { readonly recorded: RecordedEvent; readonly decided: DecidedEvent }[] => {
    const { inStream: stream, events, at = start } = 'inStream' in given ? given : { inStream: 'test-1', events: [given] }
    return events.map((event) => {
      const type = definitionIn(listed, event)
      const id = newId()
      const metadata = { correlationId: id, causationId: id, actor: { id: 'test', roles: [] } }
      const version = (versions.get(stream) ?? 0) + 1
      versions.set(stream, version)
      const decided = { ...encodeEvent(type, event, id, '{}'), tenant: '', stream, version }
      const recorded = decodeRecorded(type, { ...decided, position: ++position, recordedAt: at.getTime() }, metadata)
      return { recorded, decided: decodeDecided(type, decided, metadata) }
    })
  }
}

/** When scenarios happen. */
export const start = new Date('2030-01-01T00:00:00Z')
