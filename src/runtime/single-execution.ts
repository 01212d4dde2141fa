/**
 * One command by itself: what decisions, commands without an aggregate, and everything inside a transaction have in common.
 *
 * Nothing here is warm; the source may be the store or a transaction, whose own writes it then sees.
 */
import type { AnyAggregate } from '../core/aggregate.ts'
import { expectationHolds } from '../core/check-append.ts'
import type { CommandBoundary } from '../core/command.ts'
import { ConcurrencyError, UnsupportedError } from '../core/errors.ts'
import { decodeEvent } from '../core/event-codec.ts'
import type { AppendRequest, AppendResult, EventStore, ExpectedVersion, ReadAllOptions } from '../core/event-store.ts'
import { step } from '../core/fold.ts'
import type { Query } from '../core/query.ts'
import { isRejection } from '../core/rejection.ts'
import { assertStreamName, streamName } from '../core/stream-name.ts'
import { isConflict, untilNoConflict } from './conflicts.ts'
import type { Engine } from './engine.ts'
import { check, contextOf, decide, type Execution, type Settled } from './execution.ts'
import { entryForEvents, entryForNothing, entryForRejection, failUnlessRemembered, recall } from './idempotency.ts'
import { type LoadSource, loadAggregate } from './load-aggregate.ts'
import { prepareEvents, toRecorded } from './prepare-events.ts'
import type { TransactionalViews } from './transactional-views.ts'

/** Where a single execution reads and writes. */
export interface Session extends LoadSource {
  append(request: AppendRequest): Promise<AppendResult>
  streamInfo: EventStore['streamInfo']
  readonly views: TransactionalViews
  /** The log, for decisions; absent inside a transaction, where a condition could not be checked last. */
  readonly log?: { head(): Promise<number>; readAll: EventStore['readAll'] }
}

/** Who decides on what: the state, and what must still be true when the events are appended. */
interface Basis {
  readonly stream: string
  readonly state: unknown
  /** Of the stream; `undefined` when nothing depends on it. */
  readonly version: number | undefined
  readonly condition?: { readonly query: Query; readonly after: number }
}

/** Runs one command, deciding again after conflicts. */
export function executeSingle(engine: Engine, session: Session, execution: Execution): Promise<Settled> {
  return untilNoConflict(engine, (attempt) => tryOnce(engine, session, execution, attempt)).catch((error) =>
    execution.idempotency ? failUnlessRemembered(engine, execution, error) : Promise.reject(error),
  )
}

async function tryOnce(engine: Engine, session: Session, execution: Execution, attempt: number) {
  const basis = await basisOf(engine, session, execution)
  const { stream, state, version, condition } = basis
  const { tenant, expectedVersion, idempotency, command } = execution
  const signal = { tenant, stream, command: command.command, attempt }
  engine.tell?.({ signal: 'aggregate.execute.start', ...signal })
  if (expectedVersion !== undefined && version !== undefined && !expectationHolds(expectedVersion, version)) {
    throw new ConcurrencyError(stream, expectedVersion, version)
  }
  const context = contextOf(execution, state, engine.clock.now())
  await check(execution, context, engine.fallbacks)
  const decision = decide(execution, context)
  const expected: ExpectedVersion = version ?? expectedVersion ?? 'any'
  const request = { tenant, stream, expectedVersion: expected, ...(condition ? { condition } : {}) }
  if (isRejection(decision) || decision.length === 0) {
    const settled: Settled = isRejection(decision)
      ? { kind: 'rejected', rejection: decision, duplicate: false }
      : { kind: 'accepted', events: [], version: version ?? 0, position: 0, duplicate: false }
    if (!idempotency) return { value: settled }
    const entry = isRejection(decision) ? entryForRejection(idempotency, decision) : entryForNothing(idempotency, version ?? 0)
    const result = await session.append({ ...request, events: [], idempotency: entry })
    return finish(engine, session, execution, result, () => settled)
  }
  const { toAppend, decided } = prepareEvents(execution, stream, version ?? 0, decision, engine.ids)
  const work = session.views.plan(tenant, decided)
  for (let reading = work && session.views.warmUp(work); reading; reading = work && session.views.warmUp(work)) await reading
  const rows = work ? session.views.fold(work) : []
  let written = false
  try {
    const result = await session.append({
      ...request,
      events: toAppend,
      ...(rows.length > 0 ? { views: rows } : {}),
      ...(work && work.statements.length > 0 ? { statements: work.statements } : {}),
      ...(idempotency ? { idempotency: entryForEvents(idempotency) } : {}),
    })
    written = result.kind === 'appended'
    engine.tell?.({ signal: 'aggregate.execute.stop', ...signal, version: version ?? 0, events: toAppend.length, warm: false })
    return await finish(engine, session, execution, result, (events, last) => ({
      kind: 'accepted',
      events: toRecorded(execution, decided, events),
      version: last,
      position: events.at(-1)?.position ?? 0,
      duplicate: false,
    }))
  } finally {
    if (!written) session.views.forget(tenant, rows)
    session.views.trim()
  }
}

