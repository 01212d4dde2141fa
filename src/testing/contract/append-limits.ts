/** What may be appended: names, sizes, text of every kind, and that nothing changes it afterwards. */
import { appendLimits } from '../../core/event-store.ts'
import { append, deposits, event, ids, logOf, range, streamOf, to, versions } from './bank.ts'
import { inPart } from './contract-case.ts'
import { expectAppended, expectEqual, expectRefused, expectTrue } from './expect.ts'

/** Each of them is another stream, although some look or compare alike in places. */
const names = [
  'account-1%',
  'account-100',
  'account-a_b',
  'account-aXb',
  "account-it's",
  'account-"quoted"',
  'account-a-b-c',
  'account-a\\b',
  'account-😀',
  'account-\u00e9',
  'account-e\u0301',
  'account-É',
  'account-a',
  'account-A',
  'account- a',
  'account-a ',
  'account-ß',
  'account-ss',
  'account-\uff5e',
  'account-[x]',
  'account-*',
  'account-;drop table',
  'account-$1',
  'account-?',
  'account-:x',
  'account_x-1',
  'accountXx-1',
  `account-${'long'.repeat(123)}`,
  `account-${'ü'.repeat(492)}`,
]

export const appendLimitCases = inPart('A', [
  {
    lines: [11],
    name: 'a name that is reserved or not <category>-<id> is refused and nothing is written',
    async run(store, { start }) {
      for (const name of [
        '$all',
        '$all-1',
        '',
        'account',
        '-1',
        'account-',
        'äccount-1',
        'a b-1',
        'account-a\u0000b',
        'account-\n',
        `a-${'x'.repeat(1023)}`,
      ]) {
        expectRefused(await append(store, to(name, deposits(2))), 'ES_STREAM_NAME')
        expectRefused(
          await append(store, to('account-1', deposits(2), { checks: [{ stream: name, expectedVersion: 'none' }] })),
          'ES_STREAM_NAME',
        )
      }
      expectEqual(await store.head(), start, 'the head')
    },
  },
  {
    lines: [17],
    name: 'streams whose names have unicode, quotes, wildcards or 500 characters are kept apart and read back',
    async run(store) {
      const results = await store.append(
        names.map((name, i) => to(name, [event('AccountOpened', { i }), event('MoneyDeposited', { i })], { expectedVersion: 0 })),
      )
      results.map(expectAppended)
      for (const [i, name] of names.entries()) {
        const events = await streamOf(store, name)
        expectEqual(
          events.map(({ stream, version, data }) => [stream, version, data]),
          [1, 2].map((v) => [name, v, `{"i":${i}}`]),
          `the events of ${name}`,
        )
        expectEqual((await store.streamInfo(name))?.stream, name, 'the name in the stream info')
      }
    },
  },
  {
    lines: [17],
    name: 'data, metadata, types and tags come back letter by letter',
    async run(store, { start }) {
      const texts = [
        '😀',
        '\uff5e',
        'e\u0301',
        'null',
        "'; drop table events; --",
        '\\u0041',
        '\u2028',
        'tab\there',
        '<&>',
        'a\u0000b',
        '\ud800',
      ]
      const events = texts.flatMap((text) => [
        event('TextKept', { text, [text]: [text, null, 1e21, -0.1, true] }, { metadata: JSON.stringify({ text }) }),
        event('TextKept', text),
      ])
      const tags = ['course:1', 'ünï:😀', "it's", '100%', 'a_b', '[x]', 'a,b', 'a b', '"']
      const sent = [...events, event('Überweisung😀', { a: 1 }, { tags }), event('TextKept', null, { tags: ['x'.repeat(256)] })]
      expectAppended(await append(store, to('account-1', sent)))
      const back = (await logOf(store, { after: start })).events
      expectEqual(
        back.map(({ id, type, data, metadata, tags }) => [id, type, data, metadata, tags]),
        sent.map(({ id, type, data, metadata, tags }) => [id, type, data, metadata, tags]),
        'what comes back',
      )
      for (const tag of tags)
        expectEqual(
          ids((await logOf(store, { after: start, query: [{ tags: [tag] }] })).events),
          ids(sent.slice(-2, -1)),
          `what is tagged ${tag}`,
        )
    },
  },
  {
    lines: [18],
    name: 'an append above a limit is refused, its neighbours are not, and the store is unchanged',
    async run(store, { start }) {
      const tooLarge = [
        to('account-1', deposits(appendLimits.events + 1)),
        to('account-1', [...deposits(1), event('FileUploaded', 'x'.repeat(appendLimits.bytes))]),
        to('account-1', [...deposits(1), event('FileUploaded', 0, { metadata: JSON.stringify({ note: 'x'.repeat(appendLimits.bytes) }) })]),
        to('account-1', [...deposits(1), event('Tagged', 0, { tags: range(0, appendLimits.tags).map(String) })]),
      ]
      for (const request of tooLarge) {
        const results = await store.append([request, to('account-2', deposits(1))])
        expectRefused(results[0], 'ES_TOO_LARGE')
        expectAppended(results[1])
      }
      expectEqual(
        (await logOf(store, { after: start })).events.map(({ stream }) => stream),
        tooLarge.map(() => 'account-2'),
        'the streams in the log',
      )
    },
  },
  {
    lines: [18],
    name: 'an append at the limits is stored: 10,000 events, 64 tags, one event of many megabytes',
    async run(store) {
      expectAppended(await append(store, to('account-many', deposits(appendLimits.events), { expectedVersion: 0 })))
      expectEqual(versions(await streamOf(store, 'account-many')), range(1, appendLimits.events), 'the versions in the stream')
      const tags = range(1, appendLimits.tags).map((n) => `tag:${n}`)
      const large = event('FileUploaded', 'x'.repeat(appendLimits.bytes - 1000), { tags })
      expectAppended(await append(store, to('file-1', [large])))
      const [back] = await streamOf(store, 'file-1')
      expectTrue(back?.data === large.data, 'the large event comes back as it was')
      expectEqual(back?.tags, tags, 'its tags')
    },
  },
  {
    lines: [20],
    name: 'neither the caller\u2019s objects nor those that were handed out change what is stored',
    async run(store, { start }) {
      const tags = ['course:1']
      const mine = { ...event('MoneyDeposited', { amount: 1 }), tags }
      const answer = expectAppended(await append(store, to('account-1', [mine])))
      const before = JSON.stringify(answer.events)
      const [read] = await streamOf(store, 'account-1')
      for (const one of [mine, answer.events[0], read]) attempt(() => Object.assign(one!, { data: '{}', type: 'Forged', version: 7 }))
      for (const one of [tags, answer.events[0]?.tags, read?.tags]) attempt(() => (one as string[]).push('forged'))
      attempt(() => (answer.events as unknown[]).pop())
      expectEqual(await streamOf(store, 'account-1'), JSON.parse(before), 'what the stream has')
      expectEqual(
        (await logOf(store, { after: start, query: [{ tags: ['forged'] }] })).events,
        [],
        'what is found by a tag added afterwards',
      )
    },
  },
  {
    lines: [20],
    needs: ['tamper'],
    name: 'a stored event cannot be changed or deleted behind the store\u2019s back',
    async run(store, { tamper }) {
      const { events } = expectAppended(await append(store, to('account-1', deposits(3))))
      expectEqual(await tamper!(), 0, 'how many attempts had an effect')
      expectEqual(await streamOf(store, 'account-1'), events, 'what the stream has')
    },
  },
])

/** A store may hand out frozen objects: then the attempt throws, which is as good. */
function attempt(change: () => unknown): void {
  try {
    change()
  } catch {}
}
