/**
 * The evening: four orders in a branch of their own, settled by the process manager after the job.
 *
 * Each call has a key, like the lines of the file. So a second evening changes nothing, and one that was interrupted goes on.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { DeadLetter } from 'dacapo'
import { balances } from '../domain/balances.ts'
import type { Bank } from '../domain/bank.ts'
import { closeAccount, deposit, openAccount } from '../domain/commands.ts'
import { orderBook } from '../domain/order-book.ts'
import { OrderFailed, OrderSettled, placeOrder } from '../domain/orders.ts'
import { printer, printReceipts } from '../domain/print-receipt.ts'

const desk = { id: 'evening desk', roles: ['teller'] }
const people = [
  { accountId: 'ada', amount: 500_00 },
  { accountId: 'ben', amount: 100_00 },
]
const orders = [
  { orderId: 'E1', from: 'ada', to: 'ben', amount: 120_00 },
  { orderId: 'E2', from: 'ben', to: 'ada', amount: 35_00 },
  { orderId: 'E3', from: 'ada', to: 'cleo', amount: 80_00 }, // her account is closed
  { orderId: 'E4', from: 'ben', to: 'ada', amount: 900_00 }, // he does not have that much
]

export interface Evening {
  readonly orders: readonly {
    readonly orderId: string
    readonly from: string
    readonly to: string
    readonly amount: number
    readonly status: string
    readonly why: string
  }[]
  readonly balances: readonly { readonly key: string; readonly row: { readonly balance: number } }[]
  /** Receipts that could not be printed before there was paper again. */
  readonly unprinted: readonly DeadLetter[]
  readonly printed: number
}

/** @returns nothing when the signal has ended it: the next run goes on. */
export async function evening(bank: Bank, signal: AbortSignal): Promise<Evening | undefined> {
  const branch = bank.forTenant('evening')
  await bank.start()
  await openBranch(branch)
  for (const order of orders) await branch.execute(placeOrder(order), { actor: desk, idempotencyKey: `place ${order.orderId}` })

  let open = orders.length
  let last = 0
  for await (const { position } of branch.events({ types: [OrderSettled, OrderFailed], live: true, signal })) {
    last = position
    if (--open === 0) break
  }
  if (signal.aborted) return undefined
  const book = await Promise.all(
    orders.map(async ({ orderId }) => ({ orderId, ...(await branch.view(orderBook).get(orderId, { atLeast: last }))! })),
  )
  const receipts = await printAll(bank, branch, last, signal)
  return signal.aborted ? undefined : { orders: book, balances: (await branch.view(balances).list()).rows, ...receipts }
}

async function openBranch(branch: Bank): Promise<void> {
  const once = (key: string) => ({ actor: desk, idempotencyKey: key })
  for (const { accountId, amount } of people) {
    await branch.execute(openAccount({ accountId, owner: accountId }), once(`open ${accountId}`))
    await branch.execute(deposit({ accountId, amount }), once(`pay in ${accountId}`))
  }
  await branch.execute(openAccount({ accountId: 'cleo', owner: 'cleo' }), once('open cleo'))
  await branch.execute(closeAccount({ accountId: 'cleo', reason: 'moved' }), once('close cleo'))
}

/** Waits for the receipts; what could not be printed is tried again with new paper. */
async function printAll(bank: Bank, branch: Bank, last: number, signal: AbortSignal): Promise<Pick<Evening, 'unprinted' | 'printed'>> {
  const receipts = async () => (await bank.subscriptions.list()).find(({ name }) => name === printReceipts.name)!
  const isBusy = ({ position, parked }: Awaited<ReturnType<typeof receipts>>) => position < last || parked.retrying > 0
  const settled = async () => {
    while (!signal.aborted && isBusy(await receipts())) await pause(10)
  }
  await settled()
  const unprinted = await branch.deadLetters.list({ handler: printReceipts.name })
  if (unprinted.length > 0) {
    printer.sheets = 100
    await branch.deadLetters.retry({ handler: printReceipts.name })
    await settled()
  }
  return { unprinted, printed: printer.printed }
}
