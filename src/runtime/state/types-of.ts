/** An aggregate's event types by name, gathered once. */
import type { AnyAggregate } from '../../core/aggregate.ts'
import type { EventTypes } from '../../core/event-codec.ts'

const gathered = new WeakMap<AnyAggregate, EventTypes>()

/** The event types that an aggregate lists. */
export function typesOf(aggregate: AnyAggregate): EventTypes {
  let types = gathered.get(aggregate)
  if (!types) {
    types = new Map(aggregate.events.map((type) => [type.type, type]))
    gathered.set(aggregate, types)
  }
  return types
}
