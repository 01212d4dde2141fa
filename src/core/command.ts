/** Commands: a request that goes through parse → authorize → validate → decide. */
import type { AnyAggregate, EventsOf, StateOf } from './aggregate.ts'
import { DefinitionError } from './errors.ts'
import type { AnyEventType, DomainEvent } from './event.ts'
import { assertOptions } from './options.ts'
import type { Rejection } from './rejection.ts'
import { assertSchema, type In, type Out, type Schema } from './schema.ts'

/** A value or a promise of it. */
export type MaybePromise<T> = T | Promise<T>

/** Who asks, unless you bind your own type with `actors(schema)`. */
export interface Actor {
  readonly id: string
  readonly roles: readonly string[]
}

/** Values that `execute(…, { context })` hands to every stage; bind their type with `actors(schema, { context })`. */
export type ContextValues = Readonly<Record<string, unknown>>

/** What `decide` may return: events, a "no", or nothing at all. */
export type Decided<E extends DomainEvent> = E | readonly E[] | Rejection | undefined
/** The events among what `decide` returns. */
export type EmittedBy<R> = R extends readonly (infer E)[] ? E : Exclude<R, Rejection | undefined>
/** The rejections among what `decide` returns. */
export type RejectedBy<R> = Extract<R, Rejection>

/** A command with its input, ready for `app.execute`. */
export interface CommandCall<N extends string = string, E = unknown, X extends Rejection = Rejection, Who = any, Values = any> {
  readonly kind: 'call'
  readonly command: N
  readonly input: unknown
  readonly definition: AnyCommand
  readonly '~types'?: { readonly event: E; readonly rejection: X; readonly actor: Who; readonly context: Values }
}

/** A callable command: `withdraw({ accountId, amount })` makes the call that `app.execute` takes. */
export interface Command<
  N extends string = string,
  I extends Schema = Schema,
  E = unknown,
  X extends Rejection = Rejection,
  Who = any,
  Values = any,
> {
  (input: In<I>): CommandCall<N, E, X, Who, Values>
  readonly kind: 'command'
  readonly command: N
  readonly input: I
  /** What decides: an aggregate's state, a query over the log, or nothing but the input. */
  readonly boundary: CommandBoundary
  readonly authorize: ((context: any) => MaybePromise<boolean>) | undefined
  readonly validate: ((context: any) => MaybePromise<readonly string[] | undefined>) | undefined
  readonly decide: (context: any) => unknown
  /** How the actor and the context are checked, when they were bound by `actors`. */
  readonly asker: Asker
}

/** What the decision of a command depends on, and where its events go. */
export type CommandBoundary =
  | { readonly kind: 'aggregate'; readonly aggregate: AnyAggregate; readonly id: (input: any) => string }
  | { readonly kind: 'stream'; readonly stream: (input: any) => string; readonly events: readonly AnyEventType[] }
  | {
      readonly kind: 'query'
      readonly stream: (input: any) => string
      readonly events: readonly AnyEventType[]
      readonly query: (input: any) => readonly { readonly types?: readonly string[]; readonly tags?: readonly string[] }[]
      readonly initial: () => unknown
      readonly evolve: Readonly<Record<string, (state: any, event: any, input: any) => unknown>>
    }

/** The schemas of who asks and of what comes along. Absent: the built-in Actor, any values. */
export interface Asker {
  readonly actor?: Schema
  readonly context?: Schema
  /** Which actor a process manager is when it sends a command. */
  readonly process?: (name: string) => unknown
}

/** Any command. */
export type AnyCommand = Command<string, any, any, any, any, any>
/** The call that a command makes. */
export type CallOf<C extends AnyCommand> = ReturnType<C>
/** Any call. */
export type AnyCall = CommandCall<string, any, any, any, any>
/** The rejections that a call may end in. */
export type RejectionOf<C extends AnyCall> = NonNullable<C['~types']>['rejection']
/** Who may make a call. */
export type ActorOf<C extends AnyCall> = NonNullable<C['~types']>['actor']
/** The events that a call may emit. */
export type EmittedOf<C extends AnyCall> = NonNullable<C['~types']>['event']

/** What every stage of a command sees. */
export interface CommandContext<I, S, Who, Values = ContextValues> {
  /** The command's name. */
  readonly command: string
  readonly input: I
  /** The very state that `decide` sees. Never change it. */
  readonly state: S
  readonly actor: Who
  readonly context: Values
  readonly tenant: string
  /** The time of this decision, from the app's clock. */
  readonly now: Date
}

