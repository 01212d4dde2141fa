/**
 * One command by itself: what decisions, commands without an aggregate, and everything inside a transaction have in common.
 *
 * Nothing here is warm; the source may be the store or a transaction, whose own writes it then sees.
 */
import type { AnyAggregate } from '../../core/aggregate.ts'
import { expectationHolds } from '../../core/check-append.ts'
import type { CommandBoundary } from '../../core/command.ts'
import { type DacapoError, ProjectionFailedError, UnsupportedError } from '../../core/errors.ts'
import type { DomainEvent } from '../../core/event.ts'
import { decodeEvent } from '../../core/event-codec.ts'
import type { AppendRequest, AppendResult, EventStore, ReadAllOptions } from '../../core/event-store.ts'
import { type AnyEvolvers, step } from '../../core/fold.ts'
import { violated } from '../../core/judge-append.ts'
import type { Query } from '../../core/query.ts'
import { isRejection, type Rejection } from '../../core/rejection.ts'
import { assertStreamName, streamName } from '../../core/stream-name.ts'
import type { ViewWrite } from '../../core/view-store.ts'
import type { Engine } from '../engine.ts'
import { type LoadSource, loadAggregate } from '../state/load-aggregate.ts'
import { tellUpcast } from '../tell-upcast.ts'
import { unlessAbandoned } from '../timeout.ts'
import type { TransactionalViews } from '../view/transactional-views.ts'
import { isConflict, untilNoConflict } from './conflicts.ts'
import { type Basis, type DecidedCommand, toDecided, withoutEvents } from './decided-command.ts'
import { check, contextOf, decide, type Execution, type Settled } from './execution.ts'
import { entryForError, failUnlessRemembered, recall } from './idempotency.ts'
import { toRecorded } from './prepare-events.ts'

/** Where a single execution reads and writes. */
export interface Session extends LoadSource {
  append(request: AppendRequest): Promise<AppendResult>
  streamInfo: EventStore['streamInfo']
  remembered: EventStore['remembered']
  readonly views: TransactionalViews
  /** The log, for decisions; absent inside a transaction, where a condition could not be checked last. */
  readonly log?: { head(): Promise<number>; readAll: EventStore['readAll'] }
}

/** Runs one command, deciding again after conflicts. */
export function executeSingle(engine: Engine, session: Session, execution: Execution): Promise<Settled> {
  return untilNoConflict(
    engine,
    () => laneOf(execution),
    (attempt) => tryOnce(engine, session, execution, attempt),
  ).catch((error) =>
    // What is remembered for a refusal by `authorize` is that refusal.
    entryForError(execution, error) ? Promise.reject(error) : failUnlessRemembered(engine, session, execution, error),
  )
}

/** Decisions of one kind conflict with each other, other commands with those of their stream. */
function laneOf({ command, tenant, input }: Execution): string {
  const { boundary } = command
  if (boundary.kind === 'query') return JSON.stringify([tenant, command.command])
  return JSON.stringify([
    tenant,
    boundary.kind === 'stream' ? boundary.stream(input) : streamName(boundary.aggregate.name, boundary.id(input)),
  ])
}

type Attempt = { readonly value: Settled } | { readonly conflict: DacapoError }

async function tryOnce(engine: Engine, session: Session, execution: Execution, attempt: number): Promise<Attempt> {
  const basis = await basisOf(engine, session, execution)
  const signal = { tenant: execution.tenant, stream: basis.stream, command: execution.command.command, attempt }
  engine.tell?.({ signal: 'aggregate.execute.start', ...signal })
  try {
    const outcome = await decideOn(engine, session, execution, basis)
    const { version = basis.version ?? 0, events = [] } = 'value' in outcome && outcome.value.kind === 'accepted' ? outcome.value : {}
    engine.tell?.({ signal: 'aggregate.execute.stop', ...signal, version, events: events.length, warm: false })
    if ('conflict' in outcome) engine.tell?.({ signal: 'aggregate.conflict', ...signal, code: outcome.conflict.code })
    return outcome
  } catch (error) {
    engine.tell?.({ signal: 'aggregate.execute.exception', ...signal, error })
    throw error
  }
}

