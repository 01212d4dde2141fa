/**
 * Random races: what two apps and an outsider do to one store at the same time. Who comes first is nobody's to say; but each
 * answer rests on a state that there was, and nothing is lost or doubled.
 */
import { test } from 'node:test'
import fc from 'fast-check'
import { check } from '../check.ts'
import { programs } from '../programs.ts'
import { worlds } from '../worlds.ts'
import { policies } from './random-bank.ts'
import { runRace, waves } from './run-race.ts'

for (const { name, open, forMs } of worlds) {
  test(`${name}: at the same time, by two apps, each answer rests on a state that there was, and nothing is lost or doubled`, async (t) => {
    const property = fc.asyncProperty(policies, programs(waves, 5), (policy, race) => runRace(open, policy, race))
    await check(t, property, { runs: 1000, forMs })
  })
}
