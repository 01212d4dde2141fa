/** A command decided, not yet committed: its answer, and what has to be written for it. */
import type { AnyEventType, DomainEvent } from '../../core/event.ts'
import type { AppendRequest, IdempotencyEntry } from '../../core/event-store.ts'
import { type AnyEvolvers, step } from '../../core/fold.ts'
import { fromJson, toJson } from '../../core/json.ts'
import type { DecidedEvent } from '../../core/recorded-event.ts'
import { isRejection, type Rejection, reject } from '../../core/rejection.ts'
import type { Engine } from '../engine.ts'
import type { TransactionalViews, ViewWork } from '../view/transactional-views.ts'
import type { Execution } from './execution.ts'
import { entryForEvents, entryForNothing, entryForRejection } from './idempotency.ts'
import { prepareEvents } from './prepare-events.ts'

/** A state with the version it stands at. */
export interface StateAt {
  readonly state: unknown
  readonly version: number
  /** Id of its newest event, while that is still on its way. */
  readonly follows?: string | undefined
}

/** What a command was decided on, and what must still be true when its events are appended. */
export interface Basis extends StateAt {
  readonly demand: Pick<AppendRequest, 'stream' | 'expectedVersion' | 'follows' | 'condition'>
  /** Folds its events into the next state; absent where nobody asks for it. */
  readonly evolve?: AnyEvolvers
}

/** A command decided. */
export interface DecidedCommand extends StateAt {
  readonly answer:
    | { readonly kind: 'events' | 'nothing' }
    | { readonly kind: 'no'; readonly rejection: Rejection }
    | { readonly kind: 'error'; readonly error: unknown }
  readonly decided: readonly DecidedEvent[]
  /** The definitions of its events, in order. */
  readonly types: readonly AnyEventType[]
  /** Absent when there is nothing to write, not even an outcome to remember. */
  readonly request: AppendRequest | undefined
  readonly views: ViewWork | undefined
}

/** From what `decide` said to what has to be written. */
export function toDecided(
  engine: Pick<Engine, 'ids'>,
  views: TransactionalViews,
  execution: Execution,
  basis: Basis,
  decision: readonly DomainEvent[] | Rejection,
): DecidedCommand {
  const { idempotency, tenant, command } = execution
  if (isRejection(decision)) {
    const rejection = ownRejection(decision, command.command)
    const remember = idempotency && entryForRejection(idempotency, rejection, command.command)
    return withoutEvents(execution, basis, { kind: 'no', rejection }, remember)
  }
  if (decision.length === 0) {
    return withoutEvents(execution, basis, { kind: 'nothing' }, idempotency && entryForNothing(idempotency, basis.version))
  }
  const { demand, evolve = {} } = basis
  const { toAppend, types, decided } = prepareEvents(execution, demand.stream, basis.version, decision, engine.ids)
  const work = views.plan(tenant, decided)
  return {
    answer: { kind: 'events' },
    decided,
    types,
    state: decided.reduce((state, event) => step(evolve, state, event), basis.state),
    version: basis.version + decided.length,
    follows: decided.at(-1)?.id,
    request: {
      ...demand,
      tenant,
      events: toAppend,
      ...(work && work.statements.length > 0 ? { statements: work.statements } : {}),
      ...(idempotency ? { idempotency: entryForEvents(idempotency) } : {}),
    },
    views: work,
  }
}

/** Its details may be a part of the warm state, which the caller must not get its hands on. */
function ownRejection({ code, details }: Rejection, command: string): Rejection {
  if (details === undefined) return reject(code)
  return reject(code, fromJson(toJson(details, `details of the rejection ${code} of ${command}`)))
}

/** An answer that writes no events, only perhaps itself under its key. */
export function withoutEvents(
  { tenant }: Execution,
  { state, version, follows, demand }: Basis,
  answer: DecidedCommand['answer'],
  remember: IdempotencyEntry | undefined,
): DecidedCommand {
  const request = remember && { ...demand, tenant, events: [], idempotency: remember }
  return { answer, state, version, follows, decided: [], types: [], request, views: undefined }
}
