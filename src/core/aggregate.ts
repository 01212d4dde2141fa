/** Aggregates: a pure fold, and the consistency boundary of its commands. */
import type { Duration } from './duration.ts'
import { toCount, toMs } from './duration.ts'
import { DefinitionError } from './errors.ts'
import type { AnyEventType, DomainEvent, EventOf } from './event.ts'
import type { AnyEvolvers, Evolvers } from './fold.ts'
import { isCategory } from './stream-name.ts'

/** When a snapshot is taken, and how a state becomes JSON. */
export interface SnapshotPolicy<S> {
  /** A snapshot whenever a multiple of this many events is crossed. Default 100. */
  readonly everyEvents?: number
  /** How many are kept per fingerprint. Default 1. */
  readonly keep?: number
  /** Raise it when `evolve` depends on code that it only calls: the fingerprint sees the evolvers' own source alone. */
  readonly version?: number
  /** State → JSON. Default: the state itself, which then must be JSON. */
  readonly save?: (state: S) => unknown
  /** JSON → state; the inverse of `save`. */
  readonly restore?: (body: any) => S
}

/** How long a warm aggregate stays: a time without use, for ever, encoded compactly at once, or not at all. */
export type Lifespan = Duration | 'forever' | 'hibernate' | 'stop'

/** What happens to a warm aggregate that nobody uses. */
export interface LifespanPolicy {
  /** After a command that appended. Default 30 minutes. */
  readonly afterEvent?: Lifespan | ((event: DomainEvent) => Lifespan)
  /** After a command that appended nothing. Default 30 minutes. */
  readonly afterCommand?: Lifespan | ((command: string) => Lifespan)
  /** After a command that failed. Default 5 minutes. */
  readonly afterError?: Lifespan | ((error: unknown) => Lifespan)
  /** When the time is over: `'stop'` takes a snapshot and forgets the state; `'hibernate'` keeps it encoded. Default `'stop'`. */
  readonly onTimeout?: 'stop' | 'hibernate'
}

/** A fold that commands ask, one per stream `<name>-<id>`. */
export interface Aggregate<N extends string = string, E extends DomainEvent = DomainEvent, S = unknown> {
  readonly kind: 'aggregate'
  readonly name: N
  readonly events: readonly AnyEventType[]
  readonly initial: () => S
  /** Erased inside, typed at the edge: callers see `Evolvers`. */
  readonly evolve: AnyEvolvers
  readonly snapshot?: SnapshotPolicy<any> | false
  readonly lifespan?: LifespanPolicy
  /** Types only; never present at run time. */
  readonly '~types'?: { readonly event: E; readonly state: S }
}

/** Any aggregate. */
export type AnyAggregate = Aggregate<string, any, any>
/** The union of an aggregate's events. */
export type EventsOf<A extends AnyAggregate> = NonNullable<A['~types']>['event']
/** An aggregate's state. */
export type StateOf<A extends AnyAggregate> = NonNullable<A['~types']>['state']

/**
 * Defines an aggregate: `events` + `initial` + `evolve`, a pure fold.
 *
 * @param name  the category of its streams: letters, digits, `_` and `.`. `account` → `account-7`.
 * @throws DefinitionError (`ES_DEFINITION`) a bad name, two events of one type, a missing evolver, a count or Duration ≤ 0.
 * @example
 * const Counter = aggregate('counter', {
 *   events: [Increased],
 *   initial: () => 0,
 *   evolve: { Increased: (count, { data }) => count + data.by },
 * })
 */
export function aggregate<const N extends string, ET extends AnyEventType, S>(
  name: N,
  definition: {
    readonly events: readonly ET[]
    readonly initial: () => S
    readonly evolve: Evolvers<EventOf<ET>, S>
    /** `false`: never. */
    readonly snapshot?: SnapshotPolicy<NoInfer<S>> | false
    readonly lifespan?: LifespanPolicy
  },
): Aggregate<N, EventOf<ET>, S> {
  if (typeof name !== 'string' || !isCategory(name)) {
    throw new DefinitionError(
      `Aggregate ${JSON.stringify(name)}: the name is the category of its streams, of letters, digits, "_" and ".".`,
    )
  }
  assertFold(`Aggregate ${name}`, definition)
  const { snapshot, lifespan } = definition
  if (snapshot) {
    if (snapshot.everyEvents !== undefined) toCount(snapshot.everyEvents, `snapshot.everyEvents of aggregate ${name}`)
    if (snapshot.keep !== undefined) toCount(snapshot.keep, `snapshot.keep of aggregate ${name}`)
    if ((snapshot.save === undefined) !== (snapshot.restore === undefined)) {
      throw new DefinitionError(`Aggregate ${name}: snapshot.save and snapshot.restore belong together; one of them is missing.`)
    }
  }
  if (lifespan) assertLifespan(lifespan, `aggregate ${name}`)
  return { kind: 'aggregate', name, ...definition } as never
}

/** Checks what every fold shares; `events` of one type twice, or an evolver missing, is found where it is written. */
export function assertFold(
  what: string,
  fold: { readonly events: readonly AnyEventType[]; readonly initial?: unknown; readonly evolve?: object },
  exhaustive = true,
): void {
  if (!Array.isArray(fold.events) || fold.events.length === 0)
    throw new DefinitionError(`${what}: events must list at least one event type.`)
  const types = new Set<string>()
  for (const type of fold.events) {
    if (type?.kind !== 'event') throw new DefinitionError(`${what}: events must be made by event().`)
    if (types.has(type.type)) throw new DefinitionError(`${what} lists the event ${type.type} twice.`)
    types.add(type.type)
  }
  if (!('evolve' in fold)) return
  if (typeof fold.evolve !== 'object' || fold.evolve === null)
    throw new DefinitionError(`${what}: evolve must have one function per event type.`)
  if (typeof fold.initial !== 'function') throw new DefinitionError(`${what}: initial must be a function that makes the first state.`)
  for (const type of Object.keys(fold.evolve)) {
    if (!types.has(type)) throw new DefinitionError(`${what}: evolve has ${type}, which is not among its events.`)
  }
  if (!exhaustive) return
  for (const type of types) {
    if (typeof (fold.evolve as Record<string, unknown>)[type] !== 'function')
      throw new DefinitionError(`${what}: evolve has no function for ${type}.`)
  }
}

/** Refuses a lifespan of 0 or less where it is written; what functions return is checked when they do. */
export function assertLifespan(policy: LifespanPolicy, owner: string): void {
  for (const name of ['afterEvent', 'afterCommand', 'afterError'] as const) {
    const value = policy[name]
    if (value !== undefined && typeof value !== 'function') lifespanMs(value, `lifespan.${name} of ${owner}`)
  }
  const { onTimeout } = policy
  if (onTimeout !== undefined && onTimeout !== 'stop' && onTimeout !== 'hibernate') {
    throw new DefinitionError(`lifespan.onTimeout of ${owner} must be 'stop' or 'hibernate', not ${JSON.stringify(onTimeout)}.`)
  }
}

/** A lifespan in milliseconds, `Infinity` for `'forever'`, or the word itself. */
export function lifespanMs(lifespan: Lifespan, what: string): number | 'hibernate' | 'stop' {
  if (lifespan === 'forever') return Number.POSITIVE_INFINITY
  if (lifespan === 'hibernate' || lifespan === 'stop') return lifespan
  return toMs(lifespan, what)
}
