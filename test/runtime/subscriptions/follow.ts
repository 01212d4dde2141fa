/** What most tests of subscriptions begin with: the bank with whatever follows its log, and events that are in the log at once. */
import { randomUUID } from 'node:crypto'
import type { AnyEventHandler, HandlerContext } from '../../../src/core/event-handler.ts'
import type { EventStore } from '../../../src/core/event-store.ts'
import type { RecordedEvent } from '../../../src/core/recorded-event.ts'
import { eventHandler, projection } from '../../../src/index.ts'
import { testApp } from '../../../src/testing/index.ts'
import { closeAccount, deposit, MoneyDeposited, MoneyWithdrawn, openAccount, withdraw } from '../../domain/bank.ts'
import { inFrontOf } from '../in-front-of.ts'
import type { Given } from '../on-every-store.ts'
import { ann } from '../open-bank.ts'

type Options = Omit<Parameters<typeof testApp>[0], 'store' | 'clock' | 'commands'> & { readonly store?: EventStore }

/** A test app of the bank; nothing follows its log but what is given. */
export function openFollowed({ store, clock, tend }: Given, options: Options = {}) {
  return tend(testApp({ store, clock, commands: [openAccount, deposit, withdraw, closeAccount], ...(options as object) }))
}

export type Followed = ReturnType<typeof openFollowed>

/** A handler of deposits that hands each to a function. */
export function onDeposits(
  name: string,
  handle: (amount: number, event: RecordedEvent, context: HandlerContext) => unknown,
  more: Partial<Pick<AnyEventHandler, 'retry' | 'partitions' | 'startFrom'>> = {},
) {
  return eventHandler(name, {
    events: [MoneyDeposited],
    retry: { attempts: 3 },
    ...more,
    handle: async (event, context) => void (await handle(event.data.amount, event, context)),
  })
}

/** A handler that remembers the amounts of deposits. */
export function noting(name = 'noting', more: Partial<Pick<AnyEventHandler, 'retry' | 'partitions' | 'startFrom'>> = {}) {
  const amounts: number[] = []
  return { amounts, handler: onDeposits(name, (amount) => amounts.push(amount), more) }
}

/** What is in an account, by an async projection. */
export const sums = projection('sums', {
  events: [MoneyDeposited, MoneyWithdrawn],
  consistency: 'async',
  key: (event) => event.subject,
  initial: () => ({ sum: 0, count: 0 }),
  evolve: {
    MoneyDeposited: (row, { data }) => ({ sum: row.sum + data.amount, count: row.count + 1 }),
    MoneyWithdrawn: (row, { data }) => ({ sum: row.sum - data.amount, count: row.count + 1 }),
  },
})

/** An account with deposits. */
export async function openWithDeposits(app: Followed, accountId: string, ...amounts: readonly number[]): Promise<void> {
  await app.execute(openAccount({ accountId, owner: 'ann' }), { actor: ann })
  await payIn(app, accountId, ...amounts)
}

export async function payIn(app: Followed, accountId: string, ...amounts: readonly number[]): Promise<void> {
  for (const amount of amounts) await app.execute(deposit({ accountId, amount }), { actor: ann })
}

/** Time passes, as far as several leases reach, with everybody doing what he has to do meanwhile. */
export async function leasesPass({ clock }: Pick<Given, 'clock'>, apps: readonly Pick<Followed, 'settle'>[], leases = 3): Promise<void> {
  for (let third = 0; third < leases * 3; third++) {
    await clock.advance({ milliseconds: 3400 })
    for (const app of apps) await app.settle()
  }
}

/** Deposits of 1, 2, 3 … that are in the log at once, in the streams of some accounts in turn. */
export async function appendDeposits(store: EventStore, count: number, accounts: readonly string[] = ['a'], first = 1): Promise<void> {
  const metadata = JSON.stringify({ correlationId: 'c', causationId: 'c', actor: null })
  const eventOf = (amount: number) => ({
    id: randomUUID(),
    type: 'MoneyDeposited',
    schemaVersion: 1,
    data: JSON.stringify({ amount }),
    metadata,
    tags: [],
  })
  for (let done = 0; done < count; ) {
    const size = Math.min(2000, count - done)
    const amounts = Array.from({ length: size }, (_, i) => first + done + i)
    const requests = accounts.map((account, n) => ({
      stream: `account-${account}`,
      expectedVersion: 'any' as const,
      events: amounts.filter((_, i) => (done + i) % accounts.length === n).map(eventOf),
    }))
    const results = await store.append(requests.filter(({ events }) => events.length > 0))
    const failed = results.find((result) => result.kind !== 'appended')
    if (failed) throw new Error(`not appended: ${JSON.stringify(failed)}`)
    done += size
  }
}

/** An event as another build has stored it: of any schema version, whatever its data is. */
export async function appendRaw(store: EventStore, stream: string, type: string, schemaVersion: number, data: unknown): Promise<void> {
  const metadata = JSON.stringify({ correlationId: 'c', causationId: 'c', actor: null })
  const event = { id: randomUUID(), type, schemaVersion, data: JSON.stringify(data), metadata, tags: [] }
  const [result] = await store.append([{ stream, expectedVersion: 'any', events: [event] }])
  if (result?.kind !== 'appended') throw new Error(`not appended: ${JSON.stringify(result)}`)
}

/** The same store with other functions in front of some calls of its work. */
export function workInFrontOf(store: EventStore, calls: Partial<EventStore['work']>): EventStore {
  return inFrontOf(store, { work: { ...store.work, ...calls } } as never)
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
