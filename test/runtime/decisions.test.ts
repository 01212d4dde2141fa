/** Decisions, alone and racing. One subject and its many boundaries, so the file is long. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { createApp, decision, event, projection, type Query, reject } from '../../src/index.ts'
import { CourseDefined, CoursePraised, defineCourse, praiseCourse, StudentSubscribed, subscribeStudent } from '../domain/courses.ts'
import { inFrontOf } from './in-front-of.ts'
import { type Given, onEveryStore } from './on-every-store.ts'
import { all, ann, counted, recorder } from './open-bank.ts'
import { onTwoProcesses } from './two-processes.ts'

const by = { actor: ann }

const rosters = projection('rosters', {
  events: [StudentSubscribed],
  consistency: 'transactional',
  key: ({ data }) => data.courseId,
  initial: () => ({ students: [] as readonly string[], lastVersion: 0 }),
  evolve: { StudentSubscribed: (row, { data, version }) => ({ students: [...row.students, data.studentId], lastVersion: version }) },
})

const openSchool = ({ store, clock, tend }: Given, more: object = {}) =>
  tend(
    createApp({
      store,
      clock,
      commands: [subscribeStudent, defineCourse, praiseCourse],
      projections: [rosters],
      defaults: { command: { backoff: { milliseconds: 1 }, longestBackoff: { milliseconds: 2 } } },
      ...more,
    }),
  )
type School = ReturnType<typeof openSchool>

const subscribe = (school: Pick<School, 'attempt'>, courseId: string, studentId: string) =>
  school.attempt(subscribeStudent({ courseId, studentId }), by)
const codesOf = (outcomes: readonly Awaited<ReturnType<typeof subscribe>>[]) =>
  outcomes.map((outcome) => (outcome.ok ? 'yes' : outcome.rejection.code)).sort()

onEveryStore('a decision sees what matches its boundary, in whatever stream it is', async (given) => {
  const school = openSchool(given)
  for (const courseId of ['art', 'bio', 'chem']) await school.execute(defineCourse({ courseId, capacity: 5 }), by)
  for (const courseId of ['art', 'bio']) assert.ok((await subscribe(school, courseId, 'sam')).ok)
  const third = await subscribe(school, 'chem', 'sam')
  assert.deepEqual(third, { ok: false, rejection: reject('TooManyCourses', { courses: 2 }), duplicate: false })
  const { receipt } = (await subscribe(school, 'chem', 'eva')) as {
    receipt: { version: number; position: number; events: readonly { type: string }[] }
  }
  assert.deepEqual([receipt.version, receipt.position, receipt.events.map(({ type }) => type)], [2, 6, ['StudentSubscribed']])
})

onEveryStore('a decision that decides nothing writes nothing and tells the version of its stream', async (given) => {
  const { store, calls } = counted(given.store)
  const school = openSchool(given, { store })
  await school.execute(defineCourse({ courseId: 'art', capacity: 5 }), by)
  await subscribe(school, 'art', 'sam')
  calls['append'] = 0
  const receipt = await school.execute(subscribeStudent({ courseId: 'art', studentId: 'sam' }), by)
  assert.deepEqual(receipt, { events: [], version: 2, position: 0, duplicate: false })
  assert.equal(calls['append'], 0)
})

onEveryStore('a rejected decision is returned as it is, and nothing is appended', async (given) => {
  const { store, calls } = counted(given.store)
  const school = openSchool(given, { store })
  assert.deepEqual(await subscribe(school, 'nowhere', 'sam'), {
    ok: false,
    rejection: reject('CourseFull', { capacity: 0 }),
    duplicate: false,
  })
  assert.equal(calls['append'] ?? 0, 0)
  assert.equal(await school.streams.info('course-nowhere'), undefined)
})

onTwoProcesses('eight racers for the last seat: exactly one gets it', async ({ here, there }) => {
  const schools = [openSchool(here), openSchool(there)]
  await schools[0]!.execute(defineCourse({ courseId: 'art', capacity: 3 }), by)
  for (const studentId of ['x', 'y']) await subscribe(schools[1]!, 'art', studentId)
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, i) => subscribe(schools[i % 2]!, 'art', `s${i}`)))
  assert.deepEqual(codesOf(outcomes), [...Array.from({ length: 7 }, () => 'CourseFull'), 'yes'])
  const row = await schools[0]!.view(rosters).get('art')
  assert.equal(row?.students.length, 3)
  assert.equal(row?.lastVersion, 4)
})

onTwoProcesses(
  'thirty students race for ten seats in three courses: no course is overbooked, no student has three',
  async ({ here, there }) => {
    const schools = [
      openSchool(here, { defaults: { command: { attempts: 100, backoff: { milliseconds: 1 } } } }),
      openSchool(there, { defaults: { command: { attempts: 100, backoff: { milliseconds: 1 } } } }),
    ]
    const courses = ['art', 'bio', 'chem']
    for (const courseId of courses) await schools[0]!.execute(defineCourse({ courseId, capacity: 4 }), by)
    const wishes = Array.from({ length: 30 }, (_, i) => ({ courseId: courses[i % 3]!, studentId: `s${i % 10}` }))
    const outcomes = await Promise.all(wishes.map(({ courseId, studentId }, i) => subscribe(schools[i % 2]!, courseId, studentId)))
    const events = await all(schools[0]!.events({ types: [StudentSubscribed] }))
    assert.equal(events.length, outcomes.filter((outcome) => outcome.ok).length)
    for (const courseId of courses) assert.ok(events.filter(({ data }) => data.courseId === courseId).length <= 4)
    for (let i = 0; i < 10; i++) assert.ok(events.filter(({ data }) => data.studentId === `s${i}`).length <= 2)
  },
)

onEveryStore('decisions whose tags have nothing in common never conflict', async (given) => {
  const plain = createApp({ store: given.store, clock: given.clock, commands: [subscribeStudent, defineCourse] })
  const school = given.tend(plain)
  for (let i = 0; i < 16; i++) await school.execute(defineCourse({ courseId: `c${i}`, capacity: 1 }), by)
  const outcomes = await Promise.all(
    Array.from({ length: 16 }, (_, i) => school.attempt(subscribeStudent({ courseId: `c${i}`, studentId: `s${i}` }), by)),
  )
  assert.ok(outcomes.every(({ ok }) => ok))
  assert.equal((await school.stats()).commands.conflicts, 0)
})

onTwoProcesses('an event that the decision does not fold is no conflict, also when its tag matches', async ({ here, there }) => {
  const other = openSchool(there)
  await other.execute(defineCourse({ courseId: 'art', capacity: 1 }), by)
  const praised = inFrontOf(here.store, {
    append: async (requests) => {
      await other.execute(praiseCourse({ courseId: 'art' }), by)
      return here.store.append(requests)
    },
  })
  const school = openSchool(here, { store: praised })
  assert.ok((await subscribe(school, 'art', 'sam')).ok)
  assert.equal((await school.stats()).commands.conflicts, 0)
  assert.equal((await all(school.events({ types: [CoursePraised] }))).length, 1)
})

onTwoProcesses('a decision that was overtaken reads again and sees what overtook it', async ({ here, there }) => {
  const other = openSchool(there, { projections: [] })
  await other.execute(defineCourse({ courseId: 'art', capacity: 1 }), by)
  let first = true
  let reads = 0
  const overtaken = inFrontOf(here.store, {
    readAll: (options) => {
      reads++
      return here.store.readAll(options)
    },
    append: async (requests) => {
      if (first) await subscribe(other, 'art', 'eva')
      first = false
      return here.store.append(requests)
    },
  })
  const watch = recorder()
  // Without the projection, for which the exact version of the stream would matter, too.
  const school = openSchool(here, { store: overtaken, observer: watch, projections: [] })
  await school.prepare()
  reads = 0
  assert.deepEqual(await subscribe(school, 'art', 'sam'), { ok: false, rejection: reject('CourseFull', { capacity: 1 }), duplicate: false })
  assert.equal(reads, 2)
  assert.equal((await school.stats()).commands.conflicts, 1)
  assert.deepEqual(
    watch.of('aggregate.execute.start').map(({ attempt }) => attempt),
    [1, 2],
  )
  assert.deepEqual(
    watch.of('aggregate.conflict').map(({ code, attempt }) => [code, attempt]),
    [['ES_CONDITION_FAILED', 1]],
  )
})

for (const attempts of [1, 3]) {
  onTwoProcesses(
    `a decision that is always overtaken is tried ${attempts} times, then it fails with what it did not see`,
    async ({ here, there }) => {
      const other = openSchool(there, { projections: [] })
      await other.execute(defineCourse({ courseId: 'art', capacity: 99 }), by)
      let appends = 0
      const overtaken = inFrontOf(here.store, {
        append: async (requests) => {
          await subscribe(other, 'art', `s${appends++}`)
          return here.store.append(requests)
        },
      })
      const school = createApp({
        store: overtaken,
        clock: here.clock,
        commands: [subscribeStudent],
        defaults: { command: { attempts, backoff: { milliseconds: 1 } } },
      })
      here.tend(school)
      await assert.rejects(school.attempt(subscribeStudent({ courseId: 'art', studentId: 'sam' }), by), {
        code: 'ES_CONDITION_FAILED',
        retryable: true,
      })
      assert.equal(appends, attempts)
    },
  )
}

onEveryStore('another error of the store is passed on without a second try', async (given) => {
  let appends = 0
  const failing = inFrontOf(given.store, {
    append: async () => {
      appends++
      throw new Error('no disk')
    },
  })
  const school = openSchool(given, { store: failing })
  await assert.rejects(school.execute(defineCourse({ courseId: 'art', capacity: 1 }), by), { message: 'no disk' })
  assert.equal(appends, 1)
})

onEveryStore('events of a decision get into the rows of projections, with their version in the stream', async (given) => {
  const school = openSchool(given)
  await school.execute(defineCourse({ courseId: 'art', capacity: 5 }), by)
  for (const studentId of ['sam', 'eva', 'tim']) await subscribe(school, 'art', studentId)
  assert.deepEqual(await school.view(rosters).get('art'), { students: ['sam', 'eva', 'tim'], lastVersion: 4 })
})

// ── boundaries of every shape ──

const Noted = event('Noted', z.object({ tags: z.array(z.string()) }), { tags: ({ tags }) => tags })
const Counted = event('Counted', z.object({ matched: z.array(z.number()) }), { tags: () => ['count'] })
const note = decision('Note', {
  input: z.object({ tags: z.array(z.string()) }),
  stream: () => 'note-1',
  events: [Noted],
  boundary: () => [{ tags: ['nobody has this tag'] }],
  initial: () => 0,
  evolve: { Noted: (count) => count + 1 },
  decide: ({ input }) => Noted(input),
})
/** Emits what it does not fold: the positions that matched. */
const count = decision('Count', {
  input: z.object({ query: z.array(z.object({ tags: z.array(z.string()).optional(), types: z.array(z.string()).optional() })) }),
  stream: () => 'count-1',
  events: [Noted],
  boundary: ({ query }) => query as Query,
  initial: () => [] as readonly number[],
  evolve: { Noted: (matched, { position }) => [...matched, position] },
  decide: ({ state }) => Counted({ matched: [...state] }),
})
const counts = projection('counts', {
  events: [Counted],
  consistency: 'transactional',
  key: () => 'all',
  initial: () => ({ versions: [] as readonly number[] }),
  evolve: { Counted: (row, { version }) => ({ versions: [...row.versions, version] }) },
})

