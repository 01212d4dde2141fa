/** Apps over stores that are broken on purpose: histories and races that let one of them pass prove nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { appends, type Flaw, firstViolation, snapshots, without } from '../flaws.ts'
import { programs } from '../programs.ts'
import { appSteps } from './app-steps.ts'
import { policies } from './random-bank.ts'
import { runAppProgram } from './run-app-program.ts'
import { runRace, waves } from './run-race.ts'

const violationOf = {
  histories: (flaw: Flaw) =>
    firstViolation(flaw, fc.tuple(policies, programs(appSteps, 40)), (open, [policy, program]) => runAppProgram(open, policy, program)),
  races: (flaw: Flaw) =>
    firstViolation(flaw, fc.tuple(policies, programs(waves, 5)), (open, [policy, race]) => runRace(open, policy, race)),
}

const flaws: readonly (readonly [noticedBy: keyof typeof violationOf, sentence: string, flaw: Flaw])[] = [
  ['histories', 'ignores expected versions', appends((request) => ({ ...request, expectedVersion: 'any' }))],
  ['histories', 'remembers no outcome', () => ({ remembered: async () => undefined })],
  ['histories', 'keeps no rows', without('views')],
  [
    'histories',
    'finds the snapshots of another tenant',
    snapshots(({ latest }) => ({
      latest: async (tenant, ...given) => (await latest(tenant, ...given)) ?? latest(tenant === '' ? 'acme' : '', ...given),
    })),
  ],
  ['races', 'ignores expected versions', appends((request) => ({ ...request, expectedVersion: 'any' }))],
  ['races', 'forgets conditions', without('condition')],
  ['races', 'forgets outcomes', without('idempotency')],
]

for (const [noticedBy, sentence, flaw] of flaws) {
  test(`${noticedBy} notice a store that ${sentence}`, async () => {
    assert.ok((await violationOf[noticedBy](flaw)) instanceof assert.AssertionError)
  })
}
