/** What a client asks of the bank: made from a seed, without end, so that a restarted client can ask the same again. */
import { random } from '../../examples/bank/make/random.ts'
import { accounts } from './bank.ts'
import { largeAmount } from './transfers.ts'

export interface ClientRequest {
  readonly command: 'Deposit' | 'RequestTransfer' | 'ApproveTransfer'
  readonly input: Readonly<Record<string, unknown>> & { readonly amount?: number }
  /** The correlation id of everything that it leads to. An approval has that of its transfer. */
  readonly key: string
  readonly idempotencyKey: string
}

/** How far back the transfers lie that are approved: some in time, some too late. */
const mostBack = 60

/** The request of a client with this number, from 0. */
export function requestOf(seed: number, client: number, number: number): ClientRequest {
  const { int, weighted, pick, next } = random(seed ^ (client * 0x9e3779b1) ^ (number * 0x85ebca6b))
  next() // The first number of neighbouring seeds is still alike.
  const key = `c${client}-${number}`
  const command = weighted({ Deposit: 30, RequestTransfer: 50, ApproveTransfer: 20 })
  if (command === 'ApproveTransfer') {
    const nearest = int(1, mostBack)
    for (let back = nearest; back <= Math.min(number, nearest + 10); back++) {
      const earlier = requestOf(seed, client, number - back)
      const isLarge = earlier.command === 'RequestTransfer' && (earlier.input.amount ?? 0) >= largeAmount
      if (isLarge) return { command, input: { transferId: earlier.key }, key: earlier.key, idempotencyKey: key }
    }
  }
  const accountId = pick(accounts)
  if (command !== 'RequestTransfer') return { command: 'Deposit', input: { accountId, amount: int(1, 100) }, key, idempotencyKey: key }
  // Money may also be on its way to where nobody has an account.
  const to = pick([...accounts.filter((one) => one !== accountId), 'nobody'])
  return { command, input: { transferId: key, from: accountId, to, amount: int(1, 60) }, key, idempotencyKey: key }
}
