/** Several requests in one call, and requests that depend on more than the stream they write. */
import { append, deposits, event, ids, logOf, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectRefused, expectTrue } from './expect.ts'

export const appendManyCases = inPart('A', [
  {
    lines: [],
    name: 'the answers of one call are in the order of its requests, and a refused one does not touch its neighbours',
    async run(store, { start }) {
      const requests = [1, 2, 3, 4].map((n) => to(`account-${n}`, deposits(n), { expectedVersion: n === 3 ? 7 : 'none' }))
      const results = await store.append(requests)
      expectEqual(
        results.map(({ kind }) => kind),
        ['appended', 'appended', 'refused', 'appended'],
        'the answers',
      )
      const written = [requests[0]!, requests[1]!, requests[3]!].flatMap(({ events }) => ids(events))
      expectEqual(ids((await logOf(store, { after: start })).events), written, 'the event ids in the log')
    },
  },
  {
    lines: [],
    name: 'an append of no requests answers with no results',
    async run(store) {
      expectEqual(await store.append([]), [], 'the results')
    },
  },
  {
    lines: [],
    name: 'a request that follows a refused one is refused too, although others have brought the stream to its version',
    async run(store) {
      const [first, second] = [deposits(1), deposits(1)]
      const chained = [
        to('account-1', first, { expectedVersion: 1 }),
        to('account-1', second, { expectedVersion: 2, follows: first[0]!.id }),
      ]
      expectAppended(await append(store, to('account-1', deposits(2))))
      const results = await store.append(chained)
      expectRefused(results[0], 'ES_CONCURRENCY')
      expectRefused(results[1], 'ES_CONCURRENCY')
      expectEqual(versions(await streamOf(store, 'account-1')), [1, 2], 'the versions of the stream')
      const [third, fourth] = [deposits(1), deposits(1)]
      const both = await store.append([
        to('account-1', third, { expectedVersion: 2 }),
        to('account-1', fourth, { expectedVersion: 3, follows: third[0]!.id }),
      ])
      for (const result of both) expectAppended(result)
    },
  },
  {
    lines: [8],
    name: 'one invalid event in a batch of ten is refused with the other nine, and only with them',
    async run(store, { start }) {
      const invalid = [
        event('', {}),
        event('MoneyDeposited', {}, { id: '' }),
        event('MoneyDeposited', {}, { tags: [''] }),
        event('MoneyDeposited', {}, { tags: ['x'.repeat(257)] }),
      ]
      for (const [i, bad] of invalid.entries()) {
        const neighbour = to(`account-good${i}`, deposits(1))
        const results = await store.append([neighbour, to('account-bad', [...deposits(8), bad, event('AccountClosed')])])
        expectAppended(results[0])
        expectRefused(results[1], 'ES_VALIDATION')
      }
      expectEqual(await store.streamInfo('account-bad'), undefined, 'what is known of the stream')
      expectEqual((await logOf(store, { after: start })).events.length, invalid.length, 'how many events the log has')
    },
  },
  {
    lines: [8],
    name: 'an expected version that is no whole number from 0 is refused, and nothing is written',
    async run(store) {
      for (const expectedVersion of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expectRefused(await append(store, to('account-1', deposits(2), { expectedVersion })), 'ES_VALIDATION')
      }
      expectEqual(await streamOf(store, 'account-1'), [], 'the events of the stream')
    },
  },
  {
    lines: [12],
    name: 'when one request of a group is refused all are, with its error, and no stream of the group is changed',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-2', deposits(1))))
      for (const bad of [{ expectedVersion: 'none' }, { expectedVersion: 5 }] as const) {
        const results = await store.append([
          to('account-1', deposits(2), { atomicGroup: 'transfer' }),
          to('account-outside', deposits(1)),
          to('account-2', deposits(2), { atomicGroup: 'transfer', ...bad }),
          to('account-3', deposits(2), { atomicGroup: 'transfer' }),
        ])
        expectEqual(
          results.map(({ kind }) => kind),
          ['refused', 'appended', 'refused', 'refused'],
          'the answers',
        )
        for (const i of [0, 2, 3]) expectRefused(results[i], 'ES_CONCURRENCY')
      }
      const streams = (await logOf(store, { after: start })).events.map(({ stream }) => stream)
      expectEqual(streams, ['account-2', 'account-outside', 'account-outside'], 'the streams in the log')
    },
  },
  {
    lines: [12],
    name: 'a group whose requests all hold is written as a whole, also to one stream twice',
    async run(store) {
      const results = await store.append([
        to('account-1', deposits(2), { atomicGroup: 'transfer', expectedVersion: 0 }),
        to('account-2', deposits(1), { atomicGroup: 'transfer', expectedVersion: 0 }),
        to('account-1', deposits(2), { atomicGroup: 'transfer', expectedVersion: 2 }),
        to('account-3', deposits(1), { atomicGroup: 'other', expectedVersion: 1 }),
      ])
      expectEqual(
        results.map(({ kind }) => kind),
        ['appended', 'appended', 'appended', 'refused'],
        'the answers',
      )
      expectEqual(versions(await streamOf(store, 'account-1')), [1, 2, 3, 4], 'the versions in the stream')
    },
  },
  {
    lines: [13],
    name: 'a check on a stream that is not written refuses the append when that stream has moved',
    async run(store) {
      expectAppended(await append(store, to('account-watched', deposits(2))))
      const watching = (expectedVersion: number | 'none' | 'exists', stream = 'account-watched') =>
        append(store, to('account-1', deposits(2), { checks: [{ stream, expectedVersion }] }))
      expectAppended(await watching(2))
      expectAppended(await watching('exists'))
      expectAppended(await watching('none', 'account-missing'))
      expectRefused(await watching(1), 'ES_CONCURRENCY')
      expectRefused(await watching('none'), 'ES_CONCURRENCY')
      expectRefused(await watching('exists', 'account-missing'), 'ES_STREAM_NOT_FOUND')
      expectEqual(versions(await streamOf(store, 'account-1')), [1, 2, 3, 4, 5, 6], 'the versions in the stream')
      expectEqual(versions(await streamOf(store, 'account-watched')), [1, 2], 'the versions of the stream that was only checked')
    },
  },
  {
    lines: [13],
    name: 'a check sees what was accepted before it in the same call',
    async run(store) {
      const checks = [{ stream: 'account-1', expectedVersion: 2 }]
      const results = await store.append([
        to('account-early', deposits(1), { checks }),
        to('account-1', deposits(2)),
        to('account-late', deposits(1), { checks }),
        to('account-only', [], { checks }),
      ])
      expectEqual(
        results.map(({ kind }) => kind),
        ['refused', 'appended', 'appended', 'appended'],
        'the answers',
      )
    },
  },
  {
    lines: [13],
    name: 'of two appends that each check the stream which the other one writes exactly one wins',
    async run(store) {
      for (let round = 0; round < 20; round++) {
        const [left, right] = [`account-left${round}`, `account-right${round}`]
        const results = await Promise.all([
          append(store, to(left, deposits(2), { checks: [{ stream: right, expectedVersion: 'none' }] })),
          append(store, to(right, deposits(2), { checks: [{ stream: left, expectedVersion: 'none' }] })),
        ])
        expectTrue(results.filter(({ kind }) => kind === 'appended').length === 1, 'exactly one of the two is written')
      }
    },
  },
  {
    lines: [12],
    name: 'in a group, a request that no store could keep is told to all before anything is compared with what is stored',
    async run(store) {
      const results = await store.append([
        to('account-1', deposits(1), { expectedVersion: 5, atomicGroup: 'both' }),
        to('no category', deposits(1), { atomicGroup: 'both' }),
      ])
      for (const result of results) expectRefused(result, 'ES_STREAM_NAME')
      expectEqual(versions(await streamOf(store, 'account-1')), [], 'the versions')
    },
  },
])
