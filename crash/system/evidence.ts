/** Everything that is known when the bank has come to rest: what the log says, what views say, and what was told to whom. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createApp, type EventStore } from 'dacapo'
import { balances } from '../../examples/bank/domain/balances.ts'
import { accounts, commands, leaseMs, rewards, sums, tallies } from './bank.ts'
import { readJournal, type Told } from './journal.ts'
import { type ClientRequest, requestOf } from './requests.ts'

/** An event of the log. */
export interface LogEvent {
  readonly position: number
  readonly id: string
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly data: { readonly amount?: number; readonly transferId?: string; readonly why?: string }
  readonly correlationId: string
}

/** An event that the handler was given. */
export type Delivery = Pick<LogEvent, 'stream' | 'version' | 'id'>

export interface Evidence {
  readonly log: readonly LogEvent[]
  /** What clients asked, in all of their lives, and what they were told. */
  readonly asked: readonly { readonly request: ClientRequest; readonly told: Told | undefined }[]
  readonly delivered: readonly Delivery[]
  /** Rows by account: of the transactional view and of the async one. */
  readonly balances: ReadonlyMap<string, number>
  readonly sums: ReadonlyMap<string, { readonly sum: number; readonly count: number }>
  /** Rows of the async view that are stored otherwise than they would be built now, as the store itself has compared them. */
  readonly differing: readonly string[]
  /** Events by type, as the table has counted them. */
  readonly tallies: ReadonlyMap<string, number>
  /** What nobody goes on with by himself: dead letters, instances of processes that are stuck, and holes that an audit has found. */
  readonly given: readonly string[]
}

export interface Sources {
  readonly seed: number
  /** By client, from 1. */
  readonly journals: readonly string[]
  readonly witnessed: string
}

export async function gather(store: EventStore, { seed, journals, witnessed }: Sources): Promise<Evidence> {
  const app = createApp({ store, commands, projections: [balances, sums, tallies] })
  const log: LogEvent[] = []
  for await (const { events } of store.readAll())
    for (const { position, id, stream, version, type, data, metadata } of events)
      log.push({ position, id, stream, version, type, data: JSON.parse(data), correlationId: JSON.parse(metadata).correlationId })

  const known = [...accounts, rewards, 'nobody']
  const rows = await Promise.all(known.map(async (one) => [one, await app.view(balances).get(one), await app.view(sums).get(one)] as const))
  const counted = await app.transaction((tx) => tx.sql`select type, events from transfer_tallies`)
  return {
    log,
    asked: journals.flatMap((journal, i) =>
      [...readJournal(journal).asked].map(([number, told]) => ({ request: requestOf(seed, i + 1, number), told })),
    ),
    delivered: linesOf(witnessed).map((line) => {
      const [stream, version, id] = line.split(' ') as [string, string, string]
      return { stream, version: Number(version), id }
    }),
    balances: new Map(rows.flatMap(([account, row]) => (row ? [[account, row.balance] as const] : []))),
    sums: new Map(rows.flatMap(([account, , row]) => (row ? [[account, row] as const] : []))),
    differing: await compareSums(store),
    tallies: new Map(counted.map(({ type, events }) => [String(type), Number(events)])),
    given: await givenUp(store),
  }
}

/** The other rows are made by an app that follows the log for so long. */
async function compareSums(store: EventStore): Promise<readonly string[]> {
  const app = createApp({ store, commands, projections: [sums], defaults: { subscriptions: { lease: { milliseconds: leaseMs } } } })
  await app.start()
  try {
    const { differences } = await app.subscriptions.compare(sums)
    return differences.map((difference) => JSON.stringify(difference))
  } finally {
    await app.stop({ keepStore: true })
  }
}

/** What nobody goes on with by himself. */
export async function givenUp({ work }: EventStore): Promise<readonly string[]> {
  const records = await Promise.all([
    work.records({ kind: 'parked', limit: 1000 }),
    work.records({ kind: 'process', status: 'stuck', limit: 1000 }),
    work.records({ kind: 'hole', limit: 1000 }),
  ])
  return records.flat().map(({ kind, owner, key }) => `${kind} ${owner} ${key}`)
}

/** Writes it down for a person. */
export async function keep(evidence: Evidence, file: string): Promise<void> {
  const plain = (_: string, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value)
  await writeFile(file, JSON.stringify(evidence, plain, 2))
}

/** Lines of a file that may not be there; a last one without its end was cut by a kill. */
export function linesOf(file: string): readonly string[] {
  return readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1)
}
