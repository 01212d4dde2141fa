/** Many callers at once: they share commits, but not their fates. */
import { append, deposits, event, ids, logOf, positions, range, rising, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { ContractViolation, count, expectAppended, expectEqual, expectThrown, expectTrue } from './expect.ts'

const mebibyte = 1024 * 1024

export const groupCommitCases = inPart('B', [
  {
    lines: [21],
    name: '500 concurrent appends to 500 streams all succeed',
    async run(store, { start }) {
      const results = await Promise.all(range(1, 500).map((n) => append(store, to(`account-${n}`, deposits(2), { expectedVersion: 0 }))))
      for (const result of results) expectEqual(versions(expectAppended(result).events), [1, 2], 'the versions given')
      const { events } = await logOf(store, { after: start })
      expectEqual(events.length, 1000, 'how many events the log has')
      expectTrue(rising(positions(events)), 'positions rise')
    },
  },
  {
    lines: [21],
    needs: ['commits'],
    name: '500 concurrent appends take far fewer than 500 commits',
    async run(store, { commits }) {
      const before = await commits!()
      await Promise.all(range(1, 500).map((n) => append(store, to(`account-${n}`, deposits(2)))))
      const made = (await commits!()) - before
      expectTrue(made > 0 && made <= 100, `at least one commit is made, and at most 100; not ${made}`)
    },
  },
  {
    lines: [22],
    name: 'two requests of one call to the same stream at versions n and n + 1 both succeed, in order',
    async run(store) {
      for (const n of [0, 3, 6]) {
        const results = await store.append([
          to('account-1', deposits(1), { expectedVersion: n }),
          to('account-2', deposits(1)),
          to('account-1', deposits(2), { expectedVersion: n + 1 }),
        ])
        expectEqual(
          results.flatMap((result) => versions(expectAppended(result).events)),
          [n + 1, n / 3 + 1, n + 2, n + 3],
          'the versions given',
        )
      }
      expectTrue(rising(positions(await streamOf(store, 'account-1'))), 'positions rise with versions')
    },
  },
  {
    lines: [22],
    name: 'appends that are sent one after the other without waiting are accepted in that order',
    async run(store) {
      const results = await Promise.all(range(0, 49).map((n) => append(store, to('account-1', deposits(2), { expectedVersion: n * 2 }))))
      results.map(expectAppended)
      expectEqual(versions(await streamOf(store, 'account-1')), range(1, 100), 'the versions in the stream')
    },
  },
  {
    lines: [23],
    needs: ['breakNextCommit'],
    name: 'a commit that fails is told to every caller who shared it, and a repeat stores each append once',
    async run(store, { start, breakNextCommit }) {
      const requests = range(1, 20).map((n) => to(`account-${n}`, deposits(3), { expectedVersion: 0 }))
      breakNextCommit!('before')
      const first = await Promise.allSettled(requests.map((request) => append(store, request)))
      const told = first.filter((result) => result.status === 'fulfilled' && result.value.kind !== 'refused').length
      const stored = (await logOf(store, { after: start })).events.length
      expectEqual(stored, told * 3, 'how many events are stored, with three for each caller that was told success')
      expectTrue(told < requests.length, 'at least one caller is told of the failure')
      for (const result of first)
        if (result.status === 'rejected') await expectThrown(() => Promise.reject(result.reason), 'ES_STORE_UNAVAILABLE')
      await Promise.all(requests.map((request) => append(store, request)))
      for (const { stream } of requests) expectEqual(versions(await streamOf(store, stream)), [1, 2, 3], `the versions in ${stream}`)
    },
  },
  {
    lines: [24],
    name: 'an append of 10,000 events does not keep small ones from being answered',
    async run(store) {
      const huge = append(store, to('account-huge', deposits(10_000)))
      const small = range(1, 50).map((n) => append(store, to(`account-${n}`, deposits(1))))
      for (const result of await withinSeconds(20, Promise.all(small), '50 small appends')) expectAppended(result)
      expectAppended(await huge)
    },
  },
  {
    lines: [24],
    name: 'appends of many megabytes that arrive together are all stored',
    async run(store) {
      const text = 'x'.repeat(6 * mebibyte)
      const large = range(1, 4).map((n) => append(store, to(`file-${n}`, [event('FileUploaded', text), event('FileChecked')])))
      const small = range(1, 20).map((n) => append(store, to(`account-${n}`, deposits(2))))
      for (const result of await withinSeconds(30, Promise.all([...large, ...small]), 'the appends')) expectAppended(result)
      for (const n of range(1, 4)) expectEqual(versions(await streamOf(store, `file-${n}`)), [1, 2], `the versions in file-${n}`)
    },
  },
  {
    lines: [25],
    name: 'closing answers every append that waits: written, or stopped, but never left open',
    async run(store) {
      const waiting = range(1, 100).map((n) => append(store, to(`account-${n}`, deposits(2))))
      const closed = store.close()
      const answers = await withinSeconds(20, Promise.allSettled(waiting), 'the appends that waited')
      await withinSeconds(20, closed, 'close')
      for (const answer of answers) {
        if (answer.status === 'fulfilled') expectAppended(answer.value)
        else await expectThrown(() => Promise.reject(answer.reason), 'ES_STOPPED')
      }
    },
  },
  {
    lines: [25],
    needs: ['reopen'],
    name: 'what was told as written before closing is there, in full, when the store is opened again',
    async run(store, { start, reopen }) {
      const waiting = range(1, 100).map((n) => append(store, to(`account-${n}`, deposits(2))))
      await store.close()
      const answers = await Promise.allSettled(waiting)
      const told = answers.flatMap((answer) => (answer.status === 'fulfilled' ? ids(expectAppended(answer.value).events) : []))
      const again = await reopen!()
      const stored = ids((await logOf(again, { after: start })).events)
      await again.close()
      expectEqual([...stored].sort(), [...told].sort(), 'the event ids stored')
    },
  },
  {
    lines: [25],
    name: 'a closed store answers every call with ES_STOPPED, and closing it twice is harmless',
    async run(store) {
      await store.close()
      await store.close()
      await expectThrown(() => store.append([to('account-1', deposits(1))]), 'ES_STOPPED')
      await expectThrown(() => streamOf(store, 'account-1'), 'ES_STOPPED')
      await expectThrown(() => logOf(store), 'ES_STOPPED')
      await expectThrown(() => store.head(), 'ES_STOPPED')
      await expectThrown(() => store.streamInfo('account-1'), 'ES_STOPPED')
      await expectThrown(() => store.listStreams(), 'ES_STOPPED')
      await expectThrown(() => store.views.get('', 'balances', '1'), 'ES_STOPPED')
      await expectThrown(() => store.snapshots.list('', 'account-1'), 'ES_STOPPED')
      if (store.transaction) await expectThrown(() => store.transaction!(async () => {}), 'ES_STOPPED')
    },
  },
  {
    lines: [],
    name: 'among 60 concurrent appends exactly the impossible third is refused',
    async run(store) {
      const results = await Promise.all(
        range(0, 59).map((n) => append(store, to(`account-${n}`, deposits(2), { expectedVersion: n % 3 === 0 ? 9 : 'none' }))),
      )
      expectEqual(
        results.map(({ kind }) => kind),
        range(0, 59).map((n) => (n % 3 === 0 ? 'refused' : 'appended')),
        'the answers',
      )
      expectEqual(
        count(await store.listStreams({ category: 'account' }), ({ version }) => version === 2),
        40,
        'how many streams there are',
      )
    },
  },
])

/** A bound against standing still; no measure of speed. */
async function withinSeconds<T>(seconds: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ContractViolation(`Not settled within ${seconds} seconds: ${what}.`)), seconds * 1000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
