/**
 * A process of the bank: follows the log, and asks for more. It is made to be killed. Told to rest, it asks for nothing new; once nobody
 * listens to it any more, it ends well.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Signal } from 'dacapo'
import { postgres } from 'dacapo/postgres'
import { sqlite } from 'dacapo/sqlite'
import { atLast } from '../at-last.ts'
import { openBank, sums } from './bank.ts'
import { type Break, broken } from './broken-stores.ts'
import { runClient } from './client.ts'
import { startLine } from './handovers.ts'
import { withSlowRebuilds } from './slow-rebuilds.ts'

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

/** How long nothing is rebuilt at most. */
const longestPauseMs = 500

const resting = new AbortController()
const alone = new Promise((resolve) => process.stdin.once('end', resolve))
for (const end of ['data', 'end'] as const) process.stdin.once(end, () => resting.abort())

const place = orders.store === 'postgres' ? postgres(orders.at, { maxConnections: 5 }) : sqlite(orders.at)
const bank = openBank(orders.break ? broken(place, orders.break) : withSlowRebuilds(place), orders.witnessed, countSome)
await atLast(() => bank.start())
say('started')
// A control is about something else, and may leave a view that cannot be built.
await Promise.all([runClient(bank, orders, resting.signal), orders.break ? undefined : rebuildNowAndThen()])
say('resting')
await alone
await bank.subscriptions.audit()
await bank.stop()
process.exit()

/** Has a view built anew again and again, beside the work of all others; what is under way when a process ends goes on elsewhere. */
async function rebuildNowAndThen(): Promise<void> {
  while (!resting.signal.aborted) {
    await atLast(() => bank.subscriptions.rebuild(sums))
    await pause(Math.random() * longestPauseMs, undefined, { signal: resting.signal }).catch(() => {})
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
      return startLine(signal, `${orders.client}/${process.pid}`)
    case 'lease.lost':
      return 'lost'
    case 'process.command':
      return signal.duplicate ? 'answered' : undefined
    case 'projection.rebuild.stop':
      return signal.outcome === 'switched' ? 'rebuilt' : undefined
    case 'process.timer':
      return signal.change === 'fired' ? 'timer' : undefined
    default:
      return undefined
  }
}
