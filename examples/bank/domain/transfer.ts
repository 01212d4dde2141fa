/** A transfer: money leaves one account and reaches another in one commit, or nothing happens at all. */
import { type Actor, ValidationError } from 'dacapo'
import { z } from 'zod'
import type { Bank } from './bank.ts'
import { deposit, withdraw } from './commands.ts'
import { amount } from './money.ts'

const transferInput = z
  .object({ from: z.string().min(1), to: z.string().min(1), amount, transferId: z.string().min(1) })
  .refine(({ from, to }) => from !== to, { path: ['to'], message: 'must be another account than from' })

/**
 * Withdraws from one account and deposits into the other.
 *
 * When either says no, both are undone, and the "no" is remembered under the key like any other outcome.
 */
export function transfer(bank: Bank, input: unknown, { actor, idempotencyKey }: { actor: Actor; idempotencyKey: string }) {
  const parsed = transferInput.safeParse(input)
  if (!parsed.success)
    throw new ValidationError(
      'input of Transfer',
      parsed.error.issues.map(({ message, path }) => ({ message, path: path.map(String) })),
    )
  const { from, to, amount, transferId } = parsed.data
  return bank.transaction(
    async (tx) => {
      const taken = await tx.execute(withdraw({ accountId: from, amount, transferId }), { actor })
      const given = await tx.execute(deposit({ accountId: to, amount, transferId }), { actor })
      return taken.events.length + given.events.length
    },
    { idempotencyKey, input: { command: 'Transfer', ...parsed.data } },
  )
}
