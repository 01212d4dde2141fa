/**
 * The life of a command: parse → authorize → validate → load → decide → append → transactional projections → receipt.
 *
 * This file walks it from the outside: middleware, the request's parts, the idempotency key, and then to whoever decides:
 * the stream's worker for an aggregate (`stream-worker.ts`), or a single execution for everything else.
 */
import { assertExpectedVersion } from '../../core/check-append.ts'
import type { AnyCall, AnyCommand, MaybePromise } from '../../core/command.ts'
import { type Duration, toMs } from '../../core/duration.ts'
import { DacapoError, DefinitionError, ValidationError } from '../../core/errors.ts'
import type { DomainEvent } from '../../core/event.ts'
import type { EventStore, ExpectedVersion } from '../../core/event-store.ts'
import { fromJson, toJson } from '../../core/json.ts'
import type { Metadata } from '../../core/metadata.ts'
import { assertOptions } from '../../core/options.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Rejection } from '../../core/rejection.ts'
import { parse } from '../../core/schema.ts'
import { streamName } from '../../core/stream-name.ts'
import { findCommand } from '../definitions.ts'
import type { Engine } from '../engine.ts'
import { withPatience } from '../timeout.ts'
import type { Execution, Settled } from './execution.ts'
import { recall, toKey } from './idempotency.ts'

/** A command as plain data, e.g. from an HTTP request or a file: its input is parsed by the command's schema. */
export interface CommandRequest {
  readonly command: string
  readonly input: unknown
  readonly kind?: never
}

/** What can be said with a command, beside its actor. */
export interface ExecuteOptions {
  /** Added to each event's metadata; JSON. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Default: the execution's own id. */
  readonly correlationId?: string
  /** What caused it, e.g. the id of an event. Default: the execution's own id. */
  readonly causationId?: string
  /** 1–512 characters: the same key gives the same outcome, also after a crash, also a "no". Kept 7 days by default. */
  readonly idempotencyKey?: string
  /** Refuses with ConcurrencyError, without a retry, when the stream is elsewhere. */
  readonly expectedVersion?: ExpectedVersion
  readonly signal?: AbortSignal
  /** Ends in TimedOutError. What was already sent to the store may still be written: a key makes a retry safe. */
  readonly timeout?: Duration
  /** The receipt carries the state after the command. */
  readonly returnState?: boolean
  /**
   * Waits, after the command was executed, until these projections, handlers and processes have dealt with its events; or `'all'` that
   * they concern. They may run in another process.
   */
  readonly waitFor?: 'all' | readonly { readonly kind: 'projection' | 'table-projection' | 'handler' | 'process'; readonly name: string }[]
  /** `'strong'` is `waitFor: 'all'`. Default: `defaults.command.consistency`. */
  readonly consistency?: 'eventual' | 'strong'
  /** Default 5 seconds; then TimedOutError, which tells who lags. The command was executed. */
  readonly waitTimeout?: Duration
}

/** With whom and what comes along. */
export interface Asking extends ExecuteOptions {
  readonly actor: unknown
  readonly context?: unknown
}

/** What middleware sees of a command. */
export interface MiddlewareContext {
  readonly command: string
  /** As it was given, not parsed yet. */
  readonly input: unknown
  readonly tenant: string
  readonly executionId: string
  actor: unknown
  /** The values for `context` in every stage; may be added to. */
  context: Record<string, unknown>
  /** Added to each event's metadata; may be added to. */
  readonly metadata: Record<string, unknown>
  readonly signal: AbortSignal | undefined
}

/** An onion around every command: do something, `await next()`, do something with its outcome, return it. */
export type Middleware = (
  context: MiddlewareContext,
  next: () => Promise<Outcome<DomainEvent, Rejection>>,
) => MaybePromise<Outcome<DomainEvent, Rejection>>

/** Who decides: given an execution, it settles it. */
export type Decider = (execution: Execution, stream: string | undefined) => Promise<Settled>

/** What executing needs beside the engine. */
export interface ExecutionPath {
  readonly engine: Engine
  readonly tenant: string
  readonly middleware: readonly Middleware[]
  readonly source: Pick<EventStore, 'readStream' | 'remembered'>
  readonly decider: Decider
  /** Around the execution: the life of the app that it is part of, which the caller's patience covers too. */
  readonly during: <T>(call: () => Promise<T>) => Promise<T>
  readonly trusted?: boolean
  /** Whoever executes it may do so again much later, and must still find its outcome. */
  readonly isKeptLong?: boolean
}

