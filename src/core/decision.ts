/** Decisions: commands whose consistency boundary is a query over tags and types instead of one stream (DCB). */
import { assertFold } from './aggregate.ts'
import type { Asker, Command, CommandStages, Decided, EmittedBy, RejectedBy } from './command.ts'
import { type Actor, type ContextValues, makeCommand } from './command.ts'
import { DefinitionError } from './errors.ts'
import type { AnyEventType, ByType, DomainEvent, EventOf } from './event.ts'
import type { Narrow } from './fold.ts'
import type { Query } from './query.ts'
import type { RecordedEvent } from './recorded-event.ts'
import type { Out, Schema } from './schema.ts'

/** One pure function per event type; the decision's input comes third. */
export type DecisionEvolvers<E extends DomainEvent, S, I> = {
  readonly [T in E['type']]: (state: S, event: RecordedEvent<ByType<E, T>>, input: I) => NoInfer<Narrow<S>>
}

/** Makes decisions whose actor is `Who`. */
export type DecisionFactory<Who, Values> = <
  const N extends string,
  I extends Schema,
  ET extends AnyEventType,
  S,
  R extends Decided<DomainEvent>,
>(
  name: N,
  definition: CommandStages<I, S, Who, Values, R> & {
    /** A full stream name, `<category>-<id>`: it only groups what is written. */
    readonly stream: (input: Out<I>) => string
    readonly events: readonly ET[]
    /** What the decision depends on. Checked again, atomically, at the append. */
    readonly boundary: (input: Out<I>) => Query
    /** No parameter: with one, inference depends on the order of the keys. */
    readonly initial: () => S
    readonly evolve: DecisionEvolvers<EventOf<ET>, S, Out<I>>
  },
) => Command<N, I, EmittedBy<R>, RejectedBy<R>, Who, Values>

/**
 * Defines a decision: it reads the events that match its boundary, folds them, decides, and appends only if nothing new
 * matches the boundary by then; else it reads again and decides again.
 *
 * The store needs the capability `conditions`.
 */
export const decision: DecisionFactory<Actor, ContextValues> = decisionFactory({})

/** The factory behind `decision` and `actors(…).decision`. */
export function decisionFactory(asker: Asker): any {
  return (name: string, definition: any) => {
    assertFold(`Decision ${name}`, definition)
    for (const part of ['stream', 'boundary'] as const) {
      if (typeof definition[part] !== 'function') throw new DefinitionError(`Decision ${name} needs ${part}: (input) => ….`)
    }
    const { stream, events, boundary: query, initial, evolve } = definition
    return makeCommand(name, asker, definition, { kind: 'query', stream, events, query, initial, evolve })
  }
}
