/** Random programs for schedules: whatever is scheduled, cancelled and restarted, each time is kept once. */
import { test } from 'node:test'
import fc from 'fast-check'
import { quietTests } from '../../runtime/quietly.ts'
import { check } from '../check.ts'
import { programs } from '../programs.ts'
import { worlds } from '../worlds.ts'
import { runCalmProgram, runTroubledProgram } from './run-schedule-program.ts'
import { calmSteps, troubleSteps } from './schedule-steps.ts'

quietTests()

for (const { name, open } of worlds) {
  test(`${name}: every schedule is executed at exactly the times that a calendar says`, async (t) => {
    const property = fc.asyncProperty(programs(calmSteps, 25), (program) => runCalmProgram(open, program))
    await check(t, property, { runs: 1000, forMs: 3_000 })
  })

  test(`${name}: whatever is lost, frozen or restarted, no time is kept twice, and every schedule is executed`, async (t) => {
    const property = fc.asyncProperty(programs(troubleSteps, 25), (program) => runTroubledProgram(open, program))
    await check(t, property, { runs: 1000, forMs: 4_000 })
  })
}