const openNotes = async (given: Given) => {
  const app = given.tend(
    createApp({ store: given.store, clock: given.clock, commands: [note, count], projections: [counts], events: [Counted] }),
  )
  for (const tags of [['a'], ['b'], ['a', 'b'], ['c']]) await app.execute(note({ tags }), by)
  const matched = async (...query: readonly { tags?: string[]; types?: string[] }[]) =>
    (await app.execute(count({ query: [...query] }), by)).events[0]!.data.matched
  return { app, matched }
}

onEveryStore('items of a boundary are alternatives, tags and types within one belong together', async (given) => {
  const { matched } = await openNotes(given)
  assert.deepEqual(await matched({ tags: ['a'] }, { tags: ['b'] }), [1, 2, 3])
  assert.deepEqual(await matched({ tags: ['a', 'b'] }), [3])
  assert.deepEqual(await matched({ tags: ['a'] }, { tags: ['b', 'c'] }), [1, 3])
  assert.deepEqual(await matched({ tags: ['a'], types: ['Noted'] }), [1, 3])
  assert.deepEqual(await matched({ tags: ['nothing'] }), [])
  assert.deepEqual(await matched({}), [1, 2, 3, 4])
})

onEveryStore('an empty boundary is everything that the decision folds', async (given) => {
  const { matched } = await openNotes(given)
  assert.deepEqual(await matched(), [1, 2, 3, 4])
  // What it emits itself is not among its events, so it never stands in its own way.
  assert.deepEqual(await matched(), [1, 2, 3, 4])
})

