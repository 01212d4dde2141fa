/** Idempotency keys: a request that comes again is answered with its first outcome, and nothing happens twice. */
import type { IdempotencyEntry } from '../../core/event-store.ts'
import { append, deposits, range, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectAppended, expectEqual, expectRefused } from './expect.ts'

const far = Date.UTC(2100, 0, 1)
const remember = (key: string, more: Partial<IdempotencyEntry> = {}): { readonly idempotency: IdempotencyEntry } => ({
  idempotency: { key, hash: 'hash-1', outcome: '{"kind":"receipt"}', expiresAt: far, ...more },
})

export const idempotencyCases = inPart('idempotency', [
  {
    lines: [],
    name: 'a key that comes again is answered with its first outcome, and nothing is written',
    async run(store) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      expectAppended(await append(store, to('account-1', deposits(3), remember('request-1', { outcome: '{"text":"Zoë 😀"}' }))))
      const again = await append(
        store,
        to('account-1', deposits(3), { expectedVersion: 99, ...remember('request-1', { outcome: '"second"' }) }),
      )
      const entry = { hash: 'hash-1', outcome: '{"text":"Zoë 😀"}', stream: 'account-1', firstVersion: 3, lastVersion: 5 }
      expectEqual(again, { kind: 'remembered', entry }, 'the second answer')
      expectEqual(await store.remembered('', 'request-1'), entry, 'what the store remembers')
      expectEqual((await streamOf(store, 'account-1')).length, 5, 'how many events the stream has')
    },
  },
  {
    lines: [],
    name: 'a key answers before the event ids, and to another stream and hash: telling them apart is the caller\u2019s part',
    async run(store) {
      const request = to('account-1', deposits(2), remember('request-1'))
      expectAppended(await append(store, request))
      expectEqual((await append(store, request)).kind, 'remembered', 'the answer to the very same request')
      const other = await append(store, to('account-2', deposits(1), remember('request-1', { hash: 'hash-2' })))
      expectEqual(
        other.kind === 'remembered' && [other.entry.hash, other.entry.stream],
        ['hash-1', 'account-1'],
        'hash and stream remembered',
      )
      expectEqual(await streamOf(store, 'account-2'), [], 'the events of the other stream')
    },
  },
  {
    lines: [],
    name: 'an outcome without events is remembered too',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', [], remember('request-1', { outcome: '{"kind":"rejected"}' }))))
      const again = await append(store, to('account-1', deposits(2), remember('request-1')))
      const entry = { hash: 'hash-1', outcome: '{"kind":"rejected"}', stream: 'account-1', firstVersion: 0, lastVersion: 0 }
      expectEqual(again, { kind: 'remembered', entry }, 'the second answer')
      expectEqual([await store.streamInfo('account-1'), await store.head()], [undefined, start], 'stream info and head')
    },
  },
  {
    lines: [],
    name: 'a request that is refused leaves its key free',
    async run(store) {
      expectRefused(await append(store, to('account-1', deposits(2), { expectedVersion: 7, ...remember('request-1') })), 'ES_CONCURRENCY')
      expectEqual(await store.remembered('', 'request-1'), undefined, 'what the store remembers')
      expectAppended(await append(store, to('account-1', deposits(2), { expectedVersion: 0, ...remember('request-1') })))
    },
  },
  {
    lines: [],
    needs: ['transactions'],
    name: 'a transaction that is undone forgets its keys',
    async run(store) {
      const undone = store.transaction!(async (transaction) => {
        expectAppended(await transaction.append(to('account-1', deposits(2), remember('request-1'))))
        expectEqual(
          (await transaction.append(to('account-1', deposits(2), remember('request-1')))).kind,
          'remembered',
          'the second answer inside',
        )
        throw new Error('on purpose')
      })
      await undone.catch(() => {})
      expectEqual(await store.remembered('', 'request-1'), undefined, 'what the store remembers')
      expectAppended(await append(store, to('account-1', deposits(2), remember('request-1'))))
      expectEqual(versions(await streamOf(store, 'account-1')), [1, 2], 'the versions in the stream')
    },
  },
  {
    lines: [],
    name: 'of 8 concurrent requests with one key exactly one is written, and the others are told its outcome',
    async run(store) {
      for (const round of range(1, 10)) {
        const race = range(1, 8).map((n) =>
          append(store, to(`account-${round}`, deposits(2), remember(`request-${round}`, { outcome: `${n}` }))),
        )
        const results = await Promise.all(race)
        expectEqual(
          count(results, ({ kind }) => kind === 'appended'),
          1,
          'how many were written',
        )
        const winner = results.findIndex(({ kind }) => kind === 'appended') + 1
        for (const result of results) {
          if (result.kind !== 'appended') expectEqual(result.kind === 'remembered' && result.entry.outcome, `${winner}`, 'the outcome told')
        }
        expectEqual(versions(await streamOf(store, `account-${round}`)), [1, 2], 'the versions in the stream')
      }
    },
  },
  {
    lines: [],
    name: 'the second of two requests with one key in one call is answered with the outcome of the first',
    async run(store) {
      const results = await store.append([
        to('account-0', deposits(1), { expectedVersion: 5, ...remember('request-1', { outcome: '0' }) }),
        to('account-1', deposits(2), remember('request-1', { outcome: '1' })),
        to('account-2', deposits(2), remember('request-1', { outcome: '2' })),
      ])
      expectEqual(
        results.map(({ kind }) => kind),
        ['refused', 'appended', 'remembered'],
        'the answers',
      )
      expectEqual((await store.remembered('', 'request-1'))?.outcome, '1', 'the outcome remembered')
    },
  },
  {
    lines: [],
    needs: ['clock'],
    name: 'a key is known until it expires, and may be used for something else after that',
    async run(store, { clock }) {
      const expiresAt = clock.now() + 10_000
      expectAppended(await append(store, to('account-1', deposits(2), remember('request-1', { expiresAt }))))
      clock.move(9_999)
      expectEqual(
        (await append(store, to('account-1', deposits(2), remember('request-1', { expiresAt })))).kind,
        'remembered',
        'the answer in time',
      )
      clock.move(2)
      expectEqual(await store.remembered('', 'request-1'), undefined, 'what the store remembers later')
      const later = remember('request-1', { expiresAt: clock.now() + 10_000, outcome: '"later"' })
      expectAppended(await append(store, to('account-1', deposits(2), later)))
      expectEqual((await store.remembered('', 'request-1'))?.outcome, '"later"', 'the outcome remembered in the end')
    },
  },
  {
    lines: [],
    needs: ['clock'],
    name: 'forgetting takes the expired keys and no others, and tells how many',
    async run(store, { clock }) {
      const now = clock.now()
      for (const n of range(1, 5))
        expectAppended(await append(store, to('account-1', deposits(1), remember(`request-${n}`, { expiresAt: now + n * 1_000 }))))
      clock.move(3_500)
      expectEqual(await store.forgetExpired(clock.now()), 3, 'how many were forgotten')
      expectEqual(await store.forgetExpired(clock.now()), 0, 'how many were forgotten the second time')
      expectEqual((await store.remembered('', 'request-4'))?.lastVersion, 4, 'what is known of the fourth')
    },
  },
  {
    lines: [],
    name: 'keys of 1 to 512 characters are kept apart letter by letter, others are refused',
    async run(store) {
      const keys = ['a', 'A', 'é', 'e\u0301', '😀', '\uff5e', "it's", '100%', ' a', 'x'.repeat(512)]
      for (const key of keys)
        expectAppended(await append(store, to('account-1', deposits(1), remember(key, { outcome: JSON.stringify(key) }))))
      for (const key of keys) expectEqual((await store.remembered('', key))?.outcome, JSON.stringify(key), `the outcome of ${key}`)
      for (const key of ['', 'x'.repeat(513)])
        expectRefused(await append(store, to('account-1', deposits(1), remember(key))), 'ES_VALIDATION')
      expectEqual(await store.remembered('', 'never used'), undefined, 'the outcome of a key that was never used')
    },
  },
])
