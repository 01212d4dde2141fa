/** Stores that are broken on purpose: programs of schedules that let one of them pass prove nothing. */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { RecordWrite } from '../../../src/core/work-store.ts'
import { appends, type Flaw, firstViolation } from '../flaws.ts'
import { programs } from '../programs.ts'
import { runTroubledProgram } from './run-schedule-program.ts'
import { troubleSteps } from './schedule-steps.ts'

beforeEach((t) => void (t as { mock?: import('node:test').MockTracker }).mock?.method(console, 'error', () => {}))

/** Writes something else than the records that it is given. */
const writes = (change: (record: RecordWrite) => RecordWrite): Flaw => {
  return ({ work }) => ({
    work: {
      ...work,
      commit: (works) => work.commit(works.map((one) => ({ ...one, records: (one.records ?? []).map(change) }))),
    },
  })
}

const forgetsSchedules = writes((record) => (record.status === 'running' ? { ...record, body: null } : record))

/** One that was executed, and waits again. */
const forgetsTheNextTime = writes((record) => {
  const isNew = record.expectedRevision === 0
  const isTriedAgain = record.body !== null && JSON.parse(record.body).attempts > 0
  return record.status !== 'waiting' || isNew || isTriedAgain ? record : { ...record, dueAt: null }
})

const flaws: readonly (readonly [sentence: string, flaw: Flaw])[] = [
  ['keeps no outcomes of commands', appends(({ idempotency: _, ...request }) => request)],
  ['forgets what was claimed', forgetsSchedules],
  ['forgets the next time', forgetsTheNextTime],
]

for (const [sentence, flaw] of flaws) {
  test(`programs of schedules notice a store that ${sentence}`, async () => {
    const violation = await firstViolation(flaw, programs(troubleSteps, 25), runTroubledProgram)
    assert.ok(violation instanceof assert.AssertionError, String(violation))
  })
}