type Written = Extract<AppendResult, { kind: 'appended' }>

async function finish(
  engine: Engine,
  session: Session,
  execution: Execution,
  result: AppendResult,
  accept: (events: Written['events'], version: number) => Settled,
) {
  switch (result.kind) {
    case 'appended':
    case 'duplicate':
      return { value: accept(result.events, result.version) }
    case 'remembered':
      return { value: await recall(engine, session, execution, result.entry) }
    case 'refused':
      // Where the caller named the version, a moved stream is its answer and not a reason to decide again.
      if (isConflict(result.error) && !(execution.expectedVersion !== undefined && result.error.code === 'ES_CONCURRENCY')) {
        return { conflict: result.error }
      }
      throw result.error
  }
}

async function basisOf(engine: Engine, session: Session, execution: Execution): Promise<Basis> {
  const { command, input, tenant } = execution
  const { boundary } = command
  if (boundary.kind === 'aggregate') return basisOfAggregate(engine, session, boundary.aggregate, tenant, boundary.id(input))
  const stream = boundary.stream(input)
  assertStreamName(stream)
  // A transactional projection sees an event's version, so then the version must be known before the append.
  const version = await versionFor(session, tenant, stream, boundary, execution)
  if (boundary.kind === 'stream') return { stream, state: undefined, version }
  return { stream, version, ...(await readBoundary(session, execution, boundary)) }
}

async function basisOfAggregate(engine: Engine, session: Session, aggregate: AnyAggregate, tenant: string, id: string): Promise<Basis> {
  const stream = streamName(aggregate.name, id)
  const { state, version } = await loadAggregate(engine, session, aggregate, tenant, stream)
  return { stream, state, version }
}

type OtherBoundary = Exclude<CommandBoundary, { kind: 'aggregate' }>

async function versionFor(
  session: Session,
  tenant: string,
  stream: string,
  boundary: OtherBoundary,
  execution: Execution,
): Promise<number | undefined> {
  const { views } = session
  const seen = boundary.events.length === 0 ? !views.none : boundary.events.some(({ type }) => views.concern(type))
  if (!seen && execution.expectedVersion === undefined) return undefined
  return (await session.streamInfo(stream, tenant))?.version ?? 0
}

/** Folds what matches the boundary, up to a head that was read before it: what comes later fails the condition. */
async function readBoundary(
  session: Session,
  { input, tenant, command }: Execution,
  boundary: Extract<CommandBoundary, { kind: 'query' }>,
): Promise<Pick<Basis, 'state' | 'condition'>> {
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
  const after = await log.head()
  const definitions = new Map(boundary.events.map((type) => [type.type, type]))
  let state = boundary.initial()
  if (query.length === 0) return { state }
  const options: ReadAllOptions = { tenant, query, to: after }
  for await (const page of log.readAll(options)) {
    for (const stored of page.events) state = step(boundary.evolve, state, decodeEvent(definitions.get(stored.type), stored), input)
  }
  return { state, condition: { query, after } }
}

/** A boundary narrowed to the types that the decision folds; an item without any of them matches nothing and is left out. */
function withinTypes(query: Query, types: readonly string[]): Query {
  const items = query.length === 0 ? [{}] : query
  return items
    .map((item: Query[number]) => ({ ...item, types: item.types ? item.types.filter((type) => types.includes(type)) : types }))
    .filter((item) => item.types.length > 0)
}