/** Executes a command; a "no" is a value. */
export async function executeCommand(
  path: ExecutionPath,
  request: AnyCall | CommandRequest,
  asking: Asking,
): Promise<Outcome<DomainEvent, Rejection>> {
  const { engine } = path
  const command = commandOf(engine, request)
  const { timeout = undefined, signal } = asking ?? {}
  const timeoutMs = timeout === undefined ? engine.settings.timeoutMs : toMs(timeout, 'timeout')
  return withPatience(
    (abandoned) => path.during(() => dispatch(path, command, request.input, asking, abandoned)),
    { timeoutMs, signal },
    `execute ${command.command}`,
    engine.clock,
  )
}

function dispatch(
  path: ExecutionPath,
  command: AnyCommand,
  input: unknown,
  asking: Asking,
  abandoned: AbortSignal | undefined,
): Promise<Outcome<DomainEvent, Rejection>> {
  const { engine, tenant } = path
  const executionId = engine.ids.next()
  if (!engine.tracing) return dispatchAs(executionId, path, command, input, asking, abandoned)
  const work = {
    kind: 'command',
    tenant,
    command: command.command,
    executionId,
    correlationId: asking?.correlationId ?? executionId,
  } as const
  return engine.tracing.around(work, () => dispatchAs(executionId, path, command, input, asking, abandoned))
}

async function dispatchAs(
  executionId: string,
  path: ExecutionPath,
  command: AnyCommand,
  input: unknown,
  asking: Asking,
  abandoned: AbortSignal | undefined,
): Promise<Outcome<DomainEvent, Rejection>> {
  const { engine, tenant, middleware } = path
  const { counters, tell, clock } = engine
  const name = command.command
  const startedAt = tell ? clock.now() : 0
  tell?.({ signal: 'dispatch.start', tenant, command: name, executionId, correlationId: asking?.correlationId ?? executionId })
  try {
    assertAsking(asking, name)
    const context: MiddlewareContext = {
      command: name,
      input,
      tenant,
      executionId,
      actor: asking.actor,
      context: { ...(asking.context as object | undefined) },
      metadata: { ...asking.metadata },
      signal: asking.signal,
    }
    const outcome = await throughMiddleware(engine, middleware, context, async () =>
      toOutcome(await settle(path, await toExecution(path, command, context, asking, abandoned))),
    )
    countOutcome(counters, outcome)
    if (tell) {
      const told = outcome.ok
        ? { outcome: outcome.receipt.events.length > 0 ? ('accepted' as const) : ('empty' as const), duplicate: outcome.receipt.duplicate }
        : { outcome: 'rejected' as const, code: outcome.rejection.code, duplicate: outcome.duplicate }
      const events = outcome.ok ? outcome.receipt.events.length : 0
      tell({ signal: 'dispatch.stop', tenant, command: name, executionId, ...told, events, durationMs: clock.now() - startedAt })
    }
    return outcome
  } catch (error) {
    counters.failed++
    const code = DacapoError.is(error) ? error.code : undefined
    tell?.({ signal: 'dispatch.exception', tenant, command: name, executionId, error, code, durationMs: clock.now() - startedAt })
    throw error
  }
}

async function settle(path: ExecutionPath, execution: Execution): Promise<Settled> {
  const { engine, tenant, source } = path
  const { command, input, idempotency } = execution
  if (idempotency) {
    const entry = await source.remembered(tenant, idempotency.key)
    if (entry) return recall(engine, source, execution, entry)
    engine.tell?.({ signal: 'idempotency.miss', tenant, key: idempotency.key, command: command.command })
  }
  const { boundary } = command
  return path.decider(execution, boundary.kind === 'aggregate' ? streamName(boundary.aggregate.name, boundary.id(input)) : undefined)
}

async function toExecution(
  { engine, trusted = false, isKeptLong = false }: ExecutionPath,
  command: AnyCommand,
  given: MiddlewareContext,
  options: ExecuteOptions,
  abandoned: AbortSignal | undefined,
): Promise<Execution> {
  const { executionId: id, tenant } = given
  const { asker, command: name } = command
  const { correlationId = id, causationId = id, expectedVersion, idempotencyKey, returnState = false } = options
  if (expectedVersion !== undefined) assertExpectedVersion(expectedVersion, name)
  const input = await parse(command.input, given.input, `input of ${name}`)
  if (returnState && command.boundary.kind !== 'aggregate') {
    throw new ValidationError(`execute ${name}`, [
      { message: 'there is no aggregate whose state could be returned', path: ['returnState'] },
    ])
  }
  const actor = asker.actor ? await parse(asker.actor, given.actor, `actor of ${name}`) : plainActor(given.actor, name)
  const context = asker.context ? await parse(asker.context, given.context, `context of ${name}`) : given.context
  const carrier = engine.tracing?.carrier()
  const metadataText = toJson({ ...given.metadata, ...carrier, correlationId, causationId, actor, command: name }, `metadata of ${name}`)
  const { keepOutcomeMs } = engine.settings
  const expiresAt = engine.clock.now() + (isKeptLong ? Math.max(keepOutcomeMs, keepLongMs) : keepOutcomeMs)
  return {
    id,
    command,
    input,
    actor,
    context,
    tenant,
    // Read back from the text, like a later load will do: the objects that the caller holds must not reach a warm state.
    metadata: fromJson(metadataText) as Metadata,
    metadataText,
    expectedVersion,
    idempotency: idempotencyKey === undefined ? undefined : toKey(idempotencyKey, name, given.input, expiresAt),
    returnState,
    trusted,
    abandoned,
  }
}