onEveryStore('a boundary of types that the decision does not fold matches nothing, and always holds', async (given) => {
  const { app, matched } = await openNotes(given)
  assert.deepEqual(await matched({ types: ['Counted'] }), [])
  assert.deepEqual(await matched({ types: ['Counted'], tags: ['count'] }), [])
  const racers = await Promise.all(Array.from({ length: 8 }, () => matched({ types: ['Counted'] })))
  assert.ok(racers.every((list) => list.length === 0))
  assert.equal(
    (
      await app.load(
        { name: 'count', kind: 'aggregate', events: [Counted], initial: () => 0, evolve: { Counted: (n: number) => n + 1 } } as never,
        '1',
      )
    ).version,
    10,
  )
})

onEveryStore('a projection sees the right version of an event that the decision emits but does not fold', async (given) => {
  const { app, matched } = await openNotes(given)
  await matched()
  await matched()
  await Promise.all([matched(), matched()])
  assert.deepEqual(await app.view(counts).get('all'), { versions: [1, 2, 3, 4] })
})

onTwoProcesses('the first decision of all is checked against an empty store', async ({ here, there }) => {
  const Claimed = event('Claimed', z.object({ by: z.string() }), { tags: () => ['the-one'] })
  const claim = decision('Claim', {
    input: z.object({ by: z.string() }),
    stream: ({ by: who }) => `claim-${who}`,
    events: [Claimed],
    boundary: () => [{ tags: ['the-one'] }],
    initial: () => ({ taken: false }),
    evolve: { Claimed: () => ({ taken: true }) },
    decide: ({ state, input }) => (state.taken ? reject('Taken') : Claimed(input)),
  })
  const apps = [here, there].map(({ store, clock, tend }) => tend(createApp({ store, clock, commands: [claim] })))
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, i) => apps[i % 2]!.attempt(claim({ by: `p${i}` }), by)))
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1)
})

