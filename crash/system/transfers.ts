/** Transfers, settled by a process manager: small ones at once, large ones when somebody has approved them in time. */
import { aggregate, command, type Duration, event, processManager, reject } from 'dacapo'
import { z } from 'zod'
import { deposit, withdraw } from '../../examples/bank/domain/commands.ts'
import { MoneyDeposited, MoneyWithdrawn } from '../../examples/bank/domain/events.ts'

const transferId = z.string()
const wanted = z.object({ transferId, from: z.string(), to: z.string(), amount: z.int().positive() })

export const TransferRequested = event('TransferRequested', wanted)
export const TransferApproved = event('TransferApproved', z.object({ transferId }))
export const TransferCompleted = event('TransferCompleted', z.object({ transferId }))
export const TransferFailed = event('TransferFailed', z.object({ transferId, why: z.string() }))

/** From here on somebody has to approve. */
export const largeAmount = 40
/** How long there is for that. Some processes are frozen for longer. */
export const settlement: Duration = { milliseconds: 2500 }

export const Transfer = aggregate('transfer', {
  events: [TransferRequested, TransferApproved, TransferCompleted, TransferFailed],
  initial: (): { readonly status: 'none' | 'open' | 'approved' | 'ended' } => ({ status: 'none' }),
  evolve: {
    TransferRequested: () => ({ status: 'open' }),
    TransferApproved: () => ({ status: 'approved' }),
    TransferCompleted: () => ({ status: 'ended' }),
    TransferFailed: () => ({ status: 'ended' }),
  },
})

export const requestTransfer = command(Transfer, 'RequestTransfer', {
  input: wanted,
  id: (input) => input.transferId,
  decide: ({ state, input }) => (state.status === 'none' ? TransferRequested(input) : reject('AlreadyRequested')),
})
export const approveTransfer = command(Transfer, 'ApproveTransfer', {
  input: z.object({ transferId }),
  id: (input) => input.transferId,
  decide: ({ state, input }) => (state.status === 'open' ? TransferApproved(input) : reject('NotOpen')),
})
// What ends a transfer does not look whether it has ended: only the process manager keeps it from ending twice.
export const completeTransfer = command(Transfer, 'CompleteTransfer', {
  input: z.object({ transferId }),
  id: (input) => input.transferId,
  decide: ({ input }) => TransferCompleted(input),
})
export const failTransfer = command(Transfer, 'FailTransfer', {
  input: z.object({ transferId, why: z.string() }),
  id: (input) => input.transferId,
  decide: ({ input }) => TransferFailed(input),
})

export const transfers = processManager('transfers', {
  events: [TransferRequested, TransferApproved, MoneyWithdrawn, MoneyDeposited],
  commands: [withdraw, deposit, completeTransfer, failTransfer],
  partitions: 2,
  correlate: ({ data }) => data.transferId,
  initial: () => ({ transferId: '', from: '', to: '', amount: 0, isApproved: false, isWithdrawn: false }),
  evolve: {
    TransferRequested: (_, { data }) => ({ ...data, isApproved: data.amount < largeAmount, isWithdrawn: false }),
    TransferApproved: (state) => ({ ...state, isApproved: true }),
    MoneyWithdrawn: (state) => ({ ...state, isWithdrawn: true }),
  },
  on: {
    TransferRequested: ({ event: { data }, send, timeout }) => [
      timeout('settlement', settlement),
      send(withdraw({ accountId: data.from, amount: data.amount, transferId: data.transferId }), {
        undo: deposit({ accountId: data.from, amount: data.amount }),
      }),
    ],
    // Whichever of the two comes last.
    TransferApproved: ({ state, send }) => (state.isWithdrawn ? send(arrival(state)) : undefined),
    MoneyWithdrawn: ({ state, send }) => (state.isApproved ? send(arrival(state)) : undefined),
    MoneyDeposited: ({ state, send, complete }) => [send(completeTransfer({ transferId: state.transferId })), complete()],
  },
  rejected: {
    Withdraw: ({ state, rejection, send, complete }) => [
      send(failTransfer({ transferId: state.transferId, why: rejection.code })),
      complete(),
    ],
    Deposit: ({ state, rejection, send, compensate, complete }) => [
      compensate(),
      send(failTransfer({ transferId: state.transferId, why: rejection.code })),
      complete(),
    ],
  },
  timeouts: {
    settlement: ({ state, send, compensate, complete }) => [
      compensate(),
      send(failTransfer({ transferId: state.transferId, why: 'timed out' })),
      complete(),
    ],
  },
})

/** Money that arrives names its transfer; money that is given back does not. */
function arrival({ to, amount, transferId }: { readonly to: string; readonly amount: number; readonly transferId: string }) {
  return deposit({ accountId: to, amount, transferId })
}
