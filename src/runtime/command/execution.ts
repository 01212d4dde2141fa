/** One command on its way: the parsed request and everything that its stages and its events need to know. */
import type { AnyCommand, CommandContext } from '../../core/command.ts'
import { DefinitionError, ForbiddenError, ValidationError } from '../../core/errors.ts'
import type { DomainEvent } from '../../core/event.ts'
import type { ExpectedVersion } from '../../core/event-store.ts'
import type { Metadata } from '../../core/metadata.ts'
import type { RecordedEvent } from '../../core/recorded-event.ts'
import { isRejection, type Rejection } from '../../core/rejection.ts'
import type { Fallbacks } from '../engine.ts'

/** A command on its way. */
export interface Execution {
  /** UUIDv7; also the causation of its events, unless it was given one. */
  readonly id: string
  readonly command: AnyCommand
  readonly input: unknown
  readonly actor: unknown
  readonly context: unknown
  readonly tenant: string
  readonly metadata: Metadata
  /** The same as JSON text, encoded once for all its events. */
  readonly metadataText: string
  readonly expectedVersion: ExpectedVersion | undefined
  readonly idempotency: IdempotencyKey | undefined
  readonly returnState: boolean
  /** Commands sent by a process manager are trusted: `authorize` is not asked. */
  readonly trusted: boolean
  /** Aborts when its caller stops waiting: what has not been decided by then need not be. */
  readonly abandoned: AbortSignal | undefined
}

/** An idempotency key with what tells requests apart. */
export interface IdempotencyKey {
  readonly key: string
  readonly hash: string
  readonly expiresAt: number
}

/** What a command came to, before it is dressed for the caller. */
export type Settled =
  | {
      readonly kind: 'accepted'
      readonly events: readonly RecordedEvent[]
      readonly version: number
      readonly position: number
      readonly duplicate: boolean
      readonly state?: unknown
    }
  | { readonly kind: 'rejected'; readonly rejection: Rejection; readonly duplicate: boolean }

/** What the stages of a command see. */
export function contextOf(execution: Execution, state: unknown, nowMs: number): CommandContext<unknown, unknown, unknown, unknown> {
  const { command, input, actor, context, tenant } = execution
  return { command: command.command, input, state, actor, context, tenant, now: new Date(nowMs) }
}

/** Whether there is anything for `check` to do. */
export function isChecked({ command, trusted }: Execution, fallbacks: Fallbacks): boolean {
  return (!trusted && (command.authorize ?? fallbacks.authorize) !== undefined) || (command.validate ?? fallbacks.validate) !== undefined
}

/**
 * authorize → validate, on the very state that `decide` will see.
 *
 * @returns a promise only when a stage is asynchronous; throws or rejects with ForbiddenError or ValidationError.
 */
export function check({ command, trusted }: Execution, context: object, fallbacks: Fallbacks): undefined | Promise<void> {
  const authorize = trusted ? undefined : (command.authorize ?? fallbacks.authorize)
  const validate = command.validate ?? fallbacks.validate
  if (!authorize && !validate) return undefined
  const allowed = authorize ? authorize(context) : true
  if (isPromise(allowed)) {
    return Promise.resolve(allowed).then((settled) => {
      assertAllowed(settled, command)
      return finishValidation(validate?.(context), command)
    })
  }
  assertAllowed(allowed, command)
  return finishValidation(validate?.(context), command)
}

/**
 * The business rule, once.
 *
 * @throws DefinitionError (`ES_DEFINITION`) it returned a promise; whatever it throws itself.
 */
export function decide({ command }: Execution, context: object): readonly DomainEvent[] | Rejection {
  const decided = command.decide(context)
  if (decided === undefined || decided === null) return []
  if (isRejection(decided)) return decided
  if (isPromise(decided)) {
    Promise.resolve(decided).catch(() => {}) // the refusal below is the answer; its own outcome must not become an unhandled rejection
    throw new DefinitionError(
      `decide of ${command.command} returned a promise: it must be synchronous. What needs to wait belongs into validate.`,
    )
  }
  return Array.isArray(decided) ? decided : [decided as DomainEvent]
}

/** Also one of another library's kind: to take it for a value would let through what it is about to refuse. */
function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function'
}

function assertAllowed(allowed: unknown, command: AnyCommand): void {
  if (allowed !== true) throw new ForbiddenError(command.command)
}

type Messages = readonly string[] | undefined

function finishValidation(messages: Messages | Promise<Messages>, command: AnyCommand): undefined | Promise<void> {
  if (isPromise(messages)) return Promise.resolve(messages).then((settled) => assertValid(settled, command))
  assertValid(messages, command)
  return undefined
}

function assertValid(messages: Messages, command: AnyCommand): void {
  if (messages && messages.length > 0) throw new ValidationError(`input of ${command.command}`, messages)
}
