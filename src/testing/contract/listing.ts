/** What is there: streams, their versions and places, categories and event types. */
import { append, deposits, event, logOf, range, to } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectTrue } from './expect.ts'

export const listingCases = inPart('E', [
  {
    lines: [47],
    name: 'streams are listed by name in code point order, page by page, without one lost or twice',
    async run(store) {
      const names = ['account-a', 'account-B', 'account-é', 'account-\uff5e', 'account-😀', 'account-10', 'account-9', 'account-a-b'].sort(
        byCodePoint,
      )
      await store.append(names.toReversed().map((name) => to(name, deposits(2))))
      expectEqual(
        (await store.listStreams({ category: 'account' })).map(({ stream }) => stream),
        names,
        'the names',
      )
      for (const limit of [1, 3, 8]) {
        const seen: string[] = []
        for (let after: string | undefined; seen.length <= names.length; after = seen.at(-1)) {
          const page = await store.listStreams({ category: 'account', limit, ...(after === undefined ? {} : { after }) })
          expectTrue(page.length <= limit, `a page has at most ${limit} streams`)
          if (page.length === 0) break
          seen.push(...page.map(({ stream }) => stream))
        }
        expectEqual(seen, names, `the names, ${limit} at a time`)
      }
    },
  },
  {
    lines: [47],
    name: 'without a limit 100 streams are listed',
    async run(store) {
      await store.append(range(1, 120).map((n) => to(`account-${n}`, deposits(1))))
      expectEqual((await store.listStreams({ category: 'account' })).length, 100, 'how many streams are listed')
      expectEqual((await store.listStreams({ category: 'account', limit: 500 })).length, 120, 'how many there are')
    },
  },
  {
    lines: [17, 47],
    name: 'a category is matched as a whole and a search as it is written',
    async run(store) {
      const names = [
        'account-1',
        'accounting-1',
        'a_c-1',
        'abc-1',
        'account-100%',
        'account-1000',
        'account-x_y',
        'account-xzy',
        'Account-1',
        'account-*',
      ]
      await store.append(names.map((name) => to(name, deposits(2))))
      const found = async (options: object) => (await store.listStreams(options)).map(({ stream }) => stream)
      expectEqual(await found({ category: 'a_c' }), ['a_c-1'], 'the category a_c')
      expectEqual(await found({ category: 'accounting' }), ['accounting-1'], 'the category accounting')
      expectEqual(await found({ category: 'acc' }), [], 'the category acc')
      expectEqual(await found({ search: '100%' }), ['account-100%'], 'a search for 100%')
      expectEqual(await found({ search: 'x_y' }), ['account-x_y'], 'a search for x_y')
      expectEqual(await found({ search: 't-*' }), ['account-*'], 'a search for t-*')
      expectEqual(await found({ category: 'Account', search: '1' }), ['Account-1'], 'a search in a category')
      for (const category of ['a_c', 'abc', 'account']) {
        const { events } = await logOf(store, { category })
        expectEqual(
          [...new Set(events.map(({ stream }) => stream))],
          names.filter((name) => name.startsWith(`${category}-`)),
          `the streams in the log of ${category}`,
        )
      }
    },
  },
  {
    lines: [47],
    name: 'a stream\u2019s info tells its version, where its first and last event are, and when the last was recorded',
    async run(store) {
      await store.append([to('account-1', deposits(2)), to('account-2', deposits(3)), to('account-1', deposits(2))])
      for (const stream of ['account-1', 'account-2']) {
        const events = (await logOf(store)).events.filter((one) => one.stream === stream)
        const [first, last] = [events[0]!, events.at(-1)!]
        const info = {
          tenant: '',
          stream,
          version: events.length,
          firstPosition: first.position,
          lastPosition: last.position,
          recordedAt: last.recordedAt,
        }
        expectEqual(await store.streamInfo(stream), info, `the info of ${stream}`)
        expectEqual(await store.listStreams({ search: stream }), [info], `the list for ${stream}`)
      }
    },
  },
  {
    lines: [],
    name: 'every event type is listed by category, with the highest schema version it was stored with',
    async run(store) {
      const at = (schemaVersion: number) => event('AccountClosed', {}, { schemaVersion })
      for (const versions of [[1, 3], [2]]) expectAppended(await append(store, to('account-1', versions.map(at))))
      expectAppended(await append(store, to('loan-1', [at(1), event('LoanGiven')])))
      const types = (await store.eventTypes()).filter(({ category }) => category === 'account' || category === 'loan')
      const listed = types.map(({ category, type, schemaVersion }) => `${category} ${type} ${schemaVersion}`).sort()
      expectEqual(listed, ['account AccountClosed 3', 'loan AccountClosed 1', 'loan LoanGiven 1'], 'the types')
    },
  },
])

function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]].map((letters) => letters.map((letter) => letter.codePointAt(0)!))
  for (let i = 0; i < Math.min(left!.length, right!.length); i++) if (left![i] !== right![i]) return left![i]! - right![i]!
  return left!.length - right!.length
}
