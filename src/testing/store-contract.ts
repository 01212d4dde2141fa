/**
 * The store contract: what every store must pass on its real engine, as data, for any test runner.
 *
 * Each case is a sentence with a proof. `runStoreContract` registers every one twice: on a fresh store, and on one that
 * already holds 1,000 unrelated events. What a store cannot run is skipped by capability, and the skip is told.
 *
 * @example
 * import { test } from 'node:test'
 * await runStoreContract({ name: 'memory', open: ({ clock }) => ({ store: memory({ clock }) }) }, { test, skip: console.log })
 */
import type { EventStore } from '../core/event-store.ts'
import { appendCases } from './contract/append.ts'
import { appendAgainCases } from './contract/append-again.ts'
import { appendLimitCases } from './contract/append-limits.ts'
import { appendManyCases } from './contract/append-many.ts'
import { appendTimeCases } from './contract/append-time.ts'
import { capabilityCases } from './contract/capabilities.ts'
import { conditionCases } from './contract/conditions.ts'
import type { ContractCase, ContractClock, Need, StoreTools } from './contract/contract-case.ts'
import { contractClock } from './contract/contract-clock.ts'
import { ContractViolation } from './contract/expect.ts'
import { generationCases } from './contract/generations.ts'
import { groupCommitCases } from './contract/group-commit.ts'
import { idempotencyCases } from './contract/idempotency.ts'
import { keptViewCases } from './contract/kept-views.ts'
import { listingCases } from './contract/listing.ts'
import { orderCases } from './contract/order.ts'
import { orderPageCases } from './contract/order-pages.ts'
import { queryLawCases } from './contract/query-laws.ts'
import { readingCases } from './contract/reading.ts'
import { snapshotCases } from './contract/snapshots.ts'
import { tenantCases } from './contract/tenants.ts'
import { transactionCases } from './contract/transactions.ts'
import { transactionsBesideCases } from './contract/transactions-beside.ts'
import { appendUnrelated } from './contract/unrelated.ts'
import { viewCases } from './contract/views.ts'
import { viewListCases } from './contract/views-list.ts'
import { viewRebuildCases } from './contract/views-rebuild.ts'
import { workCases } from './contract/work.ts'

/** Every case, part by part. */
export const storeContract: readonly ContractCase[] = [
  ...appendCases,
  ...appendManyCases,
  ...appendAgainCases,
  ...appendLimitCases,
  ...appendTimeCases,
  ...groupCommitCases,
  ...transactionCases,
  ...transactionsBesideCases,
  ...orderCases,
  ...orderPageCases,
  ...readingCases,
  ...listingCases,
  ...conditionCases,
  ...queryLawCases,
  ...snapshotCases,
  ...viewCases,
  ...viewListCases,
  ...viewRebuildCases,
  ...keptViewCases,
  ...idempotencyCases,
  ...tenantCases,
  ...workCases,
  ...generationCases,
  ...capabilityCases,
]

/** A store for one case, with the tools that only its own tests can give. */
export interface OpenedStore extends StoreTools {
  readonly store: EventStore
  /** Removes what the store leaves behind; called after the store was closed. */
  cleanUp?(): void | Promise<void>
}

/** The store that is to keep the contract. */
export interface ContractSubject {
  readonly name: string
  /** Opens a store that holds nothing. One that takes its time from elsewhere than this clock says so in `systemClock`. */
  open(given: { readonly clock: ContractClock }): OpenedStore | Promise<OpenedStore>
  /** One writer at a time: a transaction that stays open delays everybody else who writes. */
  readonly singleWriter?: boolean
  /** One connection: reads beside a transaction wait until it has ended. */
  readonly singleConnection?: boolean
  /** The store cannot be given a clock. */
  readonly systemClock?: boolean
}

/** What the contract needs of a test runner; the one of Node fits as it is. */
export interface ContractRunner {
  test(name: string, run: () => Promise<void>): unknown
  /** Told each case that does not run, with the reason. */
  skip(sentence: string): void
}

/** Longest time that a case may take. */
const caseLimitMs = 60_000

/**
 * Registers every case with a test runner, once on a fresh store and once on one that holds 1,000 unrelated events.
 *
 * Opens a store beforehand to learn its capabilities and tools; so await it before the runner starts.
 */
export async function runStoreContract(subject: ContractSubject, { test, skip }: ContractRunner, cases = storeContract): Promise<void> {
  const probe = await subject.open({ clock: contractClock() })
  const { capabilities } = probe.store
  await end(probe)
  for (const one of cases) {
    const missing = one.needs?.find((need) => !isThere(need, subject, probe, capabilities))
    if (missing) {
      skip(`${subject.name}: ${one.name} — skipped: ${reasons[missing] ?? `the store lacks the capability \`${missing}\``}`)
      continue
    }
    test(`${subject.name}: ${one.name}`, () => runCase(subject, one, false))
    if (!one.needs?.includes('emptyStore')) test(`${subject.name}, with 1,000 other events: ${one.name}`, () => runCase(subject, one, true))
  }
}

/** Runs one case on a store of its own. */
export async function runCase(subject: ContractSubject, one: ContractCase, amongOthers: boolean): Promise<void> {
  const clock = contractClock()
  const opened = await subject.open({ clock })
  const { store, cleanUp: _, ...tools } = opened
  try {
    if (amongOthers) await appendUnrelated(store)
    await inTime(one.run(store, { ...tools, clock, start: await store.head() }))
  } finally {
    await inTime(end(opened))
  }
}

const reasons: Partial<Record<Need, string>> = {
  breakNextCommit: 'no `breakNextCommit` was given, so no commit can be made to fail',
  commits: 'no `commits` was given, so they cannot be counted',
  reopen: 'no `reopen` was given, or there is nothing to open again',
  ownTransaction: 'no `ownTransaction` was given',
  tamper: 'no `tamper` was given: there is no way around the store',
  clock: 'the store takes its time from the system',
  parallelTransactions: 'the store has one writer at a time',
  parallelReads: 'reads wait while a transaction is open',
}

function isThere(need: Need, subject: ContractSubject, tools: StoreTools, capabilities: EventStore['capabilities']): boolean {
  switch (need) {
    case 'clock':
      return !subject.systemClock
    case 'parallelTransactions':
      return !subject.singleWriter
    case 'parallelReads':
      return !subject.singleConnection
    case 'emptyStore':
      return true
    case 'breakNextCommit':
    case 'commits':
    case 'reopen':
    case 'ownTransaction':
    case 'tamper':
      return tools[need] !== undefined
    default:
      return capabilities[need]
  }
}

async function end({ store, cleanUp }: OpenedStore): Promise<void> {
  await store.close()
  await cleanUp?.()
}

/** A case that waits for ever fails instead of stopping the run. */
function inTime(running: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ContractViolation(`The case has not ended within ${caseLimitMs / 1000} seconds.`)), caseLimitMs)
  })
  return Promise.race([running, late]).finally(() => clearTimeout(timer))
}
