/** Random programs of operators: whatever is paused, resumed, rewound and restarted, each event is handled as often as was asked for. */
import { test } from 'node:test'
import fc from 'fast-check'
import { quietTests } from '../../runtime/quietly.ts'
import { check } from '../check.ts'
import { programs } from '../programs.ts'
import { worlds } from '../worlds.ts'
import { calmSteps, troubledSteps } from './control-steps.ts'
import { runControlProgram } from './run-control-program.ts'

quietTests()

for (const { name, open } of worlds) {
  test(`${name}: events are handled once, and once more for a rewind, in order, and not while they are paused`, async (t) => {
    const property = fc.asyncProperty(programs(calmSteps, 25), (program) => runControlProgram(open, program))
    await check(t, property, { runs: 1000, forMs: 4_000 })
  })

  test(`${name}: whatever fails or freezes meanwhile, no event is left out, and everything behind a rewind comes again`, async (t) => {
    const property = fc.asyncProperty(programs(troubledSteps, 25), (program) => runControlProgram(open, program))
    await check(t, property, { runs: 1000, forMs: 4_000 })
  })
}
