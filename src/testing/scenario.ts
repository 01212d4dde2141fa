/** Given events, when a command, then events or a "no": tests in the words of the domain. */
import type { AnyAggregate, EventsOf } from '../core/aggregate.ts'
import type { ActorOf, AnyCall, AnyCommand, CallOf, EmittedOf, RejectionOf } from '../core/command.ts'
import { DacapoError } from '../core/errors.ts'
import type { AnyEventType, DomainEvent } from '../core/event.ts'
import { encodeEvent } from '../core/event-codec.ts'
import type { AnyEventHandler } from '../core/event-handler.ts'
import type { EventStore } from '../core/event-store.ts'
import type { Outcome } from '../core/outcome.ts'
import type { AnyProcessManager } from '../core/process-manager.ts'
import type { AnyProjection, ViewOf } from '../core/projection.ts'
import type { Rejection } from '../core/rejection.ts'
import { streamName } from '../core/stream-name.ts'
import { createApp } from '../runtime/create-app.ts'
import { newId } from '../runtime/system.ts'
import { memory } from '../stores/memory/index.ts'
import { fail as failed, textOf, textOfEvents } from './expectation.ts'
import { definitionIn, type GivenEvent } from './given-events.ts'
import { type HandlerScenario, handlerScenario } from './handler-scenario.ts'
import { type ProcessScenario, processScenario } from './process-scenario.ts'
import { type ProjectionScenario, projectionScenario } from './projection-scenario.ts'
import { testClock } from './test-clock.ts'

/** An event without what a store adds to it. */
export type Shape<E> = E extends DomainEvent ? DomainEvent<E['type'], E['data']> : never

/** What a command should have come to. */
export interface Then<Call extends AnyCall> {
  /** Exactly these events, in this order. Not named `then`: `await` would call it. */
  thenEvents(...events: readonly Shape<EmittedOf<Call>>[]): Promise<void>
  /** Accepted, and nothing was written. */
  thenNothing(): Promise<void>
  /** A rejection with this code, and with these details if they are given. */
  thenRejected(code: RejectionOf<Call>['code'], details?: unknown): Promise<void>
  thenForbidden(): Promise<void>
  /** A ValidationError; `message` is a part of its text. */
  thenInvalid(message?: string): Promise<void>
}

/** The past is said; now a command. */
export interface Given<Call extends AnyCall> {
  when<C extends Call>(call: C, options?: WhenOptions<C>): Then<C>
}

/** Who asks and when, in a scenario. */
export interface WhenOptions<Call extends AnyCall> {
  /** Default: `{ id: 'test', roles: [] }`. */
  readonly actor?: ActorOf<Call>
  readonly context?: Readonly<Record<string, unknown>>
  /** Default: 2030-01-01T00:00:00Z. */
  readonly now?: Date
}

/** A test of an aggregate's commands, or of a decision. */
export interface Scenario<E, Call extends AnyCall> {
  given(...events: readonly Shape<E>[]): Given<Call>
}

/**
 * A scenario of an aggregate: the given events are its stream.
 *
 * @example
 * await scenario(Account)
 *   .given(AccountOpened({ owner: 'ann' }), MoneyDeposited({ amount: 10 }))
 *   .when(withdraw({ accountId: 'a', amount: 30 }), { actor: ann })
 *   .thenRejected('InsufficientFunds')
 */
export function scenario<A extends AnyAggregate>(aggregate: A): Scenario<EventsOf<A>, AnyCall>
/** A scenario of a decision, or of a command without an aggregate: the given events are the whole log. */
export function scenario<C extends AnyCommand>(command: C): Scenario<DomainEvent, CallOf<C>>
/**
 * A scenario of a projection: the given events are what it folds.
 *
 * @example
 * scenario(balances)
 *   .given(inStream('account-a', AccountOpened({ owner: 'ann' }), MoneyDeposited({ amount: 10 })))
 *   .thenRows({ a: { owner: 'ann', balance: 10 } })
 */
export function scenario<P extends AnyProjection>(projection: P): ProjectionScenario<ViewOf<P>>
/**
 * A scenario of a process manager: the given events are handled, and what it sends is accepted, unless the scenario says otherwise.
 *
 * @example
 * await scenario(transferMoney)
 *   .given(TransferRequested({ transferId: 't', from: 'a', to: 'b', amount: 5 }))
 *   .thenCommands(withdraw({ accountId: 'a', amount: 5, transferId: 't' }))
 */
export function scenario(process: AnyProcessManager): ProcessScenario
/**
 * A scenario of an event handler: the given events are handled, and every command that it executes is accepted.
 *
 * @example
 * await scenario(payBonus)
 *   .given(inStream('account-a', AccountOpened({ owner: 'ann' })))
 *   .thenCommands(deposit({ accountId: 'a', amount: 10 }))
 */
