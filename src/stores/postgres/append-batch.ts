/** Sends a batch to the database, and reads what came of it. */
import type { AppendRequest, AppendResult } from '../../core/event-store.ts'
import { storedAt } from '../../core/stored-event.ts'
import type { AppendContext } from './append-context.ts'
import type { BatchPlan } from './batch-plan.ts'
import { type PgClient, rowsOf } from './pg.ts'
import type { Prepared } from './prepared.ts'
import { inReadCommitted, isOtherLevel } from './read-committed.ts'

/** What a batch came to: written as a whole, or not at all and by whose fault. */
export type BatchOutcome =
  | { readonly kind: 'written'; readonly results: readonly AppendResult[]; readonly head: number }
  /** Indexes of requests: what they demand does not hold, or somebody's transaction holds what they need. */
  | { readonly kind: 'refused' | 'busy'; readonly requests: ReadonlySet<number> }

/** The batch function of a schema, as a statement. */
export const batchStatement = (schema: string): string =>
  `SELECT head, recorded, bases, refused, busy FROM ${schema}.append_batch_at(${Array.from({ length: 17 }, (_, i) => `$${i + 1}`).join(', ')})`

/** Sends batches that are each a transaction, and their own commit. */
export function batchSender(context: AppendContext) {
  const { batchStatement, knownTypes, now, prepared } = context
  /** Known since the first batch was refused; asking beforehand would be a round trip for everybody. */
  let mustNameLevel = false

  async function asTransaction(client: PgClient, call: (run: Prepared) => Promise<BatchOutcome>): Promise<BatchOutcome> {
    if (mustNameLevel) return inReadCommitted(client, () => call(rowsOf))
    try {
      return await call(prepared)
    } catch (error) {
      if (!isOtherLevel(error)) throw error
      mustNameLevel = true
      return inReadCommitted(client, () => call(rowsOf))
    }
  }

  return async (client: PgClient, plan: BatchPlan, requests: readonly AppendRequest[]): Promise<BatchOutcome> => {
    const outcome = await asTransaction(client, (run) => appendBatch(run, client, batchStatement, plan, requests, now(), knownTypes))
    if (outcome.kind === 'written') for (const name of plan.typeNames) knownTypes.add(name)
    return outcome
  }
}

/** @param requests  those of the plan, in its order. @param knownTypes  event types that are stored. */
export async function appendBatch(
  run: Prepared,
  client: PgClient,
  statement: string,
  plan: BatchPlan,
  requests: readonly AppendRequest[],
  now: number,
  knownTypes: ReadonlySet<string>,
): Promise<BatchOutcome> {
  const [row] = await run(client, statement, plan.parameters(now, knownTypes))
  const [head, recordedAt, bases, refused, busy] = row as unknown as Answer
  const held = numbersIn(busy)
  if (held.length > 0) return { kind: 'busy', requests: new Set(held.map((number) => number - 1)) }
  const wrong = numbersIn(refused)
  if (wrong.length > 0) return { kind: 'refused', requests: new Set(wrong.map((number) => number - 1)) }
  const versions = numbersIn(bases)
  const results = requests.map(({ tenant = '', stream, events }, i): AppendResult => {
    const placed = plan.placed[i]!
    const before = (versions[placed.stream] ?? 0) + placed.place - 1
    const stored = events.map((event, n) =>
      storedAt(event, { tenant, stream, version: before + 1 + n, position: head + placed.first + 1 + n, recordedAt }),
    )
    return { kind: 'appended', version: before + events.length, events: stored }
  })
  return { kind: 'written', results, head: head + plan.events.length }
}

type Answer = readonly [head: number, recordedAt: number, bases: string, refused: string | null, busy: string | null]

/** The numbers of an array as PostgreSQL writes it. */
function numbersIn(text: string | null): readonly number[] {
  return text === null || text === '{}' ? [] : text.slice(1, -1).split(',').map(Number)
}
