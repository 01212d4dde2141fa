/** `waitFor` and `atLeast`: what is asked for, and how the answer reads when it does not come in time. */
import { TimedOutError, WaitCycleError } from '../../core/errors.ts'
import type { Receipt } from '../../core/outcome.ts'
import type { Engine } from '../engine.ts'
import { withPatience } from '../timeout.ts'
import { type Awaited, awaitHandled, laggards } from './await-handled.ts'
import { followersOf, subscriptionId } from './define.ts'
import { cycleOf, insideOf, whileWaiting } from './inside.ts'
import { progressOf } from './progress.ts'

/** A projection, handler or process of the app; or all that follow the log. */
export type WaitFor = 'all' | readonly { readonly kind: string; readonly name: string }[]

/** Who handles an event cannot wait for itself. @throws WaitCycleError (`ES_WAIT_CYCLE`) before anything has happened. */
export function assertNotItself(engine: Engine, waitFor: WaitFor): void {
  const by = insideOf(engine)?.subscription
  if (!by || waitFor === 'all') return
  if (waitFor.some((one) => one.name === by.name && kindOf(one.kind) === by.kind)) throw new WaitCycleError([by.name, by.name])
}

/**
 * Waits until those who are concerned by the events of a receipt have dealt with them. While an event is handled, `'all'` leaves out those
 * that wait for its end.
 *
 * @throws DeadLetteredError, SubscriptionPausedError, SubscriptionFailedError, WaitCycleError, TimedOutError
 */
export async function waitForReceipt(
  engine: Engine,
  what: string,
  { events, position }: Receipt,
  waitFor: WaitFor,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const first = events[0]
  if (!first) return
  const by = insideOf(engine)
  const awaited = followersOf(engine)
    .filter((follower) => events.some(({ type }) => follower.types.has(type)))
    .filter(({ kind, name }) => waitFor === 'all' || waitFor.some((one) => one.name === name && kindOf(one.kind) === kind))
    .map(({ id, name }) => ({ id, name, after: first.position - 1, to: position }))
    .filter((one) => waitFor !== 'all' || !by || !cycleOf(engine, by, [one]))
  await wait(engine, what, awaited, timeoutMs, signal)
}

/** Waits until a row of an async projection reflects a position. @throws as `waitForReceipt`. */
export async function waitForRow(
  engine: Engine,
  projection: string,
  key: { readonly tenant: string; readonly key: string },
  position: number,
  timeoutMs: number,
): Promise<void> {
  const id = subscriptionId('projection', projection)
  const awaited = [{ id, name: projection, after: 0, to: position, key }]
  await wait(engine, `view ${projection} at position ${position}`, awaited, timeoutMs, undefined)
}

async function wait(
  engine: Engine,
  what: string,
  awaited: readonly Awaited[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (awaited.length === 0) return
  const { store, clock } = engine
  const progress = progressOf(engine)
  const by = insideOf(engine)
  const cycle = by && cycleOf(engine, by, awaited)
  if (cycle) throw new WaitCycleError(cycle)
  const waiting = () => withPatience((late) => awaitHandled(store, progress, awaited, late), { timeoutMs, signal }, what, clock)
  try {
    await (by ? whileWaiting(engine, by, awaited, waiting) : waiting())
  } catch (error) {
    if (!(error instanceof TimedOutError)) throw error
    const late = await laggards(store, progress, awaited)
    throw new TimedOutError(late.length > 0 ? `${what} (${late.join('; ')})` : what, timeoutMs)
  }
}

const kindOf = (kind: string): string => (kind === 'table-projection' ? 'projection' : kind)
