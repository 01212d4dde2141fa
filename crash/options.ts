/** The command line. */
import { parseArgs } from 'node:util'
import { isDatabase } from '../examples/bank/domain/bank.ts'
import { UsageError } from '../examples/bank/job/options.ts'
import { type Break, breaks } from './system/broken-stores.ts'
import { processes } from './system/campaign.ts'

export interface Options {
  readonly rounds: number
  /** One campaign for each. */
  readonly writers: readonly number[]
  readonly seed: number
  readonly syncs: boolean
  readonly control: 'early-ack' | 'synchronous-off' | undefined
  readonly tracer: string | undefined
  /** The running system instead of the store by itself, and where it is. */
  readonly system: SystemOptions | undefined
  readonly help: boolean
}

export interface SystemOptions {
  /** `sqlite`, `postgres`, or the URL of a server. */
  readonly store: string
  readonly seconds: number
  readonly break: Break | undefined
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

Usage: npm run crash -- --store NAME [options]

  Kills, freezes and cuts off ${processes} processes of a bank that follow its log, and checks that nothing was missed or done twice.

  --store NAME    sqlite, postgres, or the URL of a server whose user may create databases
  --seconds N     how long there are faults                          (default: 60)
  --seed N        the same plan of faults                            (default: a random one)
  --break NAME    ${breaks.join(' or ')}: without outcomes of commands, or without leases; the check must fail

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
      store: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      break: { type: 'string' },
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
    system: systemOf(values),
    help,
  }
}

/** @throws UsageError */
function systemOf({
  store,
  seconds,
  break: broken,
}: {
  readonly store?: string
  readonly seconds: string
  readonly break?: string
}): SystemOptions | undefined {
  if (store === undefined) {
    if (broken !== undefined) throw new UsageError('--break needs --store.')
    return undefined
  }
  if (!['sqlite', 'postgres'].includes(store) && !isDatabase(store))
    throw new UsageError(`--store is sqlite, postgres, or the URL of a PostgreSQL server, not ${store}.`)
  if (broken !== undefined && !breaks.some((one) => one === broken))
    throw new UsageError(`--break is ${breaks.join(' or ')}, not ${broken}.`)
  return { store, seconds: wholeNumber('--seconds', seconds, 100_000), break: broken as Break | undefined }
}

function wholeNumber(option: string, text: string, most: number): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > most || (number === 0 && option !== '--seed'))
    throw new UsageError(`${option} needs a whole number up to ${most.toLocaleString('en')}, not ${text}.`)
  return number
}
