/** What the writers ask of the bank: made from a seed, without end, so that a restarted writer can ask the same again. */
import type { Request } from '../examples/bank/job/request.ts'
import { random } from '../examples/bank/make/random.ts'

/** So many requests of a writer go to one set of accounts, which all writers share; enough for snapshots. Then comes the next set. */
const perBlock = 4000
const accountsPerBlock = 20

const teller = { id: 'tom', roles: ['teller'] }
const stranger = { id: 'eve', roles: [] }

/**
 * The request of a writer with this number, from 0.
 *
 * Its key is also in the data of every event that it leads to, whatever the command: so the log itself tells what was done once,
 * twice or half. Now and then it is a copy of an earlier one, as from a sender that got no answer.
 */
export function requestOf(seed: number, writer: number, number: number): Request {
  if (number % 40 === 39) return requestOf(seed, writer, number - 7)
  const { int, weighted, chance, next } = random(seed ^ (writer * 0x9e3779b1) ^ (number * 0x85ebca6b))
  next() // The first number of neighbouring seeds is still alike.
  const key = `w${writer}-${String(number).padStart(7, '0')}`
  const block = Math.floor(number / perBlock)
  const account = (nth: number) => `${block}-${nth % accountsPerBlock}`
  const place = number % perBlock
  const actor = chance(0.02) ? stranger : teller
  if (place < accountsPerBlock) return { key, actor: teller, command: 'OpenAccount', input: { accountId: account(place), owner: key } }

  const nth = int(0, accountsPerBlock - 1)
  const command = weighted({ Deposit: 55, Withdraw: 30, Transfer: 12, CloseAccount: 1 })
  if (command === 'CloseAccount') return { key, actor, command, input: { accountId: account(nth), reason: key } }
  const amount = int(1, 500)
  if (command !== 'Transfer') return { key, actor, command, input: { accountId: account(nth), amount, transferId: key } }
  const to = account(nth + int(1, accountsPerBlock - 1))
  return { key, actor, command, input: { from: account(nth), to, amount, transferId: key } }
}
