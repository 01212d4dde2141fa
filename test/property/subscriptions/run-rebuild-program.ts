/**
 * Runs a program of appends, rebuilds, cancellations, crashes and faults on two apps over one log, with somebody who reads the view all the
 * time; then lets everything come to its end, and compares the view with the log.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { EventStore } from '../../../src/core/event-store.ts'
import { DacapoError } from '../../../src/index.ts'
import type { Comparison } from '../../../src/runtime/rebuild/comparison.ts'
import { type TestClock, testApp, testClock } from '../../../src/testing/index.ts'
import { deposit, openAccount } from '../../domain/bank.ts'
import { turns } from '../../runtime/in-front-of.ts'
import { appendDeposits } from '../../runtime/subscriptions/follow.ts'
import { assertBalanced, foldedLedger, generationsOf, ledger, ledgerRows } from '../../runtime/subscriptions/ledger.ts'
import { record } from '../records.ts'
import type { By, World } from '../worlds.ts'
import { troubled } from './troubled-store.ts'

export type RebuildStep =
  | { readonly kind: 'append'; readonly count: number }
  | { readonly kind: 'rebuild' | 'compare'; readonly by: By }
  | { readonly kind: 'cancel' | 'freeze' | 'thaw' | 'restart'; readonly by: By }
  | { readonly kind: 'fail'; readonly by: By; readonly when: 'before' | 'after' }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'turns'; readonly count: number }

const by = fc.constantFrom<By>(0, 1)
export const rebuildSteps: fc.Arbitrary<RebuildStep> = fc.oneof(
  { withCrossShrink: true },
  { weight: 4, arbitrary: record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 4, arbitrary: record({ kind: fc.constant('rebuild' as const), by }) },
  { weight: 1, arbitrary: record({ kind: fc.constant('compare' as const), by }) },
  { weight: 2, arbitrary: record({ kind: fc.constantFrom('cancel' as const, 'freeze' as const, 'thaw' as const), by }) },
  { weight: 1, arbitrary: record({ kind: fc.constant('restart' as const), by }) },
  { weight: 2, arbitrary: record({ kind: fc.constant('fail' as const), by, when: fc.constantFrom('before' as const, 'after' as const) }) },
  { weight: 2, arbitrary: record({ kind: fc.constant('pass' as const), seconds: fc.constantFrom(1, 4, 16) }) },
  { weight: 5, arbitrary: record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 25 }) }) },
)

export async function runRebuildProgram(open: (clock: TestClock) => World, program: readonly RebuildStep[]): Promise<void> {
  const clock = testClock()
  const world = open(clock)
  const sides = ([0, 1] as const).map((n) => ({
    ...troubled(world.store(n)),
    app: undefined as ReturnType<typeof openApp> | undefined,
    cancelling: new AbortController(),
    /** They never reject: what must not happen is noted. */
    wishes: [] as Promise<unknown>[],
  }))
  const side = (n: By) => sides[n] as (typeof sides)[number]
  let appended = 0
  /** The first thing that has happened and must not. */
  let violation: unknown
  const violated = (error: unknown): void => {
    violation ??= error
  }

  function openApp(store: EventStore) {
    return testApp({ store, clock, commands: [openAccount, deposit], projections: [ledger(1)], random: () => 0 })
  }

  async function start(n: By): Promise<void> {
    const one = side(n)
    one.trouble.thaw()
    await one.app?.stop({ keepStore: true })
    one.app = openApp(one.store)
    await one.app.start().catch(tolerate)
  }

  function wish(n: By, what: 'rebuild' | 'compare'): void {
    const one = side(n)
    const { signal } = one.cancelling
    if (!one.app) return
    const { subscriptions } = one.app
    const wished =
      what === 'rebuild' ? subscriptions.rebuild('ledger', { signal }) : assertSame(subscriptions.compare('ledger', { signal }))
    one.wishes.push(
      wished
        .catch((error) => {
          if (error !== signal.reason) tolerate(error)
        })
        .catch(violated),
    )
  }

  async function take(step: RebuildStep): Promise<void> {
    switch (step.kind) {
      case 'append':
        await appendDeposits(world.store(0), step.count, ['a', 'b', 'c'], appended + 1)
        appended += step.count
        return
      case 'rebuild':
      case 'compare':
        return wish(step.by, step.kind)
      case 'cancel':
        side(step.by).cancelling.abort(new Error('cancelled'))
        side(step.by).cancelling = new AbortController()
        return
      case 'freeze':
        return side(step.by).trouble.freeze()
      case 'thaw':
        return side(step.by).trouble.thaw()
      case 'fail':
        return side(step.by).trouble.fail('commit', step.when)
      case 'restart':
        return start(step.by)
      case 'pass':
        for (let left = step.seconds; left > 0; left -= 3) {
          await clock.advance({ seconds: Math.min(3, left) })
          await turns(20)
        }
        return
      case 'turns':
        return turns(step.count)
    }
  }

  let isOver = false
  const reading = (async () => {
    while (!isOver) {
      assertBalanced(await ledgerRows(world.store(1)), 1)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  reading.catch(violated)

  /** Leases run out, and everything that was begun comes to its end. */
  async function settle(): Promise<void> {
    for (const { trouble } of sides) trouble.end()
    const all = Promise.all(sides.flatMap(({ wishes }) => wishes))
    let isDone = false
    void all.then(() => {
      isDone = true
    })
    for (let third = 0; third < 15 || (!isDone && third < 200); third++) {
      await clock.advance({ milliseconds: 3400 })
      for (const { app } of sides) await app?.settle()
      await turns(10)
    }
    assert.ok(isDone, 'every rebuild has come to an end')
  }

  try {
    await start(0)
    await start(1)
    for (const step of program) await take(step)
    await settle()
    isOver = true
    await reading.catch(() => {})
    if (violation !== undefined) throw violation
    await assertRebuilt(world.store(0))
  } finally {
    isOver = true
    for (const { trouble, app } of sides) {
      trouble.end()
      await app?.stop({ keepStore: true })
    }
    await world.close()
  }
}

/** Every row was folded by the fold that it is compared with, however far it was at that moment. */
async function assertSame(comparing: Promise<Comparison>): Promise<void> {
  const { differing, differences } = await comparing
  assert.deepEqual([differing, differences], [{ changed: 0, missing: 0, surplus: 0 }, []], 'what a comparison has found')
}

/** The view is the fold of the log, and nothing of any rebuild is left. */
async function assertRebuilt(store: EventStore): Promise<void> {
  const rows = await ledgerRows(store)
  assert.deepEqual(rows, await foldedLedger(store, 1))
  const live = (await store.views.defined()).find(({ view }) => view === 'ledger')?.generation
  assert.deepEqual(await generationsOf(store), Object.keys(rows).length > 0 ? [live] : [], 'the generations that there are')
  const left = (await store.work.parts()).filter(({ subscription }) => subscription !== 'projection:ledger')
  assert.deepEqual(left, [], 'no part of a rebuild is left')
}

/** What a fault may lead to; anything else is a mistake. */
function tolerate(error: unknown): void {
  if (!DacapoError.is(error)) throw error
}
