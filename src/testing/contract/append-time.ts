/** The time of an event: when it was recorded, when it happened, and what a clock that goes wrong may do. */
import { clockDriftLimitMs } from '../../core/event-store.ts'
import type { StoredEvent } from '../../core/stored-event.ts'
import { append, deposits, logOf, streamOf, to } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectTrue } from './expect.ts'

const year2001 = Date.UTC(2001, 0, 1)

export const appendTimeCases = inPart('A', [
  {
    lines: [19],
    name: 'an imported event keeps when it happened, in a new and in an existing stream',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', deposits(2, { occurredAt: year2001 }))))
      expectAppended(await append(store, to('account-1', [...deposits(1, { occurredAt: year2001 + 0 }), ...deposits(1)])))
      const events = await streamOf(store, 'account-1')
      expectEqual(
        events.map(({ occurredAt }) => occurredAt ?? null),
        [year2001, year2001, year2001, null],
        'when they happened',
      )
      expectEqual((await logOf(store, { after: start })).events, events, 'the same events in the log')
      expectTrue(notFalling(events) && events[0]!.recordedAt > year2001, 'recordedAt is still the time of the append')
    },
  },
  {
    lines: [19],
    needs: ['emptyStore'],
    name: 'an import into an empty store keeps the times at which its events were recorded',
    async run(store) {
      const results = await store.append([
        to('account-1', deposits(2), { recordedAt: year2001 }),
        to('account-2', deposits(2), { recordedAt: year2001 + 1000 }),
      ])
      expectEqual(
        results.flatMap((result) => times(expectAppended(result).events)),
        [0, 0, 1000, 1000].map((ms) => year2001 + ms),
        'the times answered',
      )
      expectAppended(await append(store, to('account-1', deposits(1))))
      const { events } = await logOf(store)
      expectEqual(
        times(events).slice(0, 4),
        [0, 0, 1000, 1000].map((ms) => year2001 + ms),
        'the times stored',
      )
      expectTrue(notFalling(events) && events[4]!.recordedAt > year2001 + 1000, 'a later append takes the time from the clock')
    },
  },
  {
    lines: [19],
    name: 'a recordedAt from outside never makes the times of a store with events fall',
    async run(store, { start }) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      await store.append([to('account-2', deposits(2), { recordedAt: year2001 })])
      expectAppended(await append(store, to('account-1', deposits(2))))
      expectTrue(notFalling((await logOf(store, { after: start })).events), 'recordedAt does not fall with the position')
    },
  },
  {
    lines: [],
    name: 'recordedAt never falls with the position, also among concurrent appends',
    async run(store, { start }) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => append(store, to(`account-${n % 7}`, deposits(2)))))
      const { events } = await logOf(store, { after: start })
      expectEqual(events.length, 200, 'how many events the log has')
      expectTrue(notFalling(events), 'recordedAt does not fall with the position')
    },
  },
  {
    lines: [],
    needs: ['clock'],
    name: 'recordedAt is the time of the clock, and stands still while the clock is behind',
    async run(store, { clock }) {
      clock.move(5_000)
      const first = clock.now()
      expectAppended(await append(store, to('account-1', deposits(2))))
      clock.move(-10_000)
      expectAppended(await append(store, to('account-1', deposits(2))))
      clock.move(30_000)
      expectAppended(await append(store, to('account-1', deposits(1))))
      expectEqual(times(await streamOf(store, 'account-1')), [first, first, first, first, first + 20_000], 'the times recorded')
    },
  },
  {
    lines: [],
    needs: ['clock'],
    name: 'a clock more than 60 seconds behind the newest event makes an append fail, until it has caught up',
    async run(store, { clock }) {
      expectAppended(await append(store, to('account-1', deposits(2))))
      clock.move(-clockDriftLimitMs)
      expectAppended(await append(store, to('account-1', deposits(2))))
      clock.move(-1)
      expectEqual(await codeOf(() => append(store, to('account-1', deposits(2)))), 'ES_CLOCK_DRIFT', 'how the append ended')
      expectEqual((await streamOf(store, 'account-1')).length, 4, 'how many events the stream has')
      clock.move(1)
      expectAppended(await append(store, to('account-1', deposits(2))))
    },
  },
])

const times = (events: readonly StoredEvent[]): readonly number[] => events.map(({ recordedAt }) => recordedAt)

function notFalling(events: readonly StoredEvent[]): boolean {
  return times(events).every((time, i, all) => i === 0 || time >= all[i - 1]!)
}

/** The drift concerns the whole commit, so a store may refuse the request or reject the call. */
async function codeOf(call: () => ReturnType<typeof append>): Promise<string> {
  try {
    const result = await call()
    return result.kind === 'refused' ? result.error.code : result.kind
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}
