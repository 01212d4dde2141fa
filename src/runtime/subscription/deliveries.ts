/** Deliveries: stored events, decoded, for the keys that they concern. */
import type { EventTypes } from '../../core/event-codec.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import { asEdited, type Parked } from './parked.ts'
import type { Consumer, Delivery } from './subscription.ts'

/** What an event is, and whom it concerns. What cannot be read concerns its stream, where it fails as soon as it is handled. */
export function decoded(
  types: EventTypes,
  consumer: Pick<Consumer, 'keysOf'>,
  stored: StoredEvent,
  edited?: unknown,
): { readonly event: RecordedEvent; readonly keys: readonly string[] } & Pick<Delivery, 'unreadable'> {
  try {
    const event = asEdited(types, stored, edited)
    return { event, keys: consumer.keysOf(event), unreadable: undefined }
  } catch (error) {
    return { event: stored as never, keys: [stored.stream], unreadable: { error } }
  }
}

export function keyOf({ event, key, slot }: Delivery): Pick<Parked, 'tenant' | 'key' | 'slot'> {
  return { tenant: event.tenant, key, slot }
}

export const sameEvent = (left: Delivery, right: Delivery | undefined): boolean => left.event === right?.event

/** So many deliveries, and those of the last one's event that come after it. */
export function wholeEvents(deliveries: readonly Delivery[], from: number, to: number): readonly Delivery[] {
  let end = Math.min(to, deliveries.length)
  while (end < deliveries.length && deliveries[end]?.event === deliveries[end - 1]?.event) end++
  return deliveries.slice(from, end)
}

export const positionOf = (deliveries: readonly Delivery[]): number => (deliveries.at(-1) as Delivery).event.position
