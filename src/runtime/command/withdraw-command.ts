/**
 * Withdraws a command that may have been sent: by somebody who was frozen, or whose answer was lost.
 *
 * Whether it was executed cannot be known by looking, because it may still be on its way. So its idempotency key is used up, by a
 * refusal: either that comes first, and the command can never be executed any more, or the command had been faster.
 */
import { reject } from '../../core/rejection.ts'
import type { Engine } from '../engine.ts'
import { keepLongMs } from './execute-command.ts'
import { entryForRejection, recallKept, toKey } from './idempotency.ts'

/** @returns where its last event is, if it was executed: 0 when it has written none. `undefined`: it was not, and never will be. */
export type WithdrawFor = (
  tenant: string,
  idempotencyKey: string,
  request: { readonly command: string; readonly input: unknown },
) => Promise<{ readonly position: number } | undefined>

export function withdrawWith({ store, clock }: Engine): WithdrawFor {
  return async (tenant, idempotencyKey, { command, input }) => {
    const key = toKey(idempotencyKey, command, input, clock.now() + keepLongMs)
    const idempotency = entryForRejection(key, reject('Withdrawn'), command)
    const [result] = await store.append([{ tenant, stream: 'withdrawn-command', expectedVersion: 'any', events: [], idempotency }])
    if (result?.kind === 'refused') throw result.error
    if (result?.kind !== 'remembered') return undefined
    const { kind } = recallKept(key, result.entry)
    if (kind === 'rejected' || kind === 'forbidden') return undefined
    const { stream, lastVersion } = result.entry
    if (lastVersion === 0) return { position: 0 }
    for await (const [last] of store.readStream(stream, { tenant, after: lastVersion - 1, to: lastVersion })) {
      if (last) return { position: last.position }
    }
    return { position: 0 }
  }
}
