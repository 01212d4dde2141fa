/** Conditions over types and tags (DCB): an append that is refused when something it did not see matches its boundary. */
import type { ConditionFailedError } from '../../core/errors.ts'
import type { Query } from '../../core/query.ts'
import { append, deposits, event, logOf, positions, range, streamOf, to } from './bank.ts'
import { inPart } from './contract-case.ts'
import { count, expectAppended, expectEqual, expectRefused, expectTrue } from './expect.ts'

const course: Query = [{ tags: ['course:1'] }]
const tagged = (type: string, ...tags: string[]) => event(type, {}, { tags })

export const conditionCases = inPart('J', [
  {
    lines: [104],
    needs: ['conditions'],
    name: 'a condition sees what matches after its position, and nothing before',
    async run(store, { start }) {
      const result = await append(
        store,
        to('course-1', [tagged('CourseDefined', 'course:1'), tagged('StudentSubscribed', 'course:1', 'student:1')]),
      )
      const [first, second] = positions(expectAppended(result).events)
      const attempt = (after: number, query = course) => append(store, to('course-1', deposits(2), { condition: { query, after } }))
      for (const after of [0, start, first!]) {
        const error = expectRefused(await attempt(after), 'ES_CONDITION_FAILED') as ConditionFailedError
        expectEqual([error.after, error.retryable], [after, true], 'what the error says')
        expectTrue(error.position > after && error.position <= second!, 'the error names a position that the decision had not seen')
      }
      expectAppended(await attempt(second!))
      expectAppended(await attempt(first!, [{ types: ['CourseDefined'], tags: ['course:1'] }]))
      expectAppended(await attempt((await store.head()) + 1_000))
    },
  },
  {
    lines: [104],
    needs: ['conditions'],
    name: 'items of a condition are alternatives, types too, tags must all be there, and no item matches everything',
    async run(store, { start }) {
      expectAppended(
        await append(store, to('course-1', [tagged('CourseDefined', 'course:1'), tagged('StudentSubscribed', 'course:1', 'student:1')])),
      )
      const queries: readonly [Query, boolean][] = [
        [[], true],
        [[{}], true],
        [[{ types: [] }], true],
        [[{ tags: [] }], true],
        [[{ types: ['CourseDefined'] }], true],
        [[{ types: ['CourseClosed'] }], false],
        [[{ types: ['CourseClosed', 'CourseDefined'] }], true],
        [[{ tags: ['course:1', 'student:1'] }], true],
        [[{ tags: ['course:1', 'student:2'] }], false],
        [[{ types: ['CourseDefined'], tags: ['student:1'] }], false],
        [[{ types: ['CourseDefined'], tags: ['student:1'] }, { tags: ['student:1'] }], true],
        [[{ tags: ['course:2'] }, { tags: ['course'] }, { tags: ['Course:1'] }, { tags: ['course:%'] }], false],
      ]
      for (const [query, isMatch] of queries) {
        const checked = await append(store, to('course-1', [], { condition: { query, after: start } }))
        expectEqual(checked.kind, isMatch ? 'refused' : 'appended', `the answer to ${JSON.stringify(query)}`)
      }
    },
  },
  {
    lines: [104],
    needs: ['conditions'],
    name: 'an append does not fail on its own events, and a refused one writes nothing',
    async run(store, { start }) {
      const request = () =>
        to('course-1', [tagged('CourseDefined', 'course:1'), tagged('StudentSubscribed', 'course:1')], {
          condition: { query: course, after: start },
        })
      expectAppended(await append(store, request()))
      expectRefused(await append(store, request()), 'ES_CONDITION_FAILED')
      expectEqual((await streamOf(store, 'course-1')).length, 2, 'how many events the stream has')
    },
  },
  {
    lines: [104],
    needs: ['conditions'],
    name: 'a condition sees what was accepted before it in the same call, and not what was refused',
    async run(store, { start }) {
      const condition = { query: course, after: start }
      const results = await store.append([
        to('course-1', [tagged('CourseDefined', 'course:1')], { expectedVersion: 99 }),
        to('course-2', [tagged('CourseDefined', 'course:1')], { condition }),
        to('course-3', [tagged('CourseDefined', 'course:1')], { condition }),
        to('course-4', [tagged('CourseDefined', 'course:2')], { condition: { query: [{ tags: ['course:2'] }], after: start } }),
      ])
      expectEqual(
        results.map(({ kind }) => kind),
        ['refused', 'appended', 'refused', 'appended'],
        'the answers',
      )
    },
  },
  {
    lines: [105],
    needs: ['conditions'],
    name: '20 clients with conditions over unrelated tags never conflict',
    async run(store) {
      const clients = range(1, 20).map(async (client) => {
        const query: Query = [{ tags: [`course:${client}`] }]
        for (const _ of range(1, 10)) {
          const after = await store.head()
          const events = [tagged('StudentSubscribed', `course:${client}`), tagged('SeatTaken', `course:${client}`)]
          expectAppended(await append(store, to('course-all', events, { condition: { query, after } })))
        }
      })
      await Promise.all(clients)
      expectEqual((await streamOf(store, 'course-all')).length, 400, 'how many events the stream has')
    },
  },
  {
    lines: [106],
    needs: ['conditions'],
    name: 'of 8 decisions over the same boundary exactly one wins, in each of 20 rounds',
    async run(store) {
      for (const round of range(1, 20)) {
        const tag = `course:raced${round}`
        const after = await store.head()
        const race = range(1, 8).map((n) =>
          append(
            store,
            to(`course-${round}.${n}`, [tagged('SeatTaken', tag), tagged('SeatPaid', tag)], {
              condition: { query: [{ tags: [tag] }], after },
            }),
          ),
        )
        const results = await Promise.all(race)
        expectEqual(
          count(results, ({ kind }) => kind === 'appended'),
          1,
          'how many were written',
        )
        for (const result of results) if (result.kind !== 'appended') expectRefused(result, 'ES_CONDITION_FAILED')
        expectEqual((await logOf(store, { query: [{ tags: [tag] }] })).events.length, 2, 'how many events have the tag')
      }
    },
  },
  {
    lines: [106],
    needs: ['conditions'],
    name: 'no decision is written behind a plain append that matches its boundary and that it had not seen',
    async run(store) {
      for (const round of range(1, 30)) {
        const tag = `course:${round}`
        const after = await store.head()
        const decision = () =>
          append(store, to(`course-${round}`, [tagged('SeatTaken', tag)], { condition: { query: [{ tags: [tag] }], after } }))
        const plain = () => append(store, to(`student-${round}`, [tagged('StudentLeft', tag), tagged('SeatFreed', tag)]))
        const [one, other] = round % 2 === 0 ? [decision(), plain()] : [plain(), decision()].reverse()
        const [decided, written] = await Promise.all([one!, other!])
        const at = expectAppended(written).events[0]!.position
        if (decided.kind === 'appended')
          expectTrue(decided.events[0]!.position < at, 'a decision that was written stands before what it did not see')
        else expectRefused(decided, 'ES_CONDITION_FAILED')
      }
    },
  },
  {
    lines: [106],
    needs: ['conditions', 'transactions'],
    name: 'a decision fails on what a transaction has committed since it read',
    async run(store, { start }) {
      await store.transaction!(async (transaction) => {
        expectAppended(await transaction.append(to('course-2', [tagged('CourseDefined', 'course:1')])))
      })
      expectRefused(await append(store, to('course-1', deposits(2), { condition: { query: course, after: start } })), 'ES_CONDITION_FAILED')
    },
  },
  {
    lines: [],
    needs: ['conditions'],
    name: 'an append must keep both its expected version and its condition',
    async run(store) {
      expectAppended(await append(store, to('course-1', [tagged('CourseDefined', 'course:1')])))
      const after = await store.head()
      const attempt = (expectedVersion: number, from: number) =>
        append(store, to('course-1', deposits(2), { expectedVersion, condition: { query: course, after: from } }))
      expectRefused(await attempt(0, after), 'ES_CONCURRENCY')
      expectRefused(await attempt(1, after - 1), 'ES_CONDITION_FAILED')
      expectAppended(await attempt(1, after))
    },
  },
])
