/** One tenant's burst does not keep another's append waiting. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppendResult } from '../../src/core/event-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { deposit } from './faults/requests.ts'
import { assertSound, storedLog } from './faults/stored-log.ts'
import { freshSchema } from './fresh.ts'
import { postgresServers } from './servers.ts'

const burst = 5000
const maxBatchRequests = 500

/** The position of an append that comes when the first batch of a burst has been committed, among all that are behind that batch. */
async function placeBehindBurst(server: { readonly url: string }, tenant: string): Promise<number> {
  const { url, name: schema, drop } = await freshSchema(server)
  const store = postgres(url, { schema, maxBatchRequests })
  await store.migrate()
  const requests = Array.from({ length: burst }, (_, i) =>
    deposit(`account-${i % 10}`, 1, { tenant: 'ann', expectedVersion: Math.floor(i / 10) }),
  )
  const appends = requests.map((request) => store.append([request]))
  await appends[0]
  const late = positionOf(await store.append([deposit('savings-1', 1, { tenant })]))
  const answers = await Promise.all(appends)
  assert.ok(
    answers.every(([result]) => result?.kind === 'appended'),
    'each stream has kept its order',
  )
  await store.close()
  const log = await storedLog(url, schema)
  assertSound(log.filter(({ stream }) => stream !== 'savings-1').map((event, i) => ({ ...event, position: i + 1 })))
  await drop()
  return late - maxBatchRequests
}

function positionOf([result]: readonly AppendResult[]): number {
  assert.ok(result?.kind === 'appended')
  return result.events[0]!.position
}

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: behind ${burst} appends of one tenant, an append of another one is in the next batch`, async () => {
    assert.ok((await placeBehindBurst(server, 'bob')) <= maxBatchRequests)
  })

  // Two batches may be under way, and the smaller one may be written first.
  test(`PostgreSQL ${server.name}: control: an append of the same tenant waits for all before it, or for all but the last batch of them`, async () => {
    const place = await placeBehindBurst(server, 'ann')
    assert.ok(place === burst - maxBatchRequests + 1 || place === burst - 2 * maxBatchRequests + 1, `${place}`)
  })
}
