/** Asks the bank without end, some things at once; and again, until it is answered. */
import { setTimeout as pause } from 'node:timers/promises'
import { atLast } from '../at-last.ts'
import { type SystemBank, teller } from './bank.ts'
import { note, readJournal, type Told } from './journal.ts'
import { type ClientRequest, requestOf } from './requests.ts'

export interface ClientOptions {
  readonly seed: number
  readonly client: number
  readonly journal: string
}

/** How many requests are under way at once, and how long each lane rests at most between two. */
const lanes = 3
const longestPauseMs = 60

/** Settles when it was told to rest, and everything that was ever asked has an answer. */
export async function runClient(bank: SystemBank, { seed, client, journal }: ClientOptions, resting: AbortSignal): Promise<void> {
  const { asked } = readJournal(journal)
  const again = [...asked].filter(([, told]) => told === undefined).map(([number]) => number)
  let next = Math.max(-1, ...asked.keys()) + 1

  async function lane(): Promise<void> {
    for (;;) {
      const number = again.shift() ?? (resting.aborted ? undefined : next++)
      if (number === undefined) return
      note.asked(journal, number)
      const told = await answerTo(bank, requestOf(seed, client, number))
      note.answered(journal, number, told)
      await pause(Math.random() * longestPauseMs, undefined, { signal: resting }).catch(() => {})
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

async function answerTo(bank: SystemBank, { command, input, key, idempotencyKey }: ClientRequest): Promise<Told> {
  const outcome = await atLast(() => bank.attempt({ command, input }, { actor: teller, correlationId: key, idempotencyKey }))
  return outcome.ok ? 'accepted' : `rejected ${outcome.rejection.code}`
}
