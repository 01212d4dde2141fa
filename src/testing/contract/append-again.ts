/** Appending again: the same event ids, after a success, at the same time, or after an unknown outcome. */
import { append, deposits, event, ids, logOf, newId, positions, range, streamOf, to, turn, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectAppended, expectDuplicate, expectEqual, expectRefused, expectThrown, expectTrue } from './expect.ts'

export const appendAgainCases = inPart('A', [
  {
    lines: [9],
    name: 'the same event ids to the same stream are answered with the first result and stored once',
    async run(store) {
      const request = to('account-1', deposits(3), { expectedVersion: 'none' })
      const first = expectAppended(await append(store, request))
      expectAppended(await append(store, to('account-1', deposits(2))))
      const again = expectDuplicate(await append(store, request))
      expectEqual(again, { ...again, version: first.version, events: first.events }, 'the second answer')
      expectEqual(versions(await streamOf(store, 'account-1')), range(1, 5), 'the versions in the stream')
    },
  },
  {
    lines: [9],
    name: 'ten concurrent appends of the same event ids are stored once and all told the same',
    async run(store) {
      const request = to('account-1', deposits(3))
      const results = await Promise.all(range(1, 10).map(() => append(store, request)))
      expectEqual(
        count(results, ({ kind }) => kind === 'appended'),
        1,
        'how many were written',
      )
      const told = results.map((result) => (result.kind === 'appended' ? expectAppended(result) : expectDuplicate(result)))
      for (const { events } of told) expectEqual(positions(events), positions(told[0]!.events), 'the positions told')
      expectEqual((await streamOf(store, 'account-1')).length, 3, 'how many events the stream has')
    },
  },
  {
    lines: [9],
    name: 'the second of two requests with the same ids in one call is a duplicate',
    async run(store) {
      const request = to('account-1', deposits(2), { expectedVersion: 0 })
      const results = await store.append([request, request])
      expectEqual(expectDuplicate(results[1]).events, expectAppended(results[0]).events, 'the events of both answers')
      expectEqual((await streamOf(store, 'account-1')).length, 2, 'how many events the stream has')
    },
  },
  {
    lines: [9],
    name: 'event ids of which a part is known are refused as a whole',
    async run(store, { start }) {
      const [known, other] = [deposits(2), deposits(1)]
      expectAppended(await append(store, to('account-1', known)))
      expectRefused(await append(store, to('account-1', [...known, ...other])), 'ES_DUPLICATE_EVENT')
      expectRefused(await append(store, to('account-1', [...other, known[1]!])), 'ES_DUPLICATE_EVENT')
      expectEqual((await logOf(store, { after: start })).events.length, 2, 'how many events the log has')
    },
  },
  {
    lines: [9],
    name: 'event ids that are stored in another stream are refused',
    async run(store) {
      const events = deposits(2)
      expectAppended(await append(store, to('account-1', events)))
      expectRefused(await append(store, to('account-2', events)), 'ES_DUPLICATE_EVENT')
      expectEqual(await streamOf(store, 'account-2'), [], 'the events of the other stream')
    },
  },
  {
    lines: [9],
    name: 'an event id that stands twice in one append is refused',
    async run(store) {
      const id = newId()
      const twice = [event('MoneyDeposited', {}, { id }), event('MoneyDeposited', {}, { id })]
      expectRefused(await append(store, to('account-1', twice)))
      expectEqual(await streamOf(store, 'account-1'), [], 'the events of the stream')
    },
  },
  {
    lines: [10],
    name: 'a repeated append gets its first positions although its expected version has long gone',
    async run(store) {
      const requests = [1, 2, 3].map((n) => to(`account-${n}`, deposits(n), { expectedVersion: 0 }))
      const first = (await store.append(requests)).map(expectAppended)
      await store.append(requests.map(({ stream }) => to(stream, deposits(2))))
      const again = (await store.append(requests)).map(expectDuplicate)
      expectEqual(
        again.map(({ events }) => events),
        first.map(({ events }) => events),
        'the events of the second answers',
      )
    },
  },
  {
    lines: [10],
    needs: ['conditions'],
    name: 'a repeated append gets its first positions although its condition would fail now',
    async run(store) {
      const condition = { query: [{ tags: ['course:1'] }], after: await store.head() }
      const request = to('course-1', deposits(2, { tags: ['course:1'] }), { condition })
      const first = expectAppended(await append(store, request))
      expectAppended(await append(store, to('course-1', deposits(1, { tags: ['course:1'] }))))
      expectEqual(expectDuplicate(await append(store, request)).events, first.events, 'the events of the second answer')
      expectRefused(await append(store, to('course-1', deposits(1), { condition })), 'ES_CONDITION_FAILED')
    },
  },
  {
    lines: [15],
    needs: ['breakNextCommit'],
    name: 'a commit that fails is a retryable error, stores nothing, and can be repeated',
    async run(store, { start, breakNextCommit }) {
      const request = to('account-1', deposits(3), { expectedVersion: 'none' })
      breakNextCommit!('before')
      const error = await expectThrown(() => append(store, request), 'ES_STORE_UNAVAILABLE')
      expectTrue(error.retryable, 'the error is retryable')
      expectEqual((await logOf(store, { after: start })).events, [], 'what the log has')
      expectEqual(versions(expectAppended(await append(store, request)).events), [1, 2, 3], 'the versions given')
    },
  },
  {
    lines: [16],
    needs: ['breakNextCommit'],
    name: 'a commit whose answer is lost is not repeated by the store, and a repeat finds the first result',
    async run(store, { start, breakNextCommit }) {
      const request = to('account-1', deposits(3))
      breakNextCommit!('after')
      const told = await append(store, request).catch((error: { code: string; retryable: boolean }) => error)
      if ('code' in told) expectEqual([told.code, told.retryable], ['ES_STORE_UNAVAILABLE', true], 'code and retryable of the error')
      await turn()
      const again = expectDuplicate(await append(store, request))
      expectEqual(versions(again.events), [1, 2, 3], 'the versions of the repeat')
      expectEqual(ids((await logOf(store, { after: start })).events), ids(request.events), 'the event ids in the log')
    },
  },
])