export function commandOf(engine: Engine, request: AnyCall | CommandRequest): AnyCommand {
  if (request?.kind === 'call') {
    const registered = engine.definitions.commands.get(request.command)
    if (registered === request.definition) return request.definition
    // Another command of the same name is a mistake in the program; an unknown name gets a suggestion.
    if (registered) throw new DefinitionError(`Two different commands are called ${request.command}; this app registered the other one.`)
    return findCommand(engine.definitions, request.command)
  }
  if (typeof request?.command !== 'string') throw new ValidationError('A command', ['it must be a call, or { command, input }'])
  return findCommand(engine.definitions, request.command)
}

function throughMiddleware(
  { tell, clock }: Engine,
  middleware: readonly Middleware[],
  context: MiddlewareContext,
  innermost: () => Promise<Outcome<DomainEvent, Rejection>>,
): Promise<Outcome<DomainEvent, Rejection>> {
  const at = (index: number): (() => Promise<Outcome<DomainEvent, Rejection>>) => {
    const layer = middleware[index]
    if (!layer) return innermost
    return async () => {
      const run = () => layer(context, at(index + 1))
      // Loaded by those who look.
      const outcome = await (tell
        ? (await import('./watch-middleware.ts')).watchLayer(tell, clock, context, index + 1, layer.name, run)
        : run())
      if (typeof outcome?.ok !== 'boolean') {
        throw new DefinitionError(`Middleware ${layer.name || index + 1} must return the outcome of next(), or one of its own.`)
      }
      return outcome
    }
  }
  return at(0)()
}

function toOutcome(settled: Settled): Outcome<DomainEvent, Rejection> {
  if (settled.kind === 'rejected') return { ok: false, rejection: settled.rejection, duplicate: settled.duplicate }
  const { kind: _, ...receipt } = settled
  return { ok: true, receipt: receipt as never }
}

function countOutcome(counters: Engine['counters'], outcome: Outcome<DomainEvent, Rejection>): void {
  if (outcome.ok ? outcome.receipt.duplicate : outcome.duplicate) counters.duplicates++
  else if (!outcome.ok) counters.rejected++
  else if (outcome.receipt.events.length === 0) counters.empty++
  else {
    counters.accepted++
    counters.events += outcome.receipt.events.length
  }
}

/** The built-in Actor, where no other type was bound with `actors`. */
export function plainActor(actor: unknown, command: string): unknown {
  const { id, roles } = actor as { id?: unknown; roles?: unknown }
  if (typeof id === 'string' && Array.isArray(roles) && roles.every((role) => typeof role === 'string')) return actor
  const message = 'must be { id: string, roles: string[] }; bind another shape with actors(schema)'
  throw new ValidationError(`actor of ${command}`, [{ message, path: [] }])
}

const askingOptions = [
  'actor',
  'context',
  'metadata',
  'correlationId',
  'causationId',
  'idempotencyKey',
  'expectedVersion',
  'signal',
  'timeout',
  'returnState',
  'waitFor',
  'consistency',
  'waitTimeout',
] as const satisfies readonly (keyof Asking)[]

/**
 * A year: who has sent a command because of an event, or at its time, may have been at a standstill before its outcome was on record, and sends it again
 * whenever it goes on. Then the outcome must still be known.
 */
export const keepLongMs = 365 * 24 * 60 * 60 * 1000

/** An actor is always given: nobody is anonymous by accident. */
function assertAsking(asking: Asking | undefined, command: string): asserts asking is Asking {
  if (asking?.actor === undefined || asking.actor === null) {
    throw new ValidationError(`execute ${command}`, [{ message: 'say who asks: execute(call, { actor })', path: ['actor'] }])
  }
  assertOptions(`execute ${command}`, asking, askingOptions)
}
