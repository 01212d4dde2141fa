/** Runs what two apps and an outsider do at the same time, wave after wave, and explains every answer afterwards. */
import fc from 'fast-check'
import type { ExpectedVersion } from '../../../src/core/event-store.ts'
import { type TestClock, testClock } from '../../../src/testing/test-clock.ts'
import { logOf } from '../../stores/support.ts'
import { lists } from '../lists.ts'
import { record } from '../records.ts'
import type { By, World } from '../worlds.ts'
import type { AppRequest } from './app-model.ts'
import { beginning, bys, type Outside, outsiders, requestsThatExpect, tenants } from './app-steps.ts'
import { ask } from './ask-app.ts'
import { assertConsistent } from './assert-consistent.ts'
import { type Asked, assertExplained, happened } from './assert-explained.ts'
import { bankRules } from './bank-rules.ts'
import { courseRules } from './course-rules.ts'
import { outsidersAppend } from './outsider.ts'
import { bankWith, openApp, type Policy, rebuiltBalances, rebuiltTotal } from './random-bank.ts'

type Racer = { readonly by: By } & ({ readonly request: AppRequest } | { readonly tenant: string; readonly outside: Outside })

/** Who starts together. */
export interface Wave {
  readonly kind: 'wave'
  readonly racers: readonly Racer[]
}

const requests = requestsThatExpect(fc.constantFrom<ExpectedVersion[]>('any', 'none', 'exists', 1, 2, 3))
const racers = fc.oneof(
  { weight: 9, arbitrary: record({ by: bys, request: requests }) },
  { weight: 1, arbitrary: record({ by: bys, tenant: tenants, outside: outsiders }) },
)
export const waves = record({
  kind: fc.constant('wave' as const),
  racers: lists(racers, 12),
}) as fc.Arbitrary<Wave>

export async function runRace(open: (clock: TestClock) => World, policy: Policy, race: readonly Wave[]): Promise<void> {
  const clock = testClock()
  const world = open(clock)
  const bank = bankWith(policy)
  const apps = ([0, 1] as const).map((by) => openApp(world.store(by), clock, policy, bank))
  const asked: Asked[] = []
  let others = 0

  async function run(racer: Racer): Promise<void> {
    if ('request' in racer) {
      const { answer } = await ask(apps[racer.by]!.app.forTenant(racer.request.tenant), racer.request)
      asked.push({ request: racer.request, answer })
    } else if (!policy.views || racer.outside.type !== 'MoneyDeposited') {
      others++
      await world.store(racer.by).append([outsidersAppend(racer.tenant, racer.outside)])
    }
  }

  try {
    for (const request of beginning) await run({ by: 0, request })
    for (const wave of race) await Promise.all(wave.racers.map(run))
    assertExplained((await logOf(world.store(0))).map(happened), { ...bankRules, ...courseRules }, asked, others)
    for (const { app } of apps) await app.idle()
    apps.push(openApp(world.store(0), clock, policy, bank, [rebuiltBalances, rebuiltTotal]))
    await assertConsistent(apps.slice(0, 2), apps[2]!, policy)
  } finally {
    for (const { app } of apps) await app.stop({ keepStore: true })
    await world.close()
  }
}
