/** Events of older schema versions behind the log: whatever follows it sees the newest, and the stored bytes stay. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { event, eventHandler, type Observer, processManager, projection, type Signal, tableProjection } from '../../../src/index.ts'
import { completeTransfer } from '../../domain/bank.ts'
import { type Given, onEveryStore, onStore } from '../on-every-store.ts'
import { appendRaw, openFollowed } from './follow.ts'

/** v1 knew whole amounts, v2 cents, v3 cents of a currency. */
const Paid = event('Paid', z.object({ amount: z.number() }))
  .upcast(z.object({ cents: z.number() }), ({ amount }) => ({ cents: amount * 100 }))
  .upcast(z.object({ cents: z.number(), currency: z.string() }), ({ cents }) => ({ cents, currency: 'EUR' }))

const stored = [{ amount: 1 }, { cents: 200 }, { cents: 300, currency: 'USD' }]
const read = [
  { cents: 100, currency: 'EUR' },
  { cents: 200, currency: 'EUR' },
  { cents: 300, currency: 'USD' },
]

/** One event of each schema version, as three builds have stored them. */
async function appendAll({ store }: Given): Promise<void> {
  for (const [i, data] of stored.entries()) await appendRaw(store, 'till-a', 'Paid', i + 1, data)
}

const payments = projection('payments', {
  events: [Paid],
  consistency: 'async',
  key: ({ data }) => data.currency,
  initial: () => ({ cents: 0 }),
  evolve: { Paid: ({ cents }, { data }) => ({ cents: cents + data.cents }) },
})

const rowsOf = async (app: ReturnType<typeof openFollowed>) => {
  const view = app.view(payments as never)
  return [await view.get('EUR'), await view.get('USD')]
}
const rows = [{ cents: 300 }, { cents: 300 }]

onEveryStore('handlers, batches, processes and projections are given the newest schema version, which is told', async (given) => {
  const seen = { one: [] as unknown[], many: [] as unknown[], process: [] as unknown[] }
  const upcasts: string[] = []
  const observer: Observer = (signal: Signal) => {
    if (signal.signal === 'event.upcast') upcasts.push(`${signal.type} ${signal.version}: ${signal.from} to ${signal.to}`)
  }
  const app = openFollowed(given, {
    observer,
    projections: [payments],
    handlers: [
      eventHandler('one', { events: [Paid], handle: ({ data }) => void seen.one.push(data) }),
      eventHandler('many', { events: [Paid], handleBatch: (events) => void seen.many.push(...events.map(({ data }) => data)) }),
    ],
    processes: [
      processManager('till', {
        events: [Paid],
        commands: [completeTransfer],
        correlate: ({ data }) => `in ${data.currency}`,
        initial: () => ({ cents: 0 }),
        evolve: { Paid: ({ cents }, { data }) => ({ cents: cents + data.cents }) },
        on: { Paid: ({ event: { data } }) => void seen.process.push(data) as undefined },
      }),
    ],
  } as never)
  await appendAll(given)
  await app.settle()
  assert.deepEqual(seen, { one: read, many: read, process: read })
  assert.deepEqual(await rowsOf(app), rows)
  const states = (await given.store.work.records({ kind: 'process' })).map(({ key, body }) => [key, JSON.parse(body).state])
  assert.deepEqual(states, [
    ['in EUR', { cents: 300 }],
    ['in USD', { cents: 300 }],
  ])
  // Each of the four reads the two older ones.
  const told = ['Paid 1: 1 to 3', 'Paid 2: 2 to 3']
  assert.deepEqual(
    upcasts.sort(),
    told.flatMap((one) => [one, one, one, one]),
  )
})

onEveryStore('a rebuild and a comparison read old events as their consumers do, and leave what is stored', async (given) => {
  await appendAll(given)
  const app = openFollowed(given, { projections: [payments] })
  await app.settle()
  const { rows: compared, differing } = await app.subscriptions.compare(payments)
  assert.deepEqual([compared, differing], [2, { changed: 0, missing: 0, surplus: 0 }])
  assert.equal((await app.subscriptions.rebuild(payments)).events, 3)
  assert.deepEqual(await rowsOf(app), rows)
  const bytes: unknown[] = []
  for await (const { events } of given.store.readAll())
    bytes.push(...events.map(({ data, schemaVersion }) => [schemaVersion, JSON.parse(data)]))
  assert.deepEqual(
    bytes,
    stored.map((data, i) => [i + 1, data]),
  )
})

onEveryStore('a dead letter of an old event is tried again in the newest schema version, and corrected in it', async (given) => {
  const failing = new Set(['EUR'])
  const seen: unknown[] = []
  const handler = eventHandler('fussy', {
    events: [Paid],
    retry: { attempts: 2 },
    handle: async ({ data }) => {
      if (failing.has(data.currency)) throw new Error('not now')
      seen.push(data)
    },
  })
  const app = openFollowed(given, { handlers: [handler] })
  await appendRaw(given.store, 'till-a', 'Paid', 1, { amount: 1 })
  await appendRaw(given.store, 'till-b', 'Paid', 2, { cents: 200 })
  await app.settle()
  const letters = app.deadLetters.toSorted((left, right) => left.position - right.position)
  assert.deepEqual(
    letters.map((letter) => letter.event?.data),
    read.slice(0, 2),
  )
  await assert.rejects(app.deadLetters.edit(letters[1]!.id, { cents: 200 }), { code: 'ES_VALIDATION' })
  await app.deadLetters.edit(letters[1]!.id, { cents: 250, currency: 'USD' })
  failing.clear()
  for (const { id } of letters) await app.deadLetters.retry(id)
  await app.settle()
  assert.deepEqual(seen, [
    { cents: 100, currency: 'EUR' },
    { cents: 250, currency: 'USD' },
  ])
})

for (const storeName of ['sqlite', 'postgres']) {
  onStore(storeName, 'an async table projection writes what the newest schema version says', async (given) => {
    const till = tableProjection('till', {
      events: [Paid],
      consistency: 'async',
      tables: { till: 'create table if not exists till (cents bigint not null, currency text not null)' },
      apply: ({ data }, sql) => sql`insert into till values (${data.cents}, ${data.currency})`,
    })
    const app = openFollowed(given, { projections: [till] })
    await appendAll(given)
    await app.settle()
    const found = await app.transaction((tx) => tx.sql`select cents, currency from till order by cents`)
    assert.deepEqual(
      found.map(({ cents, currency }) => ({ cents: Number(cents), currency })),
      read,
    )
  })
}
