/** Questions to a view: the same rows in the same order on every store. */
import type { EventStore } from '../../core/event-store.ts'
import type { ListRows, ViewCursor, ViewDefinition } from '../../core/view-store.ts'
import { append, deposits, range, to } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual } from './expect.ts'

const accounts: ViewDefinition = { view: 'accounts', indexes: { owner: 'text', balance: 'number' }, fingerprint: 'f' }
const everything: ListRows = { where: [], orderBy: undefined, descending: false, limit: 1_000, after: undefined }

/** Writes rows by key. */
async function keep(store: EventStore, rows: Readonly<Record<string, unknown>>): Promise<void> {
  const views = Object.entries(rows).map(([key, row]) => ({ view: 'accounts', key, expectedRowVersion: 0, row: JSON.stringify(row) }))
  expectAppended(await append(store, to('account-1', deposits(2), { views })))
}

/** The keys that a question finds, in order. */
async function keys(store: EventStore, question: Partial<ListRows> = {}): Promise<readonly string[]> {
  return (await store.views.list('', accounts, { ...everything, ...question })).map(({ key }) => key)
}

const people = {
  a: { owner: 'ann', balance: 10 },
  b: { owner: 'ben', balance: 9 },
  c: { owner: 'ann', balance: -2.5 },
  d: { owner: null, balance: 100 },
  e: { owner: 'zoë', balance: 1e21 },
  f: { owner: 7, balance: '10' },
  g: { balance: null, owner: '' },
  h: [],
} as const