async function decideOn(engine: Engine, session: Session, execution: Execution, found: FoundBasis): Promise<Attempt> {
  const decided = await decideAlone(engine, session, execution, found)
  const { answer, request, views: work } = decided
  const { views } = session
  let rows: readonly ViewWrite[] = []
  if (work) {
    for (let reading = views.warmUp([work]); reading; reading = views.warmUp([work])) await reading
    try {
      rows = views.fold(work)
    } catch (error) {
      if (!(error instanceof ProjectionFailedError) || (await views.failsOnStoredRows(work))) throw error
      return { conflict: error }
    }
  }
  let result: AppendResult | undefined
  try {
    if (request) {
      const whole = rows.length > 0 ? { ...request, views: rows } : request
      const append = () => session.append(whole)
      result = await (engine.tracing ? engine.tracing.append([whole], [], append) : append())
    }
  } finally {
    if (result?.kind === 'appended') views.confirm(execution.tenant, rows)
    else views.forget(execution.tenant, rows)
    views.trim()
  }
  if (result?.kind === 'remembered') return { value: await recall(engine, session, execution, result.entry) }
  if (result?.kind === 'refused') {
    if (isConflict(result.error)) return { conflict: result.error }
    throw result.error
  }
  if (answer.kind === 'error') throw answer.error
  if (answer.kind === 'no') return { value: { kind: 'rejected', rejection: answer.rejection, duplicate: false } }
  const stored = result?.events ?? []
  const receipt = {
    kind: 'accepted' as const,
    events: toRecorded(execution, decided.types, stored),
    version: stored.length > 0 ? (result as { version: number }).version : decided.version,
    position: stored.at(-1)?.position ?? 0,
    duplicate: false,
  }
  return { value: execution.returnState ? { ...receipt, state: decided.state } : receipt }
}

async function decideAlone(engine: Engine, session: Session, execution: Execution, found: FoundBasis): Promise<DecidedCommand> {
  const { stream, state, condition, evolve } = found
  const { tenant, expectedVersion } = execution
  const basisAt = (version: number | undefined): Basis => ({
    state,
    version: version ?? 0,
    demand: { stream, expectedVersion: version ?? 'any', ...(condition ? { condition } : {}) },
    ...(evolve ? { evolve } : {}),
  })
  const context = contextOf(execution, state, engine.clock.now())
  try {
    await unlessAbandoned(execution.abandoned, () => check(execution, context, engine.fallbacks))
  } catch (error) {
    const entry = entryForError(execution, error)
    if (entry) return withoutEvents(execution, basisAt(found.version), { kind: 'error', error }, entry)
    throw error
  }
  if (expectedVersion !== undefined && found.version !== undefined && !expectationHolds(expectedVersion, found.version)) {
    throw violated(stream, expectedVersion, found.version)
  }
  const decision = decide(execution, context)
  const version = found.version ?? (needsVersion(decision, session) ? await versionFor(decision, session, tenant, found) : undefined)
  return toDecided(engine, session.views, execution, basisAt(version), decision)
}

/** What a command is decided on, as far as it is known before. */
interface FoundBasis {
  readonly stream: string
  readonly state: unknown
  /** Of the stream; `undefined` when nothing depends on it. */
  readonly version: number | undefined
  readonly condition?: { readonly query: Query; readonly after: number }
  /** How far the log was looked at, where the state comes from the log. */
  readonly head?: number
  readonly evolve?: AnyEvolvers
}

