/** The order of the whole log: what a reader that polls has passed is complete for ever. */
import type { EventStore, ReadAllOptions } from '../../core/event-store.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import { append, deposits, event, gate, ids, logOf, positions, range, rising, to, turn, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectTrue } from './expect.ts'

export const orderCases = inPart('D', [
  {
    lines: [31, 36],
    needs: ['totalOrder'],
    name: 'a reader that polls while many write gets every event once, in the order of positions',
    async run(store, { start }) {
      const reader = poll(store, { after: start })
      const written = await writers(store)
      const delivered = await reader.stop()
      expectEqual([...ids(delivered)].sort(), [...ids(written)].sort(), 'the event ids delivered')
      expectTrue(rising(positions(delivered)), 'positions rise')
      expectEqual(delivered, (await logOf(store, { after: start })).events, 'what was delivered, and the log in the end')
    },
  },
  {
    lines: [32],
    needs: ['totalOrder'],
    name: 'a reader that polls with a filter by tag, category or type gets every event that matches, once',
    async run(store, { start }) {
      const filters: readonly [ReadAllOptions, (event: StoredEvent) => boolean][] = [
        [{ query: [{ tags: ['parity:even'] }] }, ({ tags }) => tags.includes('parity:even')],
        [{ category: 'account' }, ({ stream }) => stream.startsWith('account-')],
        [{ query: [{ types: ['MoneyWithdrawn'] }] }, ({ type }) => type === 'MoneyWithdrawn'],
        [
          { query: [{ types: ['MoneyDeposited'], tags: ['all', 'parity:odd'] }], category: 'loan' },
          ({ type, tags, stream }) => type === 'MoneyDeposited' && tags.includes('parity:odd') && stream.startsWith('loan-'),
        ],
      ]
      const readers = filters.map(([filter]) => poll(store, { after: start, ...filter }))
      const written = await writers(store)
      for (const [i, [, wanted]] of filters.entries()) {
        expectEqual(
          [...ids(await readers[i]!.stop())].sort(),
          [...ids(written.filter(wanted))].sort(),
          `the event ids delivered to reader ${i + 1}`,
        )
      }
    },
  },
  {
    lines: [33],
    name: 'a reader that polls sees the versions of each stream as 1, 2, 3, … without a hole',
    async run(store, { start }) {
      const reader = poll(store, { after: start })
      await writers(store)
      const byStream = new Map<string, number[]>()
      for (const { stream, version } of await reader.stop()) byStream.set(stream, [...(byStream.get(stream) ?? []), version])
      for (const [stream, seen] of byStream) expectEqual(seen, range(1, seen.length), `the versions of ${stream}`)
    },
  },
  {
    lines: [34],
    name: 'appends that are refused never stall a reader',
    async run(store, { start }) {
      const reader = poll(store, { after: start })
      for (const n of range(1, 30)) {
        const results = await store.append([
          to('account-refused', deposits(3), { expectedVersion: 99 }),
          to(`account-${n}`, deposits(1)),
          to('account-refused', deposits(3), { expectedVersion: 'exists' }),
        ])
        expectEqual(
          results.map(({ kind }) => kind),
          ['refused', 'appended', 'refused'],
          'the answers',
        )
      }
      expectEqual(
        (await reader.stop()).map(({ stream }) => stream),
        range(1, 30).map((n) => `account-${n}`),
        'the streams delivered',
      )
    },
  },
  {
    lines: [34],
    needs: ['transactions'],
    name: 'transactions that are undone never stall a reader, and what follows them is delivered',
    async run(store, { start }) {
      const reader = poll(store, { after: start })
      const kept: string[] = []
      for (const n of range(1, 20)) {
        const undone = store.transaction!(async (transaction) => {
          await transaction.append(to(`account-undone${n}`, deposits(3)))
          throw new Error('on purpose')
        }).catch(() => {})
        const result = append(store, to(`account-${n}`, deposits(2)))
        await undone
        kept.push(...ids(expectAppended(await result).events))
      }
      expectEqual(ids(await reader.stop()), kept, 'the event ids delivered')
    },
  },
  {
    lines: [35],
    needs: ['transactions', 'parallelReads'],
    name: 'a transaction that stays open keeps no reader from what is committed',
    async run(store, { start }) {
      const written = expectAppended(await append(store, to('account-1', deposits(3)))).events
      const [held, done] = [gate(), gate()]
      const open = store.transaction!(async (transaction) => {
        await transaction.streamInfo('account-1')
        held.open()
        await done.opened
      })
      await held.opened
      const seen = await logOf(store, { after: start })
      done.open()
      await open
      expectEqual(ids(seen.events), ids(written), 'the event ids that a reader sees')
    },
  },
  {
    lines: [36],
    needs: ['transactions', 'totalOrder', 'parallelReads'],
    name: 'no page ends beyond an event that is not committed yet: it is delivered after that page',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      const [held, done] = [gate(), gate()]
      const open = store.transaction!(async (transaction) => {
        await transaction.append(to('account-held', deposits(3)))
        held.open()
        await done.opened
      })
      await held.opened
      const early = await logOf(store, { after: start, query: [{ types: ['NothingHasThisType'] }] })
      done.open()
      await open
      const late = await logOf(store, { after: early.position, query: [{ types: ['MoneyDeposited'] }] })
      expectEqual(versions(late.events.filter(({ stream }) => stream === 'account-held')), [1, 2, 3], 'the versions delivered afterwards')
    },
  },
])

/** 24 writers append 240 batches of 1–3 events to 8 streams of two categories, in one call or in several. */
async function writers(store: EventStore): Promise<readonly StoredEvent[]> {
  const written = range(1, 24).map(async (writer) => {
    const mine: StoredEvent[] = []
    for (const round of range(1, 5)) {
      const tags = ['all', (writer + round) % 2 === 0 ? 'parity:even' : 'parity:odd']
      const batch = () =>
        [...deposits((writer % 2) + 1, { tags }), event('MoneyWithdrawn', { writer, round }, { tags })].slice(0, 1 + (round % 3))
      const results = await store.append([to(`account-${writer % 5}`, batch()), to(`loan-${round % 3}`, batch())])
      for (const result of results) mine.push(...expectAppended(result).events)
      if (round % 2 === 0) await turn()
    }
    return mine
  })
  return (await Promise.all(written)).flat()
}

/** Reads page after page, each from where the last one ended, as a subscription does after a crash; stopped, it reads to the end. */
function poll(store: EventStore, options: ReadAllOptions & { readonly after: number }) {
  const delivered: StoredEvent[] = []
  let [after, stopped] = [options.after, false]
  const readPage = async (): Promise<boolean> => {
    for await (const { events, position } of store.readAll({ pageSize: 7, ...options, after })) {
      expectTrue(position >= after, `the position of a page does not go back from ${after} to ${position}`)
      const moved = position > after
      delivered.push(...events)
      after = position
      return moved
    }
    return false
  }
  const running = (async () => {
    while (!stopped) if (!(await readPage())) await turn()
    while (await readPage());
  })()
  // A failure is told when the reader is stopped, not before.
  running.catch(() => {})
  return {
    async stop(): Promise<readonly StoredEvent[]> {
      stopped = true
      await running
      return delivered
    },
  }
}
