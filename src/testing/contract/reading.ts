/** Reading streams and the log: bounds, direction, limits, pages, and lists of what is there. */
import type { ReadAllOptions } from '../../core/event-store.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import { append, deposits, event, ids, logOf, positions, range, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectTrue } from './expect.ts'

export const readingCases = inPart('E', [
  {
    lines: [41],
    name: 'a stream is read after a version, up to a version, backwards, and at most so many',
    async run(store) {
      await store.append([to('account-1', deposits(4)), to('account-2', deposits(3)), to('account-1', deposits(6))])
      for (const [options, expected] of [
        [{}, range(1, 10)],
        [{ after: 0 }, range(1, 10)],
        [{ after: 7 }, [8, 9, 10]],
        [{ after: 10 }, []],
        [{ after: 99 }, []],
        [{ to: 3 }, [1, 2, 3]],
        [{ to: 0 }, []],
        [{ to: 99 }, range(1, 10)],
        [{ after: 3, to: 5 }, [4, 5]],
        [{ after: 5, to: 5 }, []],
        [{ after: 6, to: 3 }, []],
        [{ limit: 3 }, [1, 2, 3]],
        [{ limit: 0 }, []],
        [{ after: 8, limit: 5 }, [9, 10]],
        [{ backwards: true }, range(1, 10).toReversed()],
        [{ backwards: true, limit: 2 }, [10, 9]],
        [{ backwards: true, to: 4 }, [4, 3, 2, 1]],
        [{ backwards: true, after: 2, to: 5 }, [5, 4, 3]],
        [{ backwards: true, after: 2, to: 9, limit: 2 }, [9, 8]],
      ] as const) {
        expectEqual(versions(await streamOf(store, 'account-1', options)), expected, `the versions read with ${JSON.stringify(options)}`)
      }
    },
  },
  {
    lines: [42],
    name: 'a missing stream has no events and no info, and reading it creates nothing',
    async run(store, { start }) {
      expectEqual(await streamOf(store, 'account-missing'), [], 'its events')
      expectEqual(await streamOf(store, 'account-missing', { backwards: true, limit: 1 }), [], 'its last event')
      expectEqual(await store.streamInfo('account-missing'), undefined, 'its info')
      expectEqual([await store.listStreams({ category: 'account' }), await store.head()], [[], start], 'streams and head')
    },
  },
  {
    lines: [43],
    name: 'page sizes of 1, 2, 3 and 1,000 give the same events, and no page is larger',
    async run(store, { start }) {
      await store.append([
        to('account-1', deposits(5)),
        to('account-2', deposits(2, { tags: ['a'] })),
        to('account-1', deposits(3, { tags: ['a'] })),
      ])
      const reads: readonly ReadAllOptions[] = [
        {},
        { backwards: true },
        { query: [{ tags: ['a'] }] },
        { category: 'account', limit: 7 },
        { limit: 4, backwards: true },
      ]
      for (const pageSize of [1, 2, 3, 1_000]) {
        for (const options of reads) {
          const { events, pages } = await logOf(store, { after: start, ...options, pageSize })
          expectEqual(
            ids(events),
            ids((await logOf(store, { after: start, ...options })).events),
            `the log read with ${JSON.stringify({ ...options, pageSize })}`,
          )
          expectTrue(
            pages.every((page) => page.events.length <= pageSize),
            `no page of the log has more than ${pageSize} events`,
          )
        }
        for (const options of [{}, { backwards: true }, { after: 2, to: 7 }, { limit: 5 }]) {
          const seen: StoredEvent[] = []
          for await (const page of store.readStream('account-1', { ...options, pageSize })) {
            expectTrue(page.length <= pageSize, `no page of the stream has more than ${pageSize} events`)
            seen.push(...page)
          }
          expectEqual(seen, await streamOf(store, 'account-1', options), `the stream read with ${JSON.stringify({ ...options, pageSize })}`)
        }
      }
    },
  },
  {
    lines: [44],
    name: 'the log is read forwards and backwards between any two positions, also across gaps',
    async run(store, { start }) {
      for (const n of range(1, 4)) {
        await store.append([
          to(`account-${n}`, deposits(2)),
          to('account-1', deposits(3), { expectedVersion: 99 }),
          to('account-1', deposits(1)),
        ])
      }
      const all = (await logOf(store, { after: start })).events
      expectEqual(all.length, 12, 'how many events the log has')
      const bounds = [start, ...positions(all), all.at(-1)!.position + 5]
      for (const after of bounds) {
        for (const to of bounds) {
          const wanted = ids(all.filter(({ position }) => position > after && position <= to))
          expectEqual(ids((await logOf(store, { after, to })).events), wanted, `the events after ${after} to ${to}`)
          expectEqual(
            ids((await logOf(store, { after, to, backwards: true })).events),
            wanted.toReversed(),
            `the events after ${after} to ${to}, backwards`,
          )
        }
      }
    },
  },
  {
    lines: [45],
    name: 'a limit counts what matches, and the next read goes on right behind the last match',
    async run(store, { start }) {
      const mixed = range(1, 30).map((n) =>
        event(n % 5 === 0 ? 'MoneyWithdrawn' : 'MoneyDeposited', { n }, { tags: n % 3 === 0 ? ['third'] : [] }),
      )
      expectAppended(await append(store, to('account-1', mixed)))
      for (const [filter, wanted] of [
        [{ query: [{ types: ['MoneyWithdrawn'] }] }, mixed.filter(({ type }) => type === 'MoneyWithdrawn')],
        [{ query: [{ tags: ['third'] }] }, mixed.filter(({ tags }) => tags.includes('third'))],
        [{ category: 'account' }, mixed],
      ] as const) {
        for (const pageSize of [2, 100]) {
          const seen: string[] = []
          for (let after = start; seen.length <= mixed.length; ) {
            const { events, position } = await logOf(store, { after, ...filter, limit: 3, pageSize })
            seen.push(...ids(events))
            if (events.length === 0) break
            expectTrue(events.length === 3 || position === (await store.head()), 'only the last read has fewer than 3 events')
            after = position
          }
          expectEqual(seen, ids(wanted), 'the event ids read three by three')
        }
        expectEqual(
          ids((await logOf(store, { ...filter, limit: 2, backwards: true })).events),
          ids(wanted).slice(-2).toReversed(),
          'the last two that match',
        )
      }
    },
  },
  {
    lines: [46],
    name: 'the last event of a stream, of a category and of a type are each one read of one event',
    async run(store) {
      await store.append([
        to('account-1', [event('AccountOpened'), ...deposits(2)]),
        to('loan-1', [event('LoanGiven'), event('LoanPaid')]),
        to('account-2', [event('AccountOpened')]),
      ])
      const last = { backwards: true, limit: 1 } as const
      expectEqual(
        (await streamOf(store, 'account-1', last)).map(({ version, type }) => [version, type]),
        [[3, 'MoneyDeposited']],
        'the last of the stream',
      )
      for (const [options, stream] of [
        [{ query: [{ types: ['MoneyDeposited'] }] }, 'account-1'],
        [{ query: [{ types: ['AccountOpened'] }] }, 'account-2'],
        [{ category: 'loan' }, 'loan-1'],
      ] as const) {
        expectEqual(
          (await logOf(store, { ...options, ...last })).events.map((one) => one.stream),
          [stream],
          `the stream of the last with ${JSON.stringify(options)}`,
        )
      }
    },
  },
  {
    lines: [48],
    name: 'events are found by their correlation id, alone and with other filters',
    async run(store) {
      const of = (correlationId: string, note = '') => ({
        metadata: JSON.stringify({ correlationId, causationId: 'request-2', actor: null, note }),
      })
      await store.append([
        to('account-1', deposits(2, of('request-1'))),
        to('loan-1', [event('LoanGiven', { correlationId: 'request-1' }, of('request-2', '"correlationId":"request-1"'))]),
        to('loan-2', [event('LoanGiven', {}, of('request-1')), event('LoanPaid', {}, of("it's 😀 %"))]),
        to('loan-3', [event('LoanPaid')]),
      ])
      const found = async (options: ReadAllOptions) =>
        (await logOf(store, options)).events.map(({ stream, version }) => `${stream}@${version}`)
      expectEqual(await found({ correlationId: 'request-1' }), ['account-1@1', 'account-1@2', 'loan-2@1'], 'the events of request 1')
      expectEqual(await found({ correlationId: 'request-2' }), ['loan-1@1'], 'the events of request 2')
      expectEqual(await found({ correlationId: "it's 😀 %" }), ['loan-2@2'], 'the events of an id with odd letters')
      expectEqual(await found({ correlationId: 'request' }), [], 'the events of a part of an id')
      expectEqual(await found({ correlationId: 'request-1', category: 'loan', backwards: true }), ['loan-2@1'], 'the loans of request 1')
      expectEqual(
        await found({ correlationId: 'request-1', query: [{ types: ['MoneyDeposited'] }], limit: 1 }),
        ['account-1@1'],
        'the first deposit of request 1',
      )
    },
  },
])
