/**
 * A writing process: asks the bank, and notes each answer in its acknowledgement log. It ends well when its input ends, which also
 * happens when whoever started it is gone; it is made to be killed.
 */
import { openBank } from '../examples/bank/domain/bank.ts'
import { settle } from '../examples/bank/job/settle.ts'
import { openAcknowledgements } from './acknowledgements.ts'
import { atLast } from './at-last.ts'
import { requestOf } from './requests.ts'

/** What a writer is told at its start. */
export interface Orders {
  readonly db: string
  readonly log: string
  readonly seed: number
  readonly writer: number
  /** Requests that an earlier life has sent and got no answer to: sent again. */
  readonly again: readonly number[]
  /** The first request that was never sent. */
  readonly from: number
  /** The control: acknowledges before it asks. */
  readonly earlyAck: boolean
}

/** How many requests are under way at once. */
const lanes = 16

const { db, log, seed, writer, again, from, earlyAck }: Orders = JSON.parse(process.argv[2] as string)

let stopping = false
process.stdin.on('end', () => (stopping = true)).resume()

const bank = openBank(db)
const acknowledgements = openAcknowledgements(log)
const numbers = sequence()
await Promise.all(Array.from({ length: lanes }, work))
await bank.stop()
acknowledgements.close()
process.exit()

/** What was left over comes first and is always done; then new ones, until it is time to stop. */
function* sequence(): Generator<number> {
  yield* again
  for (let number = from; !stopping; number++) yield number
}

async function work(): Promise<void> {
  for (const number of numbers) {
    const request = requestOf(seed, writer, number)
    if (earlyAck) acknowledgements.write({ number, key: request.key, answer: { kind: 'early' } })
    const answer = await atLast(() => settle(bank, request))
    if (!earlyAck) acknowledgements.write({ number, key: request.key, answer })
  }
}