onEveryStore('two racers with one key and one seat: one subscribes, both get its receipt', async (given) => {
  const school = openSchool(given)
  await school.execute(defineCourse({ courseId: 'art', capacity: 1 }), by)
  const racers = Array.from({ length: 8 }, () =>
    school.execute(subscribeStudent({ courseId: 'art', studentId: 'sam' }), { ...by, idempotencyKey: 'k' }),
  )
  const receipts = await Promise.all(racers)
  assert.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1)
  for (const { events } of receipts) assert.deepEqual(events, receipts[0]!.events)
  const full = () => school.attempt(subscribeStudent({ courseId: 'art', studentId: 'eva' }), { ...by, idempotencyKey: 'k2' })
  assert.deepEqual(
    [await full(), await full()].map((one) => !one.ok && [one.rejection.code, one.duplicate]),
    [
      ['CourseFull', false],
      ['CourseFull', true],
    ],
  )
})

onTwoProcesses('an expected version of the stream is kept to beside the boundary', async ({ here, there }) => {
  const [school, other] = [openSchool(here), openSchool(there)]
  await school.execute(defineCourse({ courseId: 'art', capacity: 9 }), by)
  const at = (studentId: string, expectedVersion: number | 'none' | 'any' | 'exists') =>
    school.attempt(subscribeStudent({ courseId: 'art', studentId }), { ...by, expectedVersion })
  await assert.rejects(at('a', 'none'), { code: 'ES_CONCURRENCY', expected: 'none', actual: 1 })
  await assert.rejects(at('a', 2), { code: 'ES_CONCURRENCY', expected: 2, actual: 1 })
  assert.ok((await at('a', 1)).ok)
  await subscribe(other, 'art', 'b')
  for (const [studentId, expected] of [
    ['c', 'any'],
    ['d', 'exists'],
    ['e', 5],
  ] as const)
    assert.ok((await at(studentId, expected)).ok)
})

onTwoProcesses('with "any" a decision whose stream was overtaken is decided again', async ({ here, there }) => {
  const other = openSchool(there)
  await other.execute(defineCourse({ courseId: 'art', capacity: 9 }), by)
  let first = true
  const overtaken = inFrontOf(here.store, {
    append: async (requests) => {
      if (first) await other.execute(defineCourse({ courseId: 'art', capacity: 9 }), by)
      first = false
      return here.store.append(requests)
    },
  })
  const school = openSchool(here, { store: overtaken })
  const receipt = await school.execute(subscribeStudent({ courseId: 'art', studentId: 'sam' }), { ...by, expectedVersion: 'any' })
  assert.equal(receipt.version, 3)
})

