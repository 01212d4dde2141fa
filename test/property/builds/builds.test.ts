/** Processes of different builds on one store: no view has a hole. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { postgresServers } from '../../postgres/servers.ts'
import { check } from '../check.ts'
import { firstViolation, without } from '../flaws.ts'
import { twoOnOneServer } from '../postgres-world.ts'
import { programs } from '../programs.ts'
import { worlds } from '../worlds.ts'
import { runBuildsProgram, waves } from './run-builds-program.ts'

const sentence = 'processes of different builds leave no hole in a view, or are refused'

for (const { name, open, forMs } of worlds) {
  test(`${name}: ${sentence}`, async (t) => {
    let refused = 0
    const property = fc.asyncProperty(programs(waves, 8), async (program) => {
      refused += (await runBuildsProgram(open, program)).refused
    })
    await check(t, property, { runs: 1000, forMs })
    assert.ok(refused > 0, 'nobody was ever refused')
  })
}

for (const server of await postgresServers()) {
  test(`PostgreSQL ${server.name}: ${sentence}`, async (t) => {
    const property = fc.asyncProperty(programs(waves, 8), async (program) => {
      await runBuildsProgram((clock) => twoOnOneServer(server.url, clock), program)
    })
    await check(t, property, { runs: 100, forMs: 8000 })
  })
}

test('it is noticed when a store ignores the epoch', async () => {
  const violation = await firstViolation(without('viewEpoch'), programs(waves, 8), async (open, program) => {
    await runBuildsProgram(open, program)
  })
  assert.ok(violation instanceof assert.AssertionError, String(violation))
})
