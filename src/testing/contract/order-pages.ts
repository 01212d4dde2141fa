/** Pages of the log: how far each one has looked, and what comes behind it. */
import type { StoredEvent } from '../../core/stored-event.ts'
import { append, deposits, event, ids, logOf, to } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectRefused, expectTrue } from './expect.ts'

export const orderPageCases = inPart('D', [
  {
    lines: [37],
    name: 'a page claims no position that was not looked at: with no match it ends at the head, and what follows is delivered',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', deposits(5))))
      const head = await store.head()
      for (const options of [
        { query: [{ types: ['NothingHasThisType'] }] },
        { category: 'nothing' },
        { query: [{ tags: ['nothing'] }] },
        { correlationId: 'nothing' },
      ]) {
        const { events, position } = await logOf(store, { after: start, ...options })
        expectEqual([events, position], [[], head], 'events and position of a read that matches nothing')
      }
      expectEqual(
        (await logOf(store, { after: start, to: head + 1_000 })).position,
        head,
        'the position of a read with a bound beyond the head',
      )
      expectEqual(
        (await logOf(store, { after: start, to: head + 1_000, query: [{ tags: ['nothing'] }] })).position,
        head,
        'the same with no match',
      )
      expectAppended(await append(store, to('account-1', [event('NothingHasThisType')])))
      expectEqual(
        (await logOf(store, { after: head, query: [{ types: ['NothingHasThisType'] }] })).events.length,
        1,
        'how many events follow',
      )
    },
  },
  {
    lines: [37],
    name: 'what is appended between two pages is not lost, whether the read goes on or a new one begins behind any of its pages',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', deposits(10))))
      for (const filter of [{}, { query: [{ types: ['MoneyDeposited'] }] }, { category: 'account' }]) {
        const stops: { readonly position: number; readonly seen: readonly StoredEvent[] }[] = [{ position: start, seen: [] }]
        for await (const { events, position } of store.readAll({ after: start, pageSize: 3, ...filter })) {
          stops.push({ position, seen: [...stops.at(-1)!.seen, ...events] })
          if (stops.length < 5) expectAppended(await append(store, to('account-2', deposits(1))))
        }
        const all = ids((await logOf(store, { after: start })).events)
        for (const { position, seen } of stops) {
          const rest = (await logOf(store, { after: position, ...filter })).events
          expectEqual(ids([...seen, ...rest]), all, `the event ids seen up to ${position} and after it`)
        }
      }
    },
  },
  {
    lines: [38],
    name: 'a reader that stops in the middle of a batch goes on with the very next event',
    async run(store, { start }) {
      await store.append([to('account-1', deposits(4)), to('account-2', deposits(3)), to('account-1', deposits(4))])
      const all = (await logOf(store, { after: start })).events
      expectEqual(all.length, 11, 'how many events the log has')
      for (const [i, { position }] of all.entries()) {
        expectEqual(ids((await logOf(store, { after: position })).events), ids(all.slice(i + 1)), `the event ids after event ${i + 1}`)
        const limited = await logOf(store, { after: start, limit: i + 1 })
        expectEqual([ids(limited.events), limited.position], [ids(all.slice(0, i + 1)), position], `a read of ${i + 1} events`)
      }
    },
  },
  {
    lines: [39],
    needs: ['emptyStore'],
    name: 'an empty store has head 0 and nothing to read, and its first event is delivered to who waits at 0',
    async run(store) {
      expectEqual(await store.head(), 0, 'the head')
      for (const options of [{}, { after: 0 }, { backwards: true }, { limit: 1 }, { query: [] }]) {
        const { events, position } = await logOf(store, options)
        expectEqual([events, position], [[], 0], 'events and position of a read')
      }
      expectEqual([await store.listStreams(), await store.eventTypes()], [[], []], 'streams and event types')
      const [first] = expectAppended(await append(store, to('account-1', deposits(2)))).events
      expectTrue(first!.position >= 1, 'the first position is 1 or more')
      expectEqual((await logOf(store, { after: 0 })).events[0], first, 'the first event delivered')
      expectEqual(ids((await logOf(store, { after: first!.position - 1 })).events)[0], first!.id, 'what is after the position below it')
    },
  },
  {
    lines: [40],
    name: 'a read from beyond the head delivers nothing and claims no new position, so that the caller can see the gap',
    async run(store) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      const head = await store.head()
      for (const after of [head, head + 1, head + 1_000_000]) {
        const { events, position } = await logOf(store, { after })
        expectEqual(events, [], `the events after ${after}`)
        expectTrue(
          position >= head && position <= after,
          `the position of the page is between the head, ${head}, and ${after}; it is ${position}`,
        )
      }
      expectEqual(await store.head(), head, 'the head')
      expectRefused(await append(store, to('account-1', deposits(1), { expectedVersion: 1 })), 'ES_CONCURRENCY')
    },
  },
])
