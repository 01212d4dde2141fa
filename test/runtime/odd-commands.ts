/** Commands of an account that no bank would have: what they do wrong is what the tests are about. */
import { z } from 'zod'
import { command, reject } from '../../src/index.ts'
import { Account, AccountOpened, MoneyDeposited, TransferCompleted } from '../domain/bank.ts'

const input = z.object({ accountId: z.string() })
const id = (given: { readonly accountId: string }) => given.accountId

/** What `breakDown` throws: this very object. */
export const brokenDown = new RangeError('the machine is out of paper')

export const breakDown = command(Account, 'BreakDown', {
  input,
  id,
  decide: () => {
    throw brokenDown
  },
})

export const hesitate = command(Account, 'Hesitate', {
  input,
  id,
  decide: (async () => MoneyDeposited({ amount: 1 })) as never,
})

export const hesitateAndFail = command(Account, 'HesitateAndFail', {
  input,
  id,
  decide: (async () => {
    throw brokenDown
  }) as never,
})

export const returnUndefined = command(Account, 'ReturnUndefined', { input, id, decide: () => undefined })
export const returnNothing = command(Account, 'ReturnNothing', { input, id, decide: () => [] })
export const returnNull = command(Account, 'ReturnNull', { input, id, decide: (() => null) as never })

export const returnForeign = command(Account, 'ReturnForeign', {
  input,
  id,
  decide: (() => TransferCompleted({ transferId: 't-1' })) as never,
})

export const returnRubbish = command(Account, 'ReturnRubbish', { input, id, decide: (() => ['MoneyDeposited']) as never })

/** Opens, pays in one amount per event, all in one go. */
export const openFilled = command(Account, 'OpenFilled', {
  input: z.object({ accountId: z.string(), amounts: z.array(z.int().positive()) }),
  id,
  decide: ({ state, input: { amounts } }) =>
    state.status === 'none'
      ? [AccountOpened({ owner: 'ann' }), ...amounts.map((amount) => MoneyDeposited({ amount }))]
      : reject('AlreadyOpen'),
})

export const oddCommands = [
  breakDown,
  hesitate,
  hesitateAndFail,
  returnUndefined,
  returnNothing,
  returnNull,
  returnForeign,
  returnRubbish,
  openFilled,
] as const
