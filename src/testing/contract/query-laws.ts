/** What queries over types and tags find: on every store the same as the reference. */
import { matches, type Query } from '../../core/query.ts'
import { append, event, ids, logOf, range, to } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectTrue } from './expect.ts'

export const queryLawCases = inPart('J', [
  {
    lines: [],
    name: 'the laws of queries: every store finds what the reference finds, in any combination of types and tags',
    async run(store, { start }) {
      const tags = ['a', 'b', 'c', 'd']
      const events = range(0, 47).map((n) => event(`Type${n % 3}`, { n }, { tags: tags.filter((_, i) => (n >> i) & 1) }))
      expectAppended(await append(store, to('law-1', events)))
      const all = (await logOf(store, { after: start })).events
      const find = async (query: Query) => ids((await logOf(store, { after: start, query, pageSize: 5 })).events)
      const anyOf = (...wanted: string[]): Query => wanted.map((tag) => ({ tags: [tag] }))
      const allOf = (...wanted: string[]): Query => [{ tags: wanted }]
      const same = async (one: Query, other: Query, law: string) => expectEqual(await find(one), await find(other), law)

      for (const query of queriesOver(tags))
        expectEqual(await find(query), ids(all.filter((one) => matches(query, one))), `what ${JSON.stringify(query)} finds`)
      await same(anyOf('a', 'b'), anyOf('b', 'a'), 'any of a, b = any of b, a')
      await same(allOf('a', 'b'), allOf('b', 'a'), 'all of a, b = all of b, a')
      await same(anyOf('a', 'a'), anyOf('a'), 'any of a, a = any of a')
      await same(allOf('a', 'a'), allOf('a'), 'all of a, a = all of a')
      await same(anyOf('a'), allOf('a'), 'any of one = all of one')
      const any = await find(anyOf('a', 'b'))
      expectTrue(
        (await find(allOf('a', 'b'))).every((id) => any.includes(id)),
        'all of a, b ⇒ any of a, b',
      )
      expectEqual(await find(anyOf('e', 'f')), [], 'what tags that nothing has find')
      expectEqual(await find(allOf('a', 'e')), [], 'what a tag with one that nothing has finds')
      for (const one of all.filter((event) => event.tags.length > 0)) {
        expectTrue(
          (await find(allOf(...one.tags))).includes(one.id) && (await find(anyOf(...one.tags))).includes(one.id),
          'an event is found by all and by any of its own tags',
        )
      }
    },
  },
])

/** 40 queries of one to three items, the same in every run. */
function queriesOver(tags: readonly string[]): readonly Query[] {
  return range(1, 40).map((n) =>
    range(0, n % 3).map((item) => {
      const mask = (n * 7 + item * 5) % 16
      const types = [`Type${(n + item) % 4}`, `Type${n % 2}`].slice(0, (n * 3 + item) % 3)
      return { ...(types.length > 0 ? { types } : {}), ...(mask > 0 ? { tags: tags.filter((_, i) => (mask >> i) & 1) } : {}) }
    }),
  )
}