export const viewListCases = inPart('views', [
  {
    lines: [],
    name: 'rows are listed by key in code point order, with row and row version, without the deleted ones',
    async run(store) {
      await keep(store, { '😀': 1, '\uff5e': 2, a: { owner: 'ann' }, B: 4, é: 5, '10': 6, '9': 7, gone: 8 })
      expectAppended(
        await append(store, to('account-1', deposits(1), { views: [{ view: 'accounts', key: 'gone', expectedRowVersion: 1, row: null }] })),
      )
      expectEqual(await keys(store), ['10', '9', 'B', 'a', 'é', '\uff5e', '😀'], 'the keys')
      expectEqual(await keys(store, { descending: true, limit: 3 }), ['😀', '\uff5e', 'é'], 'the last three keys, backwards')
      expectEqual(
        (await store.views.list('', accounts, everything))[3],
        { key: 'a', row: '{"owner":"ann"}', rowVersion: 1 },
        'one of the rows',
      )
      expectEqual(await store.views.list('', { ...accounts, view: 'nothing' }, everything), [], 'the rows of a view that has none')
    },
  },
  {
    lines: [],
    name: 'a field is compared with a value, with null, with several values and with bounds',
    async run(store) {
      await keep(store, people)
      const cases: readonly [ListRows['where'], readonly string[]][] = [
        [[['owner', 'ann']], ['a', 'c']],
        [[['owner', 'an']], []],
        [[['owner', '']], ['g']],
        [[['balance', 10]], ['a']],
        [[['balance', '10']], []],
        [[['owner', null]], ['d', 'f', 'h']],
        [[['balance', null]], ['f', 'g', 'h']],
        [[['owner', { in: ['ben', 'zoë', 'nobody'] }]], ['b', 'e']],
        [[['owner', { in: ['ben', null] }]], ['b', 'd', 'f', 'h']],
        [[['balance', { in: [] }]], []],
        [[['balance', { lt: 9 }]], ['c']],
        [[['balance', { lte: 9 }]], ['b', 'c']],
        [[['balance', { gt: 10 }]], ['d', 'e']],
        [[['balance', { gte: 10 }]], ['a', 'd', 'e']],
        [[['balance', { gt: -3, lt: 10 }]], ['b', 'c']],
        [[['balance', { gt: 9, lt: 9 }]], []],
        [[['owner', { gte: 'b' }]], ['b', 'e']],
        [[['owner', { lt: 'b' }]], ['a', 'c', 'g']],
        [
          [
            ['owner', 'ann'],
            ['balance', { gt: 0 }],
          ],
          ['a'],
        ],
        [
          [
            ['balance', { gte: 0 }],
            ['balance', { lt: 50 }],
          ],
          ['a', 'b'],
        ],
      ]
      for (const [where, found] of cases) expectEqual(await keys(store, { where }), found, `the keys where ${JSON.stringify(where)}`)
    },
  },
  {
    lines: [],
    name: 'values are bound as values, whatever they contain',
    async run(store) {
      const odd = ["it's", '"', '%', '_', "' or 1=1 --", '\\', '😀', 'null', 'e\u0301', '\u00e9']
      await keep(store, Object.fromEntries(odd.map((owner, i) => [`${i}`, { owner }])))
      for (const [i, owner] of odd.entries())
        expectEqual(await keys(store, { where: [['owner', owner]] }), [`${i}`], `the keys of ${owner}`)
    },
  },
  {
    lines: [],
    name: 'numbers sort as doubles, missing and null and wrong types first, ties by key',
    async run(store) {
      await keep(store, people)
      expectEqual(await keys(store, { orderBy: 'balance' }), ['f', 'g', 'h', 'c', 'b', 'a', 'd', 'e'], 'the keys by balance')
      expectEqual(
        await keys(store, { orderBy: 'balance', descending: true }),
        ['e', 'd', 'a', 'b', 'c', 'h', 'g', 'f'],
        'the keys by balance, backwards',
      )
      expectEqual(await keys(store, { orderBy: 'balance', where: [['owner', 'ann']] }), ['c', 'a'], 'the keys of one owner by balance')
    },
  },
  {
    lines: [],
    name: 'text sorts by code point, not by UTF-16 unit or by language',
    async run(store) {
      const sorted = ['', ' ', '10', '9', 'A', 'Z', 'a', 'e\u0301', 'z', '\u00e9', '\uff5e', '😀', '😀a']
      await keep(store, Object.fromEntries(sorted.toReversed().map((owner, i) => [`${i}`.padStart(2, '0'), { owner }])))
      const rows = await store.views.list('', accounts, { ...everything, orderBy: 'owner' })
      expectEqual(
        rows.map(({ row }) => JSON.parse(row).owner),
        sorted,
        'the owners',
      )
      expectEqual((await keys(store, { where: [['owner', { gt: '\uff5e' }]] })).length, 2, 'how many owners are above U+FF5E')
    },
  },
  {
    lines: [],
    name: 'large and small numbers are compared as the doubles they are',
    async run(store) {
      const sorted = [
        -1e308,
        -1,
        -0.1,
        0,
        5e-324,
        0.1,
        0.30000000000000004,
        1,
        2 ** 53 - 1,
        2 ** 53,
        2 ** 53 + 2,
        1e21,
        1.7976931348623157e308,
      ]
      await keep(store, Object.fromEntries(sorted.map((balance, i) => [`${99 - i}`, { balance }])))
      const rows = await store.views.list('', accounts, { ...everything, orderBy: 'balance' })
      expectEqual(
        rows.map(({ row }) => JSON.parse(row).balance),
        sorted,
        'the balances',
      )
      for (const [i, balance] of sorted.entries()) {
        expectEqual(await keys(store, { where: [['balance', balance]] }), [`${99 - i}`], `the key of ${balance}`)
        expectEqual((await keys(store, { where: [['balance', { lt: balance }]] })).length, i, `how many are below ${balance}`)
      }
    },
  },
  {
    lines: [],
    name: 'pages follow each other through ties, missing values and both directions without a row lost or twice',
    async run(store) {
      const values = [null, 'ann', 'ann', 'ann', 3, '😀', '\uff5e', '', 'ben', 'ben', undefined, 'ann']
      await keep(
        store,
        Object.fromEntries(values.map((owner, i) => [`key-${(i * 5) % 12}`, { owner, balance: i % 3 === 0 ? i % 2 : undefined }])),
      )
      for (const orderBy of [undefined, 'owner', 'balance'] as const) {
        for (const descending of [false, true]) {
          const all = await keys(store, { orderBy, descending })
          expectEqual(
            [...all].sort(),
            range(0, 11)
              .map((n) => `key-${n}`)
              .sort(),
            'the keys of one page',
          )
          for (const limit of [1, 2, 5]) {
            const seen: string[] = []
            for (let after: ViewCursor | undefined; seen.length <= all.length; ) {
              const page = await store.views.list('', accounts, { ...everything, orderBy, descending, limit, after })
              const last = page.at(-1)
              if (!last) break
              seen.push(...page.map(({ key }) => key))
              after = { key: last.key, value: orderBy ? sortValue(JSON.parse(last.row)[orderBy], orderBy) : null }
            }
            expectEqual(seen, all, `the keys ${limit} at a time by ${orderBy ?? 'key'}${descending ? ', backwards' : ''}`)
          }
        }
      }
    },
  },
  {
    lines: [],
    name: 'a cursor goes on where it was although its row is gone',
    async run(store) {
      await keep(store, { a: { balance: 1 }, b: { balance: 2 }, c: { balance: 2 }, d: { balance: 3 } })
      expectAppended(
        await append(store, to('account-1', deposits(1), { views: [{ view: 'accounts', key: 'b', expectedRowVersion: 1, row: null }] })),
      )
      expectEqual(await keys(store, { orderBy: 'balance', after: { value: 2, key: 'b' } }), ['c', 'd'], 'the keys after the cursor')
      expectEqual(
        await keys(store, { orderBy: 'balance', descending: true, after: { value: 2, key: 'b' } }),
        ['a'],
        'the keys after it, backwards',
      )
      expectEqual(await keys(store, { after: { value: null, key: 'bb' } }), ['c', 'd'], 'the keys after a key that never was')
    },
  },
])

/** What a caller puts into a cursor: the value that the row was sorted by. */
function sortValue(value: unknown, field: 'owner' | 'balance'): string | number | null {
  if (field === 'owner') return typeof value === 'string' ? value : null
  return typeof value === 'number' ? value : null
}
