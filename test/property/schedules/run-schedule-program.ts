/** Runs a program of schedules on two apps, and compares what was executed with what a calendar says. */
import assert from 'node:assert/strict'
import type { EventStore } from '../../../src/core/event-store.ts'
import { type TestClock, testApp, testClock } from '../../../src/testing/index.ts'
import { turns } from '../../runtime/in-front-of.ts'
import { belfry, robot, rungAt } from '../../runtime/schedules/bells.ts'
import { troubled } from '../subscriptions/troubled-store.ts'
import type { By, World } from '../worlds.ts'
import { assertKept, type CalendarEntry, dueUpTo } from './calendar.ts'
import type { CalmStep, TroubleStep } from './schedule-steps.ts'

type App = ReturnType<typeof openApp>

const openApp = (store: EventStore, clock: TestClock) => testApp({ store, clock, commands: [belfry().ring], random: () => 0 })

/** What both kinds of programs have: a desk that is never started, a calendar, and time in seconds from the beginning. */
function makeScene(store: EventStore, clock: TestClock) {
  const begin = clock.now()
  const now = () => (clock.now() - begin) / 1000
  const desk = openApp(store, clock)
  const calendar: CalendarEntry[] = []
  return {
    begin,
    now,
    desk,
    calendar,
    async set({ after, every }: Extract<CalmStep, { kind: 'set' }>): Promise<void> {
      const id = `s${calendar.length}`
      const at = new Date(clock.now() + after * 1000)
      const request = { command: 'Ring', input: { bell: `${calendar.length % 3}` } }
      await desk.schedule(request, { at, ...(every && { every: { seconds: every } }), actor: robot, id } as never)
      calendar.push({ id, next: now() + after, every, rung: [], cancelledAt: undefined })
    },
    async cancel({ nth }: Extract<CalmStep, { kind: 'cancel' }>): Promise<void> {
      const entry = calendar[nth % Math.max(1, calendar.length)]
      if (entry && (await desk.schedules.cancel(entry.id))) entry.cancelledAt = now()
    },
  }
}

/** Nothing fails, and every app does at once what it has to do: then the calendar is exact. */
export async function runCalmProgram(open: (clock: TestClock) => World, program: readonly CalmStep[]): Promise<void> {
  const clock = testClock()
  const world = open(clock)
  const scene = makeScene(world.store(0), clock)
  const apps: (App | undefined)[] = [undefined, undefined]

  async function settle(): Promise<void> {
    if (apps.every((app) => !app)) return
    for (const entry of scene.calendar) dueUpTo(entry, scene.now())
    for (const app of apps) await app?.settle()
  }

  try {
    for (const step of program) {
      if (step.kind === 'set') await scene.set(step)
      else if (step.kind === 'cancel') await scene.cancel(step)
      else if (step.kind === 'start') apps[step.by] ??= openApp(world.store(step.by), clock)
      else if (step.kind === 'stop') {
        await apps[step.by]?.stop({ keepStore: true })
        apps[step.by] = undefined
      } else {
        for (let second = 0; second < step.seconds; second++) {
          await clock.advance({ seconds: 1 })
          await settle()
        }
      }
      await settle()
    }
    const rung = await rungAt(world.store(0), scene.begin)
    assert.deepEqual(
      { ...rung },
      Object.fromEntries(scene.calendar.flatMap(({ id, rung: times }) => (times.length > 0 ? [[id, times]] : []))),
    )
  } finally {
    for (const app of [...apps, scene.desk]) await app?.stop({ keepStore: true })
    await world.close()
  }
}

/** Anything may fail or stand still: whatever the calendar says is done at last, and nothing is done twice. */
export async function runTroubledProgram(open: (clock: TestClock) => World, program: readonly TroubleStep[]): Promise<void> {
  const clock = testClock()
  const world = open(clock)
  const scene = makeScene(world.store(0), clock)
  const sides = ([0, 1] as const).map((by) => ({ ...troubled(world.store(by)), app: undefined as App | undefined }))
  const side = (by: By) => sides[by] as (typeof sides)[number]

  async function stop(by: By): Promise<void> {
    side(by).trouble.thaw()
    await side(by).app?.stop({ keepStore: true })
    side(by).app = undefined
  }

  async function start(by: By): Promise<void> {
    const one = side(by)
    one.app ??= openApp(one.store, clock)
    await one.app.start()
  }

  async function pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await clock.advance({ seconds: 1 })
      await turns(5)
    }
  }

  async function take(step: TroubleStep): Promise<void> {
    switch (step.kind) {
      case 'set':
        return scene.set(step)
      case 'cancel':
        return scene.cancel(step)
      case 'start':
        return start(step.by)
      case 'stop':
        return stop(step.by)
      case 'pass':
        return pass(step.seconds)
      case 'fail':
        return side(step.by).trouble.fail(step.call, step.when)
      case 'freeze':
        return side(step.by).trouble.freeze()
      case 'thaw':
        return side(step.by).trouble.thaw()
      case 'turns':
        return turns(step.count)
    }
  }

  try {
    for (const by of [0, 1] as const) await start(by)
    for (const step of program) await take(step)
    for (const { trouble } of sides) trouble.end()
    await start(0)
    for (let second = 0; second < 60; second++) {
      await clock.advance({ seconds: 1 })
      for (const { app } of sides) await app?.settle()
    }
    assertKept(scene.calendar, await rungAt(world.store(0), scene.begin), scene.now())
  } finally {
    for (const { trouble } of sides) trouble.end()
    for (const by of [0, 1] as const) await stop(by)
    await scene.desk.stop({ keepStore: true })
    await world.close()
  }
}
