/** What must be so when everything that follows the log has come to its end. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'
import type { StoredEvent } from '../../../src/core/stored-event.ts'

/** An event that the handler was given. */
export interface Delivered {
  readonly stream: string
  readonly version: number
}

export async function assertSettled(store: EventStore, delivered: readonly Delivered[]): Promise<void> {
  const events: StoredEvent[] = []
  for await (const page of store.readAll()) events.push(...page.events)
  await assertFolded(store, events)
  assertDelivered(events, delivered)
  const holes = await store.work.records({ kind: 'hole' })
  assert.deepEqual(
    holes.map(({ body }) => body),
    [],
    'what was looked at is what is in the log',
  )
  const stuck = new Set((await store.work.records({ kind: 'process', status: 'stuck' })).map(({ key }) => key))
  assertTransfers(events, stuck)
  const parked = await store.work.records({ kind: 'parked' })
  assert.deepEqual(
    parked.filter(({ key }) => !stuck.has(key)).map(({ owner, key }) => `${owner} ${key}`),
    [],
    'nothing is parked',
  )
}

const isMoney = ({ type }: StoredEvent) => type === 'MoneyDeposited' || type === 'MoneyWithdrawn'
const dataOf = ({ data }: StoredEvent) => JSON.parse(data) as { readonly amount: number; readonly transferId?: string }

/** The view is the fold of the log. */
async function assertFolded(store: EventStore, events: readonly StoredEvent[]): Promise<void> {
  for (const [stream, own] of Map.groupBy(events.filter(isMoney), ({ stream: name }) => name)) {
    const sum = own.reduce((total, event) => total + (event.type === 'MoneyDeposited' ? 1 : -1) * dataOf(event).amount, 0)
    const row = await store.views.get('', 'sums', stream.replace('account-', ''))
    assert.deepEqual(row?.row && JSON.parse(row.row), { sum, count: own.length }, `the row of ${stream}`)
    assert.ok(sum >= 0, 'no account owes money')
  }
}

/** The handler was given every event, and those of a stream in their order when they were given first. */
function assertDelivered(events: readonly StoredEvent[], delivered: readonly Delivered[]): void {
  for (const [stream, own] of Map.groupBy(events.filter(isMoney), ({ stream: name }) => name)) {
    const given = delivered.filter((one) => one.stream === stream).map(({ version }) => version)
    assert.deepEqual(
      [...new Set(given)],
      own.map(({ version }) => version),
      `first deliveries of ${stream}`,
    )
  }
}

/**
 * The money of each transfer was moved once, or given back once; and its end was told once. Only where the account is closed that it would
 * have to be given back to, somebody must do something.
 */
function assertTransfers(events: readonly StoredEvent[], stuck: ReadonlySet<string>): void {
  const isClosed = (account: string) => events.some(({ type, stream }) => type === 'AccountClosed' && stream === `account-${account}`)
  const byCorrelation = Map.groupBy(events, ({ metadata }) => (JSON.parse(metadata) as { correlationId: string }).correlationId)
  for (const own of byCorrelation.values()) {
    const requested = own.find(({ type }) => type === 'TransferRequested')
    if (!requested) continue
    const count = (type: string, isForTransfer?: boolean) =>
      own.filter(
        (event) => event.type === type && (isForTransfer === undefined || (dataOf(event).transferId !== undefined) === isForTransfer),
      ).length
    const moved = {
      withdrawn: count('MoneyWithdrawn'),
      arrived: count('MoneyDeposited', true),
      givenBack: count('MoneyDeposited', false),
      completed: count('TransferCompleted'),
      failed: count('TransferFailed'),
    }
    const { transferId, from } = JSON.parse(requested.data) as { readonly transferId: string; readonly from: string }
    if (stuck.has(transferId)) {
      assert.ok(isClosed(from), 'an instance is stuck only where money cannot be given back')
      assert.deepEqual(moved, { withdrawn: 1, arrived: 0, givenBack: 0, completed: 0, failed: 0 })
      continue
    }
    const possible = [
      { withdrawn: 1, arrived: 1, givenBack: 0, completed: 1, failed: 0 },
      { withdrawn: 1, arrived: 0, givenBack: 1, completed: 0, failed: 1 },
      { withdrawn: 0, arrived: 0, givenBack: 0, completed: 0, failed: 1 },
    ]
    assert.ok(
      possible.some((one) => JSON.stringify(one) === JSON.stringify(moved)),
      `a transfer: ${JSON.stringify(moved)}`,
    )
  }
}
