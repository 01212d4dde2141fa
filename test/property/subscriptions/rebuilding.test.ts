/** Random programs of rebuilds: whatever fails, freezes, crashes or is cancelled, the view is one fold of the whole log, at any time. */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import fc from 'fast-check'
import type { EventStore } from '../../../src/core/event-store.ts'
import type { TestClock } from '../../../src/testing/index.ts'
import { turns } from '../../runtime/in-front-of.ts'
import { storesByName } from '../../runtime/on-every-store.ts'
import { check } from '../check.ts'
import { type Flaw, firstViolation, underAnyLease } from '../flaws.ts'
import { programs } from '../programs.ts'
import { onlyOne, worlds } from '../worlds.ts'
import { rebuildSteps, runRebuildProgram } from './run-rebuild-program.ts'

// What fails on purpose is reported, as it should be; here it would bury everything else.
beforeEach((t) => void (t as { mock?: import('node:test').MockTracker }).mock?.method(console, 'error', () => {}))

const onPostgres = { name: 'postgres', open: (clock: TestClock) => onlyOne(storesByName.postgres!({ clock })) }

for (const { name, open } of [...worlds, onPostgres]) {
  test(`${name}: rebuilds end with the fold of the log, and no reader ever sees half of an event, or of a view`, async (t) => {
    await check(
      t,
      fc.asyncProperty(programs(rebuildSteps, 20), (program) => runRebuildProgram(open, program)),
      { runs: 1000, forMs: 6_000 },
    )
  })
}

const flaws: readonly (readonly [sentence: string, flaw: Flaw])[] = [
  ['switches whatever the leases are', ({ work }: EventStore) => ({ work: { ...work, commit: underAnyLease(work) } })],
  [
    'switches, and forgets how far the new rows are',
    (store: EventStore) => ({
      work: {
        ...store.work,
        commit: (works) =>
          store.work.commit(
            works.map((work) =>
              work.switches ? { ...work, steps: (work.steps ?? []).map(({ position: _, state: __, ...lease }) => lease) } : work,
            ),
          ),
      },
    }),
  ],
  [
    'answers from two generations',
    (store: EventStore) => ({
      views: {
        ...store.views,
        async list(tenant, definition, question) {
          const rows = await store.views.list(tenant, definition, { ...question, limit: 2 })
          await new Promise((resolve) => setImmediate(resolve))
          const more = await store.views.list(tenant, definition, question)
          return [...rows, ...more.filter(({ key }) => !rows.some((row) => row.key === key))]
        },
      },
    }),
  ],
  [
    'tells rows, and how far the parts are at a later moment',
    (store: EventStore) => ({
      work: {
        ...store.work,
        async scan(question) {
          const { rows } = await store.work.scan(question)
          await turns(5)
          return { rows, parts: await store.work.parts(question.subscription) }
        },
      },
    }),
  ],
]

for (const [sentence, flaw] of flaws) {
  test(`programs notice a store that ${sentence}`, async () => {
    const violation = await firstViolation(flaw, programs(rebuildSteps, 20), runRebuildProgram)
    assert.ok(violation instanceof assert.AssertionError, String(violation))
  })
}
