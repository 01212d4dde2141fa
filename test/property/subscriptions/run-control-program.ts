/** Runs a program of operators on two apps, lets everything come to its end, and compares it with the model. */
import assert from 'node:assert/strict'
import { DacapoError, eventHandler } from '../../../src/index.ts'
import { type TestClock, testApp, testClock } from '../../../src/testing/index.ts'
import * as bank from '../../domain/bank.ts'
import { turns } from '../../runtime/in-front-of.ts'
import { appendDeposits } from '../../runtime/subscriptions/follow.ts'
import type { By, World } from '../worlds.ts'
import { type Asked, assertHandled, type Handled } from './assert-handled.ts'
import type { ControlStep } from './control-steps.ts'
import { troubled } from './troubled-store.ts'

export async function runControlProgram(open: (clock: TestClock) => World, program: readonly ControlStep[]): Promise<void> {
  const isCalm = !program.some(({ kind }) => kind === 'fail' || kind === 'freeze')
  const clock = testClock()
  const world = open(clock)
  const handled: Handled[] = []
  const rewinds: Asked[] = []
  let [dislikes, isPaused, appended] = [false, false, 0]
  /** How much was handled when everybody knew that it is paused. */
  let handledWhenPaused: number | undefined
  /** Calls of operators that stand still because their store does. */
  const calls: Promise<unknown>[] = []

  const make = (by: By, partitions: number) => {
    const witness = eventHandler('witness', {
      events: [bank.MoneyDeposited],
      partitions,
      retry: { attempts: 2 },
      handle({ stream, position }) {
        if (dislikes && position % 2 === 0) throw new Error('a bad day')
        handled.push({ stream, position })
      },
    })
    return testApp({ store: sides[by].store, clock, commands: [bank.deposit], handlers: [witness], random: () => 0 })
  }
  const sides = ([0, 1] as const).map((by) => troubled(world.store(by))) as [ReturnType<typeof troubled>, ReturnType<typeof troubled>]
  const apps: [ReturnType<typeof make>, ReturnType<typeof make>] = [make(0, 1), make(1, 2)]

  /** An operator's call: waited for, unless its store stands still. */
  async function operate(call: () => Promise<unknown>): Promise<void> {
    const made = call().catch(tolerate)
    calls.push(made)
    await (isCalm ? made : Promise.race([made, turns(50)]))
  }

  async function take(step: ControlStep): Promise<void> {
    if (isCalm && isPaused && handledWhenPaused !== undefined)
      assert.equal(handled.length, handledWhenPaused, 'nothing is handled while it is paused')
    switch (step.kind) {
      case 'append':
        await appendDeposits(world.store(0), step.count, [step.account], appended + 1)
        appended += step.count
        return
      case 'dislike':
        dislikes = true
        return
      case 'forgive':
        dislikes = false
        return operate(() => apps[step.by].deadLetters.retry({}))
      case 'pause':
        isPaused = true
        await operate(() => apps[step.by].subscriptions.pause('witness'))
        if (!isCalm || step.by === 1) return
        await settle(3)
        handledWhenPaused = handled.length
        return
      case 'resume':
        isPaused = false
        handledWhenPaused = undefined
        return operate(() => apps[step.by].subscriptions.resume('witness'))
      case 'rewind': {
        const to = Math.floor(appended * step.to)
        const asked: Asked = { to, handledBefore: handled.length, isCertain: false, isAtRest: isPaused && handledWhenPaused !== undefined }
        rewinds.push(asked)
        return operate(async () => {
          await apps[step.by].subscriptions.rewind('witness', { position: to + 1 })
          asked.isCertain = true
        })
      }
      case 'restart':
        sides[step.by].trouble.thaw()
        await apps[step.by].stop({ keepStore: true })
        apps[step.by] = make(step.by, step.partitions)
        return apps[step.by].start().catch(tolerate) // it looks again by itself
      case 'pass':
        for (let left = step.seconds; left > 0; left -= 3) {
          await clock.advance({ seconds: Math.min(3, left) })
          if (isCalm) for (const app of apps) await app.settle()
          else await turns(30)
        }
        if (isCalm && isPaused && step.seconds > 10) handledWhenPaused = handled.length
        return
      case 'turns':
        return turns(step.count)
      case 'fail':
        return sides[step.by].trouble.fail('commit', step.when)
      case 'freeze':
        return sides[step.by].trouble.freeze()
      case 'thaw':
        return sides[step.by].trouble.thaw()
    }
  }

  async function settle(thirds = 12): Promise<void> {
    for (let third = 0; third < thirds; third++) {
      await clock.advance({ milliseconds: 3400 })
      for (const app of apps) await app.settle()
    }
  }

  try {
    for (const app of apps) await app.start()
    for (const step of program) await take(step)
    for (const { trouble } of sides) trouble.end()
    await settle()
    await Promise.all(calls)
    dislikes = false
    await apps[0].subscriptions.resume('witness')
    await settle()
    await apps[0].deadLetters.retry({})
    await settle()
    await assertHandled(world.store(0), handled, rewinds, isCalm)
    assert.deepEqual(await world.store(0).work.records({ kind: 'parked' }), [], 'nothing is parked')
  } finally {
    for (const { trouble } of sides) trouble.end()
    for (const app of apps) await app.stop({ keepStore: true })
    await world.close()
  }
}

/** What a fault may lead to; anything else is a mistake. */
function tolerate(error: unknown): void {
  if (!DacapoError.is(error) || error.code === 'ES_VALIDATION') throw error
}
