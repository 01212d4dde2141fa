/** Stores that spoil what operators do, on purpose: programs that let one of them pass prove nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Work, WorkStep } from '../../../src/core/work-store.ts'
import { quietTests } from '../../runtime/quietly.ts'
import { type Flaw, firstViolation } from '../flaws.ts'
import { programs } from '../programs.ts'
import { calmSteps } from './control-steps.ts'
import { runControlProgram } from './run-control-program.ts'

quietTests()

const commits = (change: (given: Work) => Work): Flaw => {
  return (store) => ({ work: { ...store.work, commit: (works) => store.work.commit(works.map(change)) } })
}
/** Only rewinds write the state of a part. */
const ofRewinds = (change: (given: Work) => Work): Flaw =>
  commits((given) => (given.steps?.some(({ state }) => state !== undefined) ? change(given) : given))
const steps = (change: (step: WorkStep) => WorkStep): Flaw => ofRewinds((given) => ({ ...given, steps: given.steps?.map(change) ?? [] }))

const flaws: readonly (readonly [sentence: string, flaw: Flaw])[] = [
  ['keeps what was parked behind the place of a rewind', ofRewinds(({ records: _, ...given }) => given)],
  ['does not go back', steps(({ position: _, ...step }) => step)],
  ['goes back too far', steps((step) => ({ ...step, position: Math.max(0, (step.position ?? 0) - 1) }))],
  ['goes back too little', steps((step) => ({ ...step, position: (step.position ?? 0) + 1 }))],
  ['forgets that a rewind was made', steps(({ state: _, ...step }) => step)],
  [
    'forgets that something is paused',
    commits((given) => ({
      ...given,
      records: (given.records ?? []).map((one) => (one.kind === 'control' && one.key === '' ? { ...one, status: 'running' } : one)),
    })),
  ],
]

for (const [sentence, flaw] of flaws) {
  test(`programs notice a store that ${sentence}`, async () => {
    const violation = await firstViolation(flaw, programs(calmSteps, 25), runControlProgram)
    assert.ok(violation instanceof assert.AssertionError, String(violation))
  })
}
