/** Stores that are broken on purpose: programs of schedules that let one of them pass prove nothing. */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { appends, type Flaw, firstViolation } from '../flaws.ts'
import { programs } from '../programs.ts'
import { runTroubledProgram } from './run-schedule-program.ts'
import { troubleSteps } from './schedule-steps.ts'

beforeEach((t) => void (t as { mock?: import('node:test').MockTracker }).mock?.method(console, 'error', () => {}))

const forgetsSchedules: Flaw = (store) => ({
  work: {
    ...store.work,
    commit: (works) =>
      store.work.commit(
        works.map((work) => ({
          ...work,
          records: (work.records ?? []).map((one) => (one.status === 'running' ? { ...one, body: null } : one)),
        })),
      ),
  },
})

const flaws: readonly (readonly [sentence: string, flaw: Flaw])[] = [
  ['keeps no outcomes of commands', appends(({ idempotency: _, ...request }) => request)],
  ['forgets what was claimed', forgetsSchedules],
]

for (const [sentence, flaw] of flaws) {
  test(`programs of schedules notice a store that ${sentence}`, async () => {
    const violation = await firstViolation(flaw, programs(troubleSteps, 25), runTroubledProgram)
    assert.ok(violation instanceof assert.AssertionError, String(violation))
  })
}
