/** Random programs on the stores themselves: whatever is asked of them, they answer as the model does, and keep what it keeps. */
import { test } from 'node:test'
import fc from 'fast-check'
import { testClock } from '../../../src/testing/test-clock.ts'
import { check } from '../check.ts'
import { programs } from '../programs.ts'
import { worlds } from '../worlds.ts'
import { runStoreProgram } from './run-store-program.ts'
import { storeSteps } from './store-steps.ts'

for (const { name, open, forMs } of worlds) {
  test(`${name}: every answer of a store is the model's, and so is what is there in the end`, async (t) => {
    const property = fc.asyncProperty(programs(storeSteps, 40), async (program) => {
      const clock = testClock()
      const world = open(clock)
      try {
        await runStoreProgram(world, clock, program)
      } finally {
        await world.close()
      }
    })
    await check(t, property, { runs: 1000, forMs })
  })
}
