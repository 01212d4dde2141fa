/** Appending at an expected version: who wins, who loses, and what a loser leaves behind. */
import type { ConcurrencyError } from '../../core/errors.ts'
import { append, deposits, event, logOf, positions, range, rising, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectAppended, expectEqual, expectRefused, expectTrue } from './expect.ts'

export const appendCases = inPart('A', [
  {
    lines: [1],
    name: 'the first event of a new stream gets version 1 and a position above the head',
    async run(store, { start }) {
      const opened = event(
        'AccountOpened',
        { owner: 'Zoë 😀' },
        { metadata: '{"actor":"ann"}', tags: ['vip', 'account:1'], schemaVersion: 3 },
      )
      const { version, events } = expectAppended(await append(store, to('account-1', [opened], { expectedVersion: 'none' })))
      expectEqual(version, 1, 'the version of the stream')
      expectTrue(events.length === 1 && events[0]!.position > start, 'the position is above the head before')
      const { version: _, position, recordedAt, tenant, stream, ...rest } = events[0]!
      expectEqual({ ...rest, tenant, stream }, { ...opened, tenant: '', stream: 'account-1' }, 'what the append answers with')
      expectTrue(Number.isSafeInteger(recordedAt) && recordedAt > 0, 'recordedAt is in whole milliseconds')
      expectEqual(await streamOf(store, 'account-1'), events, 'what the stream has')
      expectEqual((await logOf(store, { after: start })).events, events, 'what the log has')
      expectEqual(await store.head(), position, 'the head')
    },
  },
  {
    lines: [1],
    name: 'expected version 0 is the same as "none"',
    async run(store) {
      expectAppended(await append(store, to('account-1', deposits(2), { expectedVersion: 0 })))
      expectRefused(await append(store, to('account-1', deposits(2), { expectedVersion: 0 })), 'ES_CONCURRENCY')
      expectRefused(await append(store, to('account-1', deposits(2), { expectedVersion: 'none' })), 'ES_CONCURRENCY')
      expectEqual(versions(await streamOf(store, 'account-1')), [1, 2], 'the versions in the stream')
    },
  },
  {
    lines: [2],
    name: '"exists" on a missing stream is refused as not found, and nothing is written',
    async run(store, { start }) {
      expectRefused(await append(store, to('account-1', deposits(3), { expectedVersion: 'exists' })), 'ES_STREAM_NOT_FOUND')
      expectEqual(await store.streamInfo('account-1'), undefined, 'what is known of the stream')
      expectEqual(await store.head(), start, 'the head')
      expectAppended(await append(store, to('account-1', deposits(1))))
      expectAppended(await append(store, to('account-1', deposits(2), { expectedVersion: 'exists' })))
    },
  },
  {
    lines: [3],
    name: 'an append at version n gets the versions n + 1, n + 2, … and rising positions',
    async run(store, { start }) {
      for (const [at, size] of [
        [0, 3],
        [3, 1],
        [4, 5],
      ] as const) {
        const { version, events } = expectAppended(await append(store, to('account-1', deposits(size), { expectedVersion: at })))
        expectEqual(versions(events), range(at + 1, at + size), 'the versions given')
        expectEqual(version, at + size, 'the version of the stream')
        expectAppended(await append(store, to(`account-other${at}`, deposits(2))))
      }
      const events = await streamOf(store, 'account-1')
      expectEqual(versions(events), range(1, 9), 'the versions in the stream')
      expectTrue(rising([start, ...positions(events)]), 'positions rise')
    },
  },
  {
    lines: [4],
    name: 'an expected version that is too high or too low is refused and leaves no hole in the versions',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      for (const expectedVersion of [1, 3, 1_000_000]) {
        const error = expectRefused(
          await append(store, to('account-1', deposits(2), { expectedVersion })),
          'ES_CONCURRENCY',
        ) as ConcurrencyError
        expectEqual(
          [error.stream, error.expected, error.actual, error.retryable],
          ['account-1', expectedVersion, 2, true],
          'what the error says',
        )
      }
      expectRefused(await append(store, to('account-2', deposits(2), { expectedVersion: 1 })), 'ES_CONCURRENCY')
      expectAppended(await append(store, to('account-1', deposits(2), { expectedVersion: 2 })))
      expectEqual(versions((await logOf(store, { after: start })).events), [1, 2, 3, 4], 'the versions in the log')
    },
  },
  {
    lines: [5],
    name: '"any" creates a new stream and continues an existing one',
    async run(store) {
      expectEqual(expectAppended(await append(store, to('account-é', deposits(2)))).version, 2, 'the version after the first')
      expectEqual(expectAppended(await append(store, to('account-é', deposits(3)))).version, 5, 'the version after the second')
    },
  },
  {
    lines: [6],
    name: '20 concurrent "any" appends to one new stream are all stored, each in one piece',
    async run(store) {
      const results = await Promise.all(range(1, 20).map(() => append(store, to('account-new', deposits(3)))))
      for (const result of results) {
        const [first, , last] = versions(expectAppended(result).events)
        expectEqual(last, first! + 2, 'the last version of a batch of three')
      }
      const events = await streamOf(store, 'account-new')
      expectEqual(versions(events), range(1, 60), 'the versions in the stream')
      expectTrue(rising(positions(events)), 'positions rise with versions')
    },
  },
  {
    lines: [3, 14],
    name: 'of two writers that race for each of 100 versions exactly one wins, and a loser leaves no position',
    async run(store, { start }) {
      const kept: number[] = []
      for (const expectedVersion of range(0, 99)) {
        const race = ['ann', 'ben'].map((by) => append(store, to('account-1', [event('MoneyDeposited', { by })], { expectedVersion })))
        const [a, b] = await Promise.all(race)
        const [winner, loser] = a!.kind === 'appended' ? [a, b] : [b, a]
        kept.push(expectAppended(winner).events[0]!.position)
        expectRefused(loser, 'ES_CONCURRENCY')
      }
      const log = await logOf(store, { after: start })
      expectEqual(positions(log.events), kept, 'the positions in the log')
      expectEqual(versions(log.events), range(1, 100), 'the versions in the log')
    },
  },
  {
    lines: [14],
    name: 'what a loser would have written never appears, neither at once nor after later appends',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', deposits(1))))
      const lost = deposits(3)
      const answers = await store.append([
        to('account-1', lost, { expectedVersion: 'none' }),
        to('account-2', deposits(2), { expectedVersion: 'none' }),
      ])
      expectRefused(answers[0], 'ES_CONCURRENCY')
      const seen = await logOf(store, { after: start })
      expectAppended(await append(store, to('account-3', deposits(2))))
      const [all, later] = [await logOf(store, { after: start }), await logOf(store, { after: seen.position })]
      expectEqual(all.events, [...seen.events, ...later.events], 'what the log has, read in one or in two goes')
      expectEqual(
        count(all.events, ({ id }) => lost.some((one) => one.id === id)),
        0,
        'how many of the lost events are there',
      )
    },
  },
  {
    lines: [7],
    name: 'an append of no events succeeds when its expectation holds, and creates no stream',
    async run(store, { start }) {
      const { version, events } = expectAppended(await append(store, to('account-new', [], { expectedVersion: 'none' })))
      expectEqual([version, events], [0, []], 'version and events')
      expectEqual(await store.streamInfo('account-new'), undefined, 'what is known of the stream')
      expectEqual(await store.listStreams({ search: 'account-new' }), [], 'the streams with that name')
      expectEqual(await store.head(), start, 'the head')
      expectAppended(await append(store, to('account-old', deposits(2))))
      expectEqual(
        expectAppended(await append(store, to('account-old', [], { expectedVersion: 2 }))).version,
        2,
        'the version of the stream',
      )
    },
  },
  {
    lines: [7],
    name: 'an append of no events is refused when its expectation does not hold',
    async run(store) {
      expectAppended(await append(store, to('account-old', deposits(2))))
      expectRefused(await append(store, to('account-old', [], { expectedVersion: 'none' })), 'ES_CONCURRENCY')
      expectRefused(await append(store, to('account-old', [], { expectedVersion: 1 })), 'ES_CONCURRENCY')
      expectRefused(await append(store, to('account-new', [], { expectedVersion: 'exists' })), 'ES_STREAM_NOT_FOUND')
    },
  },
])