/** The stages that every kind of command has. */
export interface CommandStages<I extends Schema, S, Who, Values, R> {
  /** Shape of the request. Checked first; may be asynchronous. */
  readonly input: I
  /** May this actor do it? `false` ends in ForbiddenError. Absent: the app's `authorize`, else any actor may. */
  readonly authorize?: (context: CommandContext<Out<I>, S, Who, Values>) => MaybePromise<boolean>
  /** Checks that need the outside world. Returned messages end in ValidationError. */
  readonly validate?: (context: CommandContext<Out<I>, S, Who, Values>) => MaybePromise<readonly string[] | undefined>
  /** The business rule. Pure and synchronous, it may run more than once: state + input in, events or a rejection out. */
  readonly decide: (context: CommandContext<Out<I>, S, Who, Values>) => R
}

/** Makes commands whose actor is `Who`. */
export interface CommandFactory<Who, Values> {
  /**
   * Defines a command of an aggregate.
   *
   * @param name  imperative, PascalCase, unique in the app: `Withdraw`.
   * @example
   * const deposit = command(Account, 'Deposit', {
   *   input: z.object({ accountId: z.string(), amount: z.int().positive() }),
   *   id: (input) => input.accountId,
   *   decide: ({ input }) => MoneyDeposited({ amount: input.amount }),
   * })
   */
  <A extends AnyAggregate, const N extends string, I extends Schema, R extends Decided<EventsOf<A>>>(
    aggregate: A,
    name: N,
    definition: CommandStages<I, StateOf<A>, Who, Values, R> & {
      /** Which instance the command is for; the stream is `<aggregate>-<id>`. */
      readonly id: (input: Out<I>) => string
    },
  ): Command<N, I, EmittedBy<R>, RejectedBy<R>, Who, Values>
  /**
   * Defines a command without an aggregate: it decides from its input alone.
   *
   * @example
   * const activateUser = command('ActivateUser', {
   *   input: z.object({ userId: z.string() }),
   *   stream: ({ userId }) => `user-${userId}`,
   *   decide: ({ input }) => UserActivated({ userId: input.userId }),
   * })
   */
  <const N extends string, I extends Schema, R extends Decided<DomainEvent>>(
    name: N,
    definition: CommandStages<I, undefined, Who, Values, R> & {
      /** A full stream name, `<category>-<id>`: where the events go. */
      readonly stream: (input: Out<I>) => string
      /** Its event types; needed only to read them back with their upcasters. */
      readonly events?: readonly AnyEventType[]
    },
  ): Command<N, I, EmittedBy<R>, RejectedBy<R>, Who, Values>
}

/** Defines a command. See `CommandFactory` for its two forms. */
export const command: CommandFactory<Actor, ContextValues> = commandFactory({})

/** The factory behind `command` and `actors(…).command`. */
export function commandFactory(asker: Asker): any {
  return (first: AnyAggregate | string, second: string | StandAlone, third?: OfAggregate) => {
    if (typeof first === 'string') {
      const definition = second as StandAlone
      if (typeof definition?.stream !== 'function') {
        throw new DefinitionError(`Command ${first} has no aggregate, so it needs stream: (input) => '<category>-<id>'.`)
      }
      return makeCommand(first, asker, definition, { kind: 'stream', stream: definition.stream, events: definition.events ?? [] })
    }
    if (first?.kind !== 'aggregate') throw new DefinitionError(`Command ${String(second)}: the first argument must be made by aggregate().`)
    if (typeof third?.id !== 'function')
      throw new DefinitionError(`Command ${String(second)} needs id: (input) => the id of its ${first.name}.`)
    return makeCommand(second as string, asker, third, { kind: 'aggregate', aggregate: first, id: third.id })
  }
}

/** The parts that all kinds of commands share; `decision` uses it too. */
export function makeCommand(name: string, asker: Asker, stages: AnyStages, boundary: CommandBoundary): any {
  if (typeof name !== 'string' || name.length === 0) throw new DefinitionError('A command needs a name, e.g. Withdraw.')
  assertSchema(stages.input, `Command ${name}`)
  if (typeof stages.decide !== 'function') throw new DefinitionError(`Command ${name} needs decide.`)
  assertOptions(`Command ${name}`, stages, optionsOf[boundary.kind])
  const { input, authorize, validate, decide } = stages
  const self: any = (value: unknown) => ({ kind: 'call', command: name, input: value, definition: self })
  return Object.assign(self, { kind: 'command', command: name, input, boundary, authorize, validate, decide, asker })
}

const stageOptions = ['input', 'authorize', 'validate', 'decide'] as const
const optionsOf: Readonly<Record<CommandBoundary['kind'], readonly string[]>> = {
  aggregate: [...stageOptions, 'id'],
  stream: [...stageOptions, 'stream', 'events'],
  query: [...stageOptions, 'stream', 'events', 'boundary', 'initial', 'evolve'],
}

type AnyStages = CommandStages<any, any, any, any, any>
type OfAggregate = AnyStages & { readonly id: (input: any) => string }
type StandAlone = AnyStages & { readonly stream: (input: any) => string; readonly events?: readonly AnyEventType[] }