async function basisOf(engine: Engine, session: Session, execution: Execution): Promise<FoundBasis> {
  const { command, input, tenant } = execution
  const { boundary } = command
  if (boundary.kind === 'aggregate') return basisOfAggregate(engine, session, boundary.aggregate, tenant, boundary.id(input))
  const stream = boundary.stream(input)
  assertStreamName(stream)
  const { expectedVersion = 'any' } = execution
  if (boundary.kind === 'stream') {
    const version = expectedVersion === 'any' ? undefined : await versionOf(session, tenant, stream)
    return { stream, state: undefined, version }
  }
  const { tracing, store, tell } = engine
  const read = () => readBoundary(tell, session, execution, boundary)
  const found = await (tracing ? tracing.around({ kind: 'query', store: store.name, tenant, command: command.command }, read) : read())
  return { stream, version: expectedVersion === 'any' ? undefined : await versionAt(session, tenant, stream, found.head), ...found }
}

async function basisOfAggregate(
  engine: Engine,
  session: Session,
  aggregate: AnyAggregate,
  tenant: string,
  id: string,
): Promise<FoundBasis> {
  const stream = streamName(aggregate.name, id)
  const { state, version } = await loadAggregate(engine, session, aggregate, tenant, stream)
  return { stream, state, version, evolve: aggregate.evolve }
}

/** A transactional projection sees the versions of events before they are appended; a receipt without events tells one, too. */
function needsVersion(decision: readonly DomainEvent[] | Rejection, { views }: Session): boolean {
  if (isRejection(decision)) return false
  return decision.length === 0 || decision.some((event) => views.concern(event?.type))
}

/** Events go behind whatever the stream has by now; without any, the answer is about the log that was looked at. */
function versionFor(
  decision: readonly DomainEvent[] | Rejection,
  session: Session,
  tenant: string,
  { stream, head }: FoundBasis,
): Promise<number> {
  const nothing = !isRejection(decision) && decision.length === 0
  return nothing && head !== undefined ? versionAt(session, tenant, stream, head) : versionOf(session, tenant, stream)
}

async function versionOf(session: Session, tenant: string, stream: string): Promise<number> {
  return (await session.streamInfo(stream, tenant))?.version ?? 0
}

/** The version that a stream had when the log ended at `head`: what is decided on that log is decided on that version. */
async function versionAt(session: Session, tenant: string, stream: string, head: number): Promise<number> {
  for await (const page of session.readStream(stream, { tenant, backwards: true, pageSize: 10 })) {
    const seen = page.find(({ position }) => position <= head)
    if (seen) return seen.version
  }
  return 0
}

/** Folds what matches the boundary, up to a head that was read before it: what comes later fails the condition. */
async function readBoundary(
  tell: Engine['tell'],
  session: Session,
  { input, tenant, command }: Execution,
  boundary: Extract<CommandBoundary, { kind: 'query' }>,
): Promise<Pick<FoundBasis, 'state' | 'condition'> & { readonly head: number }> {
  const { log } = session
  if (!log) {
    throw new UnsupportedError(
      `Decision ${command.command} cannot run inside a transaction: its boundary could not be checked last. Execute it by itself.`,
    )
  }
  const query = withinTypes(
    boundary.query(input),
    boundary.events.map(({ type }) => type),
  )
  const head = await log.head()
  const definitions = new Map(boundary.events.map((type) => [type.type, type]))
  let state = boundary.initial()
  if (query.length === 0) return { head, state }
  const options: ReadAllOptions = { tenant, query, to: head }
  for await (const page of log.readAll(options)) {
    for (const stored of page.events) {
      const type = definitions.get(stored.type)
      tellUpcast(tell, type, stored)
      state = step(boundary.evolve, state, decodeEvent(type, stored), input)
    }
  }
  return { head, state, condition: { query, after: head } }
}

/** A boundary narrowed to the types that the decision folds; an item without any of them matches nothing and is left out. */
function withinTypes(query: Query, types: readonly string[]): Query {
  const items = query.length === 0 ? [{}] : query
  return items
    .map((item: Query[number]) => ({
      ...item,
      types: item.types && item.types.length > 0 ? item.types.filter((type) => types.includes(type)) : types,
    }))
    .filter((item) => item.types.length > 0)
}
