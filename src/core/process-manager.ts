/** Process managers: react to events with commands, timers and compensation. */
import { assertFold } from './aggregate.ts'
import type { AnyCommand, CallOf, RejectionOf } from './command.ts'
import type { Effects, Reaction } from './effect.ts'
import { DefinitionError } from './errors.ts'
import type { AnyEventType, ByType, EventOf } from './event.ts'
import type { Narrow } from './fold.ts'
import { assertPartitions, assertPartName } from './projection.ts'
import type { RecordedEvent } from './recorded-event.ts'
import { assertStartFrom, type StartFrom } from './start-from.ts'

/**
 * The instance that an event belongs to: by its id, which starts it when it is not there yet; or said strictly. `start` fails when it
 * is there, `continue` when it is not; `stop` lets it react for the last time. `undefined`: none.
 */
export type Correlation = string | { readonly start: string } | { readonly continue: string } | { readonly stop: string } | undefined

/** A fold that reacts: one instance per correlation, serial, durable. */
export interface ProcessManager<N extends string = string, S = any> {
  readonly kind: 'process'
  readonly name: N
  readonly events: readonly AnyEventType[]
  readonly commands: readonly AnyCommand[]
  readonly correlate: (event: any) => Correlation
  readonly initial: () => unknown
  readonly evolve: Readonly<Record<string, (state: any, event: any) => unknown>>
  readonly on: Readonly<Record<string, ((context: any) => Reaction) | undefined>>
  readonly rejected: Readonly<Record<string, ((context: any) => Reaction) | undefined>>
  readonly timeouts: Readonly<Record<string, (context: any) => Reaction>>
  readonly partitions?: number
  readonly startFrom?: StartFrom
  readonly '~types'?: { readonly state: S }
}

/** Any process manager. */
export type AnyProcessManager = ProcessManager<string>

/**
 * Defines a process manager.
 *
 * @param definition.correlate  which instance an event belongs to; `undefined`: none.
 * @param definition.commands   the commands it may send; sending another is a compile error.
 * @throws DefinitionError (`ES_DEFINITION`)
 */
export function processManager<const N extends string, ET extends AnyEventType, C extends AnyCommand, S, T extends string = never>(
  name: N,
  definition: {
    readonly events: readonly ET[]
    readonly commands: readonly C[]
    readonly correlate: (event: RecordedEvent<EventOf<ET>>) => Correlation
    readonly initial: () => S
    readonly evolve: {
      readonly [K in EventOf<ET>['type']]?: (state: S, event: RecordedEvent<ByType<EventOf<ET>, K>>) => NoInfer<Narrow<S>>
    }
    readonly on: {
      readonly [K in EventOf<ET>['type']]?: (
        context: Effects<CallOf<C>, T> & { readonly state: S; readonly event: RecordedEvent<ByType<EventOf<ET>, K>> },
      ) => Reaction
    }
    /** What to do when a command it sent was refused. */
    readonly rejected?: {
      readonly [K in C['command']]?: (
        context: Effects<CallOf<C>, T> & {
          readonly state: S
          readonly rejection: RejectionOf<Extract<CallOf<C>, { readonly command: K }>>
        },
      ) => Reaction
    }
    readonly timeouts?: { readonly [K in T]: (context: Effects<CallOf<C>, T> & { readonly state: S }) => Reaction }
    /** In how many parts its instances can be worked on at the same time, by one process or by several; 1–64, default 1. */
    readonly partitions?: number
    /** Where it begins when it was never started before; later it goes on where it was. Default `'beginning'`. */
    readonly startFrom?: StartFrom
  },
): ProcessManager<N, S> {
  assertPartName('Process manager', name)
  assertFold(`Process manager ${name}`, definition, false)
  if (typeof definition.correlate !== 'function') throw new DefinitionError(`Process manager ${name} needs correlate: (event) => an id.`)
  assertPartitions(`Process manager ${name}`, definition.partitions)
  assertStartFrom(`Process manager ${name}`, definition.startFrom)
  return { kind: 'process', name, rejected: {}, timeouts: {}, ...(definition as object) } as never
}
