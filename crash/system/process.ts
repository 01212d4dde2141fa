/**
 * A process of the bank: follows the log, and asks for more. It is made to be killed. Told to rest, it asks for nothing new; once nobody
 * listens to it any more, it ends well.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { DacapoError, type Signal } from 'dacapo'
import { postgres } from 'dacapo/postgres'
import { sqlite } from 'dacapo/sqlite'
import { openBank } from './bank.ts'
import { type Break, broken } from './broken-stores.ts'
import { runClient } from './client.ts'

/** What it is told at its start. */
export interface SystemOrders {
  readonly store: 'sqlite' | 'postgres'
  /** A path or a URL. */
  readonly at: string
  readonly seed: number
  /** From 1. */
  readonly client: number
  readonly journal: string
  readonly witnessed: string
  /** A file for what there is to count. */
  readonly signals: string
  readonly break: Break | undefined
}

/** What it says to whoever has started it. */
export type Said = 'started' | 'resting'

const orders: SystemOrders = JSON.parse(process.argv[2] as string)

const resting = new AbortController()
const alone = new Promise((resolve) => process.stdin.once('end', resolve))
for (const end of ['data', 'end'] as const) process.stdin.once(end, () => resting.abort())

const place = orders.store === 'postgres' ? postgres(orders.at, { maxConnections: 5 }) : sqlite(orders.at)
const bank = openBank(orders.break ? broken(place, orders.break) : place, orders.witnessed, countSome)
await startAtLast()
say('started')
await runClient(bank, orders, resting.signal)
say('resting')
await alone
await bank.subscriptions.audit()
await bank.stop()
process.exit()

/** Tries again for as long as the store says that this may help. */
async function startAtLast(): Promise<void> {
  for (;;) {
    try {
      return await bank.start()
    } catch (error) {
      if (!(DacapoError.is(error) && error.retryable)) throw error
      await pause(100)
    }
  }
}

function say(what: Said): void {
  process.stdout.write(`${what}\n`)
}

function countSome(signal: Signal): void {
  const line = lineOf(signal)
  if (line) appendFileSync(orders.signals, `${line}\n`)
}

function lineOf(signal: Signal): string | undefined {
  switch (signal.signal) {
    case 'subscription.start':
      return `part ${signal.kind}:${signal.name} ${signal.part}`
    case 'lease.lost':
      return 'lost'
    case 'process.command':
      return signal.duplicate ? 'answered' : undefined
    case 'process.timer':
      return signal.change === 'fired' ? 'timer' : undefined
    default:
      return undefined
  }
}
