/** Random programs: whatever fails, freezes or is restarted, everything that follows the log ends where the log says. */
import { test } from 'node:test'
import fc from 'fast-check'
import type { TestClock } from '../../../src/testing/test-clock.ts'
import { postgresServers } from '../../postgres/servers.ts'
import { quietTests } from '../../runtime/quietly.ts'
import { check } from '../check.ts'
import { twoOnOneServer } from '../postgres-world.ts'
import { programs } from '../programs.ts'
import { worlds } from '../worlds.ts'
import { followSteps } from './follow-steps.ts'
import { runFollowProgram } from './run-follow-program.ts'

quietTests()

const [server] = await postgresServers()
const postgres = { name: 'postgres', open: (clock: TestClock) => twoOnOneServer(server!.url, clock) }

for (const { name, open } of [...worlds, postgres]) {
  test(`${name}: views are the fold of the log, handlers see everything in order, and every transfer is completed or undone`, async (t) => {
    const property = fc.asyncProperty(programs(followSteps, 25), (program) => runFollowProgram(open, program))
    await check(t, property, { runs: 1000, forMs: 5_000 })
  })
}