export function scenario(handler: AnyEventHandler): HandlerScenario
export function scenario(
  subject: AnyAggregate | AnyCommand | AnyProjection | AnyProcessManager | AnyEventHandler,
): Scenario<DomainEvent, AnyCall> | ProjectionScenario<unknown> | ProcessScenario | HandlerScenario {
  if (subject.kind === 'projection') return { given: (...past: readonly GivenEvent[]) => projectionScenario(subject, past) }
  if (subject.kind === 'process') return { given: (...past: readonly GivenEvent[]) => processScenario(subject, past) }
  if (subject.kind === 'handler') return { given: (...past: readonly GivenEvent[]) => handlerScenario(subject, past) }
  return decidingScenario(subject)
}

function decidingScenario(subject: AnyAggregate | AnyCommand): Scenario<DomainEvent, AnyCall> {
  return {
    given: (...past) => ({
      when(call, options = {}) {
        let outcome: Promise<Outcome<DomainEvent, Rejection>> | undefined
        const run = (): Promise<Outcome<DomainEvent, Rejection>> => {
          outcome ??= runScenario(subject, past as readonly DomainEvent[], call, options)
          return outcome
        }
        return expectations(call.command, run)
      },
    }),
  }
}

async function runScenario(
  subject: AnyAggregate | AnyCommand,
  past: readonly DomainEvent[],
  call: AnyCall,
  options: WhenOptions<AnyCall>,
): Promise<Outcome<DomainEvent, Rejection>> {
  const clock = testClock(options.now)
  const store = memory({ clock })
  await appendPast(store, subject, past, call)
  const app = createApp({ store, clock, commands: [call.definition] })
  const { actor = { id: 'test', roles: [] }, context } = options
  try {
    return (await app.attempt(call as never, { actor, ...(context ? { context } : {}) } as never)) as never
  } finally {
    await app.stop()
  }
}

async function appendPast(
  store: EventStore,
  subject: AnyAggregate | AnyCommand,
  past: readonly DomainEvent[],
  call: AnyCall,
): Promise<void> {
  const { boundary, input: schema } = call.definition
  const events = past.map((event) => encodeEvent(typeOf(subject, event), event, newId(), '{}'))
  if (events.length === 0) return
  let stream = 'given-events'
  if (boundary.kind === 'aggregate') {
    const result = await schema['~standard'].validate(call.input)
    // An input that does not parse never reaches a stream, so the past does not matter either.
    if (result.issues) return
    stream = streamName(boundary.aggregate.name, boundary.id(result.value))
  }
  await store.append([{ stream, expectedVersion: 'none', events }])
}

function typeOf(subject: AnyAggregate | AnyCommand, event: DomainEvent): AnyEventType {
  const listed =
    subject.kind === 'aggregate'
      ? subject.events
      : subject.boundary.kind === 'aggregate'
        ? subject.boundary.aggregate.events
        : subject.boundary.events
  return definitionIn(listed, event)
}

function expectations(command: string, run: () => Promise<Outcome<DomainEvent, Rejection>>): Then<AnyCall> {
  const fail = (expected: string, actual: string): never => failed(command, expected, actual)
  /** What it came to, in one line. */
  const told = async (): Promise<string> => {
    try {
      const outcome = await run()
      if (!outcome.ok) return `a rejection ${textOf(outcome.rejection.code, outcome.rejection.details)}`
      return outcome.receipt.events.length === 0 ? 'no events' : `events ${textOfEvents(outcome.receipt.events)}`
    } catch (error) {
      return `${error}`
    }
  }
  const thrown = () =>
    run().then(
      () => undefined,
      (error: unknown) => error,
    )
  return {
    async thenEvents(...events) {
      const expected = textOfEvents(events as readonly DomainEvent[])
      const outcome = await run().catch(() => undefined)
      if (!outcome?.ok || textOfEvents(outcome.receipt.events) !== expected) fail(`events ${expected}`, await told())
    },
    async thenNothing() {
      const outcome = await run().catch(() => undefined)
      if (!outcome?.ok || outcome.receipt.events.length > 0) fail('no events', await told())
    },
    async thenRejected(code, details) {
      const outcome = await run().catch(() => undefined)
      const rejection = outcome && !outcome.ok ? outcome.rejection : undefined
      const asExpected = rejection?.code === code && (details === undefined || textOf('', rejection?.details) === textOf('', details))
      if (!asExpected) fail(`a rejection ${textOf(code, details)}`, await told())
    },
    async thenForbidden() {
      const error = await thrown()
      if (!DacapoError.is(error) || error.code !== 'ES_FORBIDDEN') fail('to be forbidden', await told())
    },
    async thenInvalid(message = '') {
      const error = await thrown()
      if (!DacapoError.is(error) || error.code !== 'ES_VALIDATION' || !error.message.includes(message)) {
        fail(`to be invalid${message && `: ${message}`}`, await told())
      }
    },
  }
}
