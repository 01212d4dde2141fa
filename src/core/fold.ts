/**
 * The one idea used everywhere: a fold. `events`, `initial` and `evolve` mean the same in an aggregate, a decision, a
 * projection and a process.
 */
import type { ByType, DomainEvent } from './event.ts'
import type { DecidedEvent } from './recorded-event.ts'

type Primitive = string | number | bigint | boolean | null | undefined

/**
 * `S` itself, spelled so that its literals survive: in a parameterless arrow the checker would
 * widen `{ status: 'closed' }` to `string` before it knows `S` (TypeScript 5.9 and 7.0 alike).
 */
export type Narrow<S> = { [K in keyof S]: Extract<S[K], Primitive> | Exclude<S[K], Primitive> }

/** One pure function per event type. Exhaustive: a forgotten event is a compile error. */
export type Evolvers<E extends DomainEvent, S> = {
  readonly [T in E['type']]: (state: S, event: DecidedEvent<ByType<E, T>>) => NoInfer<Narrow<S>>
}

/** Evolvers with the types erased, as the engine runs them. */
export type AnyEvolvers = Readonly<Record<string, ((state: any, event: any, extra?: any) => any) | undefined>>

/** One step: the next state, or the same one where the fold has no function for this type. */
export function step(evolve: AnyEvolvers, state: unknown, event: { readonly type: string }, extra?: unknown): unknown {
  const evolver = evolve[event.type]
  return evolver === undefined ? state : evolver(state, event, extra)
}
