/** The command line. */
import { parseArgs } from 'node:util'
import { UsageError } from '../examples/bank/job/options.ts'

export interface Options {
  readonly rounds: number
  /** One campaign for each. */
  readonly writers: readonly number[]
  readonly seed: number
  readonly syncs: boolean
  readonly control: 'early-ack' | 'synchronous-off' | undefined
  readonly tracer: string | undefined
  readonly help: boolean
}

export const help = `Kills processes that write to a bank, again and again, and checks that nothing acknowledged is lost or done twice.

Usage: npm run crash -- [options]

  --rounds N      how many kills                                     (default: 100)
  --writers N     how many processes write to the one file, 1 to 8   (default: 1, then 3)
  --seed N        the same requests and the same plan of kills       (default: a random one)
  --control early-ack
                  acknowledges before the commit: the check must fail and report lost commands
  --help          print this

Usage: npm run crash -- --syncs [options]

  Counts the syncs of the disk between the start of a commit and its acknowledgement, which no kill can tell.

  --tracer NAME   strace, or shim, a small library made with gcc     (default: the first that works)
  --control synchronous-off
                  writes with synchronous = OFF: the check must fail

It exits with 0 when everything is as it must be, else with 1; so a control exits with 1.`

/** @throws UsageError, and what parseArgs throws. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '100' },
      writers: { type: 'string' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      syncs: { type: 'boolean', default: false },
      control: { type: 'string' },
      tracer: { type: 'string' },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  })
  const { syncs, control, tracer, help, writers } = values
  const fitting = syncs ? 'synchronous-off' : 'early-ack'
  if (control !== undefined && control !== fitting) throw new UsageError(`--control is ${fitting} here, not ${control}.`)
  return {
    rounds: wholeNumber('--rounds', values.rounds, 100_000),
    writers: writers === undefined ? [1, 3] : [wholeNumber('--writers', writers, 8)],
    seed: wholeNumber('--seed', values.seed, 2 ** 31),
    syncs,
    control,
    tracer,
    help,
  }
}

function wholeNumber(option: string, text: string, most: number): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > most || (number === 0 && option !== '--seed'))
    throw new UsageError(`${option} needs a whole number up to ${most.toLocaleString('en')}, not ${text}.`)
  return number
}
