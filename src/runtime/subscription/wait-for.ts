/** `waitFor` and `atLeast`: what is asked for, and how the answer reads when it does not come in time. */
import { TimedOutError } from '../../core/errors.ts'
import type { Receipt } from '../../core/outcome.ts'
import type { Engine } from '../engine.ts'
import { withPatience } from '../timeout.ts'
import { type Awaited, awaitHandled, laggards } from './await-handled.ts'
import { followersOf, subscriptionId } from './define.ts'
import { progressOf } from './progress.ts'

/** A projection, handler or process of the app; or all that follow the log. */
export type WaitFor = 'all' | readonly { readonly kind: string; readonly name: string }[]

/** Waits until those who are concerned by the events of a receipt have dealt with them. @throws DeadLetteredError, TimedOutError */
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
  const awaited = followersOf(engine)
    .filter((follower) => events.some(({ type }) => follower.types.has(type)))
    .filter(({ kind, name }) => waitFor === 'all' || waitFor.some((one) => one.name === name && kindOf(one.kind) === kind))
    .map(({ id, name }) => ({ id, name, after: first.position - 1, to: position }))
  await wait(engine, what, awaited, timeoutMs, signal)
}

/** Waits until a row of an async projection reflects a position. @throws DeadLetteredError, TimedOutError */
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
  try {
    await withPatience((late) => awaitHandled(store, progress, awaited, late), { timeoutMs, signal }, what, clock)
  } catch (error) {
    if (!(error instanceof TimedOutError)) throw error
    const late = await laggards(store, progress, awaited)
    throw new TimedOutError(late.length > 0 ? `${what} (${late.join('; ')})` : what, timeoutMs)
  }
}

const kindOf = (kind: string): string => (kind === 'table-projection' ? 'projection' : kind)
