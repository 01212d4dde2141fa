/**
 * Runs what two processes do to one store while their builds change, wave after wave. Nobody can say who comes first; but each view that the
 * store says is kept is the fold of the whole log, by the build that has made it, or the command that would have made it otherwise was refused.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { EventStore } from '../../../src/core/event-store.ts'
import { createApp, DacapoError, projection } from '../../../src/index.ts'
import { type TestClock, testClock } from '../../../src/testing/test-clock.ts'
import { deposit, MoneyDeposited, MoneyWithdrawn, openAccount, withdraw } from '../../domain/bank.ts'
import { logOf } from '../../stores/support.ts'
import { lists } from '../lists.ts'
import { record } from '../records.ts'
import type { By, World } from '../worlds.ts'

/** Sums of amounts by account, weighed otherwise in each version, so that a row tells by which it was folded. */
const sums = (name: string, version: number) =>
  projection(name, {
    version,
    events: [MoneyDeposited],
    consistency: 'transactional',
    key: (event) => event.subject,
    initial: () => ({ sum: 0 }),
    evolve: { MoneyDeposited: ({ sum }, { data }) => ({ sum: sum + data.amount }) },
  })
const weighed = projection('sums', {
  events: [MoneyDeposited, MoneyWithdrawn],
  consistency: 'transactional',
  key: (event) => event.subject,
  initial: () => ({ sum: 0 }),
  evolve: {
    MoneyDeposited: ({ sum }, { data }) => ({ sum: sum + 1000 * data.amount }),
    MoneyWithdrawn: ({ sum }, { data }) => ({ sum: sum + 1_000_000 * data.amount }),
  },
})
const builds = [[], [sums('sums', 1)], [weighed], [sums('sums', 1), sums('totals', 1)], [sums('totals', 1)]] as const
const names = ['sums', 'totals'] as const

/** What a row must be, from the events of its account, by what the store says of its view. */
const foldOf = (amounts: Amounts, isWeighed: boolean): number =>
  isWeighed ? 1000 * amounts.deposited + 1_000_000 * amounts.withdrawn : amounts.deposited

interface Amounts {
  readonly deposited: number
  readonly withdrawn: number
}

type Act = { readonly by: By } & (
  | { readonly act: 'pay' | 'draw' | 'pay in a transaction'; readonly accountId: string; readonly amount: number }
  | { readonly act: 'deploy'; readonly build: number }
  | { readonly act: 'retire'; readonly view: (typeof names)[number] }
)

/** Who starts together. */
export interface Wave {
  readonly kind: 'wave'
  readonly acts: readonly Act[]
}

const by = fc.constantFrom<By[]>(0, 1)
const money = { by, accountId: fc.constantFrom('1', '2'), amount: fc.integer({ min: 1, max: 9 }) }
const acts = fc.oneof(
  { weight: 8, arbitrary: record({ act: fc.constantFrom('pay' as const, 'draw' as const, 'pay in a transaction' as const), ...money }) },
  { weight: 3, arbitrary: record({ act: fc.constant('deploy' as const), by, build: fc.nat({ max: builds.length - 1 }) }) },
  { weight: 1, arbitrary: record({ act: fc.constant('retire' as const), by, view: fc.constantFrom(...names) }) },
)
export const waves = record({ kind: fc.constant('wave' as const), acts: lists(acts, 8) }) as fc.Arbitrary<Wave>

const actor = { id: 'ann', roles: [] }

export async function runBuildsProgram(open: (clock: TestClock) => World, program: readonly Wave[]): Promise<{ readonly refused: number }> {
  const clock = testClock()
  const world = open(clock)
  const appOf = (store: EventStore, build: number) =>
    createApp({
      store,
      clock,
      commands: [openAccount, deposit, withdraw],
      projections: builds[build] as never,
      defaults: { command: { attempts: 100, backoff: { milliseconds: 1 }, longestBackoff: { milliseconds: 2 } } },
    })
  const apps = ([0, 1] as const).map((one) => appOf(world.store(one), 0))
  const replaced: typeof apps = []
  let refused = 0
  let written = 2

  async function run(step: Act): Promise<void> {
    const app = apps[step.by] as (typeof apps)[number]
    if (step.act === 'retire') return world.store(step.by).views.retire(step.view)
    if (step.act === 'deploy') {
      const next = appOf(world.store(step.by), step.build)
      replaced.push(app)
      apps[step.by] = next
      return next.prepare()
    }
    const { accountId, amount } = step
    const call = step.act === 'draw' ? withdraw({ accountId, amount }) : deposit({ accountId, amount })
    try {
      if (step.act === 'pay in a transaction') await app.transaction((tx) => tx.execute(call as never, { actor }))
      else if ((await app.attempt(call as never, { actor })).ok === false) return
      written++
    } catch (error) {
      if (!DacapoError.is(error) || error.code !== 'ES_PROJECTION_SET_CHANGED') throw error
      refused++
    }
  }

  try {
    for (const accountId of ['1', '2']) await apps[0]?.execute(openAccount({ accountId, owner: 'ann' }), { actor })
    for (const { acts } of program) {
      await Promise.all(acts.map(run))
      await assertWhole(world.store(0), written)
    }
    return { refused }
  } finally {
    for (const app of [...apps, ...replaced]) await app.stop({ keepStore: true })
    await world.close()
  }
}

/** Each kept view against the log; and the log against what was answered. */
async function assertWhole(store: EventStore, written: number): Promise<void> {
  const { views } = await store.views.kept()
  const log = await logOf(store)
  assert.equal(log.length, written)
  for (const { view, types = [] } of views) {
    for (const accountId of ['1', '2']) {
      const amountsOf = (type: string) =>
        log
          .filter((event) => event.stream === `account-${accountId}` && event.type === type)
          .reduce((sum, { data }) => sum + JSON.parse(data).amount, 0)
      const expected = foldOf(
        { deposited: amountsOf('MoneyDeposited'), withdrawn: amountsOf('MoneyWithdrawn') },
        types.includes('MoneyWithdrawn'),
      )
      const row = await store.views.get('', view, accountId)
      assert.equal(row?.row ? JSON.parse(row.row).sum : 0, expected, `${view} of account ${accountId}`)
    }
  }
}
