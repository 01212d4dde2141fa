/**
 * Random histories: whatever is done, in whatever order, by two apps over one store and by somebody who knows neither, with any
 * snapshot policy, live state = state from a snapshot = fold of the events, and live rows = rows built from zero.
 */
import { test } from 'node:test'
import fc from 'fast-check'
import { check } from '../check.ts'
import { programs } from '../programs.ts'
import { worlds } from '../worlds.ts'
import { appSteps } from './app-steps.ts'
import { policies } from './random-bank.ts'
import { runAppProgram } from './run-app-program.ts'

for (const { name, open, forMs } of worlds) {
  test(`${name}: one after the other, every answer is the model's, and every fold agrees with every other`, async (t) => {
    const property = fc.asyncProperty(policies, programs(appSteps, 40), (policy, program) => runAppProgram(open, policy, program))
    await check(t, property, { runs: 1000, forMs })
  })
}
