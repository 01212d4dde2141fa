/** The log as a pull stream: filters, back-pressure, and live reading without a gap or a double. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import type { EventStore } from '../../src/core/event-store.ts'
import { command, createApp, event, newId } from '../../src/index.ts'
import { AccountOpened, deposit, MoneyDeposited } from '../domain/bank.ts'
import { onEveryStore } from './on-every-store.ts'
import { all, ann, openBank, openWith, payIn } from './open-bank.ts'

const deposits = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: newId(),
    type: 'MoneyDeposited',
    schemaVersion: 1,
    data: `{"amount":${i + 1}}`,
    metadata: '{}',
    tags: [],
  }))

onEveryStore('events are filtered by types, as values or as names, by category, stream and correlation', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1, 2)
  await openWith(bank, 'b', 3)
  await bank.execute(deposit({ accountId: 'b', amount: 4 }), { actor: ann, correlationId: 'one-request' })
  await given.store.append([{ stream: 'other-1', expectedVersion: 'none', events: deposits(1) }])
  const positions = async (options: Parameters<typeof bank.events>[0]) => (await all(bank.events(options))).map(({ position }) => position)
  assert.deepEqual(await positions({}), [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(await positions({ types: [AccountOpened] }), [1, 4])
  assert.deepEqual(await positions({ types: ['AccountOpened', 'MoneyDeposited'] }), [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(await positions({ category: 'account', types: [MoneyDeposited] }), [2, 3, 5, 6])
  assert.deepEqual(await positions({ correlationId: 'one-request' }), [6])
  assert.deepEqual(await positions({ stream: 'account-b' }), [4, 5, 6])
  assert.deepEqual(await positions({ stream: 'account-b', types: [MoneyDeposited], limit: 1 }), [5])
  assert.deepEqual(await positions({ stream: 'account-b', correlationId: 'one-request' }), [6])
  assert.deepEqual(await positions({ stream: 'account-b', category: 'other' }), [])
  assert.deepEqual(await positions({ stream: 'account-b', after: 1, to: 2 }), [5])
  assert.deepEqual(await positions({ after: 3, to: 5 }), [4, 5])
  assert.deepEqual(await positions({ backwards: true, limit: 3 }), [7, 6, 5])
  assert.deepEqual(await positions({ stream: 'account-a', backwards: true }), [3, 2, 1])
  assert.deepEqual(await positions({ types: [], limit: 2 }), await positions({ limit: 2 }))
  assert.deepEqual(await positions({ types: [], stream: 'account-a' }), [1, 2, 3])
  await assert.rejects(positions({ limit: 0 }), { code: 'ES_DEFINITION' })
  await assert.rejects(positions({ live: true, backwards: true }), { code: 'ES_VALIDATION' })
})

onEveryStore('events are found by all of their tags, in the log and in one stream', async ({ store, tend }) => {
  const Moved = event('Moved', z.object({ from: z.string(), to: z.string() }), { tags: ({ from, to }) => [`at:${from}`, `at:${to}`] })
  const move = command('Move', {
    input: z.object({ id: z.string(), from: z.string(), to: z.string() }),
    stream: ({ id }) => `box-${id}`,
    events: [Moved],
    decide: ({ input: { from, to } }) => Moved({ from, to }),
  })
  const app = tend(createApp({ store, commands: [move] }))
  await app.execute(move({ id: '1', from: 'x', to: 'y' }), { actor: ann })
  await app.execute(move({ id: '1', from: 'y', to: 'z' }), { actor: ann })
  await app.execute(move({ id: '2', from: 'y', to: 'y' }), { actor: ann })
  const found = async (options: object) => (await all(app.events(options))).map(({ stream, version }) => `${stream}@${version}`)
  assert.deepEqual(await found({ tags: ['at:y'] }), ['box-1@1', 'box-1@2', 'box-2@1'])
  assert.deepEqual(await found({ tags: ['at:y', 'at:z'] }), ['box-1@2'])
  assert.deepEqual(await found({ tags: ['at:y', 'at:x'], stream: 'box-1', types: [Moved] }), ['box-1@1'])
})

onEveryStore('a slow reader makes nobody read ahead: a page is asked for when the one before is used up', async (given) => {
  let pages = 0
  const store: EventStore = new Proxy(given.store, {
    get: (target, name) =>
      name === 'readAll'
        ? async function* (options: object) {
            for await (const page of target.readAll(options)) {
              pages++
              yield page
            }
          }
        : Reflect.get(target, name, target),
  })
  const bank = openBank(given, { store })
  await bank.prepare()
  for (let i = 0; i < 5; i++) await given.store.append([{ stream: `account-${i}`, expectedVersion: 'none', events: deposits(1000) }])
  pages = 0
  const reader = bank.events()[Symbol.asyncIterator]()
  for (const [events, pagesSoFar] of [
    [1, 1],
    [999, 1],
    [1, 2],
  ] as const) {
    for (let i = 0; i < events; i++) assert.ok(!(await reader.next()).done)
    assert.equal(pages, pagesSoFar)
  }
  await reader.return?.()
  assert.equal(pages, 2)
})

onEveryStore(
  'live reading delivers what is there and what comes, each event once and in order, while 8 streams are written',
  async (given) => {
    const bank = openBank(given)
    for (let i = 0; i < 8; i++) await openWith(bank, `${i}`)
    const writers = Promise.all(Array.from({ length: 8 }, (_, i) => payIn(bank, `${i}`, ...Array.from({ length: 25 }, (_, n) => n + 1))))
    const abort = new AbortController()
    const seen: number[] = []
    for await (const { position } of bank.events({ live: true, signal: abort.signal })) {
      seen.push(position)
      if (seen.length === 208) abort.abort()
    }
    await writers
    assert.deepEqual(
      seen,
      (await all(bank.events())).map(({ position }) => position),
    )
  },
)

onEveryStore('live reading of one stream goes on behind its last version, and ends with its limit', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1)
  await openWith(bank, 'b', 1)
  const reading = all(bank.events({ stream: 'account-a', live: true, after: 1, limit: 3 }))
  await payIn(bank, 'b', 2)
  await payIn(bank, 'a', 2, 3, 4)
  assert.deepEqual(
    (await reading).map(({ version }) => version),
    [2, 3, 4],
  )
})

onEveryStore('an abort ends a reader that waits, and one in the middle of a page', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1, 2, 3)
  const waiting = new AbortController()
  const seen: number[] = []
  const reading = (async () => {
    for await (const { version } of bank.events({ live: true, signal: waiting.signal })) {
      seen.push(version)
      if (seen.length === 4) queueMicrotask(() => waiting.abort())
    }
  })()
  await reading
  assert.deepEqual(seen, [1, 2, 3, 4])
  const middle = new AbortController()
  const some: number[] = []
  for await (const { version } of bank.events({ signal: middle.signal })) {
    some.push(version)
    if (version === 2) middle.abort()
  }
  assert.deepEqual(some, [1, 2])
  assert.deepEqual(await all(bank.events({ live: true, signal: AbortSignal.abort() })), [])
})

onEveryStore('whoever leaves the loop, breaks or throws stops listening', async (given) => {
  const listening = new Set<AbortSignal>()
  const store: EventStore = new Proxy(given.store, {
    get: (target, name) =>
      name === 'changes'
        ? (signal: AbortSignal) => {
            listening.add(signal)
            signal.addEventListener('abort', () => listening.delete(signal))
            return target.changes(signal)
          }
        : Reflect.get(target, name, target),
  })
  const bank = openBank(given, { store })
  await openWith(bank, 'a', 1, 2)
  for await (const { version } of bank.events({ live: true })) {
    assert.equal(listening.size, 1)
    if (version === 2) break
  }
  assert.equal(listening.size, 0)
  const throwing = (async () => {
    for await (const _ of bank.events({ live: true })) throw new Error('the reader failed')
  })()
  await assert.rejects(throwing, /the reader failed/)
  assert.equal(listening.size, 0)
  await all(bank.events())
  assert.equal(listening.size, 0)
})

onEveryStore('a stopped app reads no more', async (given) => {
  const bank = openBank(given)
  await openWith(bank, 'a', 1)
  await bank.stop({ keepStore: true })
  await assert.rejects(all(bank.events()), { code: 'ES_STOPPED' })
  await assert.rejects(payIn(bank, 'a', 1), { code: 'ES_STOPPED' })
})