onTwoProcesses(
  'with an exact version a decision whose stream was overtaken fails, and is decided no second time',
  async ({ here, there }) => {
    const other = openSchool(there)
    await other.execute(defineCourse({ courseId: 'art', capacity: 9 }), by)
    let appends = 0
    const overtaken = inFrontOf(here.store, {
      append: async (requests) => {
        appends++
        await other.execute(defineCourse({ courseId: 'art', capacity: 9 }), by)
        return here.store.append(requests)
      },
    })
    const school = openSchool(here, { store: overtaken })
    const stale = school.execute(subscribeStudent({ courseId: 'art', studentId: 'sam' }), { ...by, expectedVersion: 1 })
    await assert.rejects(stale, { code: 'ES_CONCURRENCY', expected: 1, actual: 2 })
    assert.equal(appends, 1)
  },
)

onEveryStore('an event of an older schema version is folded by a decision in its current form', async (given) => {
  const old = event('Priced', z.object({ cents: z.number() }), { tags: () => ['price'] })
  const now = old.upcast(z.object({ amount: z.number() }), ({ cents }) => ({ amount: cents / 100 }), { tags: () => ['price'] })
  const price = (Priced: typeof old) =>
    decision('Price', {
      input: z.object({ cents: z.number() }),
      stream: () => 'price-1',
      events: [Priced],
      boundary: () => [{ tags: ['price'] }],
      initial: () => 0,
      evolve: { Priced: (sum, { data }) => sum + data.cents },
      decide: ({ input }) => Priced(input),
    })
  const check = decision('Check', {
    input: z.object({ amount: z.number() }),
    stream: () => 'price-1',
    events: [now],
    boundary: () => [{ tags: ['price'] }],
    initial: () => 0,
    evolve: { Priced: (sum, { data }) => sum + data.amount },
    decide: ({ state }) => reject('Sum', { state }),
  })
  const before = price(old)
  const first = given.tend(createApp({ store: given.store, clock: given.clock, commands: [before] }))
  for (const cents of [150, 250]) await first.execute(before({ cents }), by)
  const second = given.tend(createApp({ store: given.store, clock: given.clock, commands: [check] }))
  assert.deepEqual(await second.attempt(check({ amount: 1 }), by), { ok: false, rejection: reject('Sum', { state: 4 }), duplicate: false })
})

onEveryStore('a store without conditions refuses decisions at start', async (given) => {
  const weaker = inFrontOf(given.store, { capabilities: { ...given.store.capabilities, conditions: false } })
  assert.throws(() => createApp({ store: weaker, commands: [subscribeStudent] }), { code: 'ES_UNSUPPORTED', message: /SubscribeStudent/ })
})

onEveryStore('events that were tagged are found by their tags', async (given) => {
  const school = openSchool(given)
  await school.execute(defineCourse({ courseId: 'art', capacity: 9 }), by)
  await subscribe(school, 'art', 'sam')
  const found = await all(school.events({ tags: ['course:art', 'student:sam'] }))
  assert.deepEqual(
    found.map(({ type, tags }) => [type, [...tags].sort()]),
    [['StudentSubscribed', ['course:art', 'student:sam']]],
  )
  assert.equal((await all(school.events({ types: [CourseDefined] }))).length, 1)
})

onTwoProcesses(
  'a decision that writes nothing was decided on the very version that it expected, also when the log was overtaken',
  async ({ here, there }) => {
    const other = there.tend(createApp({ store: there.store, clock: there.clock, commands: [defineCourse, subscribeStudent] }))
    await other.execute(defineCourse({ courseId: 'art', capacity: 9 }), { actor: ann })
    const wish = subscribeStudent({ courseId: 'art', studentId: 'sam' })
    let overtake = false
    const overtaken = inFrontOf(here.store, {
      async head() {
        if (overtake) await other.execute(wish, { actor: ann })
        overtake = false
        return here.store.head()
      },
    })
    const school = here.tend(createApp({ store: overtaken, clock: here.clock, commands: [subscribeStudent] }))
    await school.prepare()
    overtake = true
    await assert.rejects(school.execute(wish, { ...by, expectedVersion: 1 }), { code: 'ES_CONCURRENCY', expected: 1, actual: 2 })
  },
)
