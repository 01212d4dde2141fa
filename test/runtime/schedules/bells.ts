/** Bells that ring on a schedule, for tests of schedules. */
import { z } from 'zod'
import type { EventStore } from '../../../src/core/event-store.ts'
import { command, event, reject } from '../../../src/index.ts'
import { type TestClock, testApp } from '../../../src/testing/index.ts'
import { moment } from '../in-front-of.ts'
import type { Given } from '../on-every-store.ts'

export const robot = { id: 'robot', roles: ['machine'] }

/** Which run of which schedule an event comes from. */
export interface RunOf {
  readonly id: string
  readonly dueAt: string
}

/** Bells that may be broken, forbidden or mute. */
export function belfry() {
  const state = { isBroken: false, isForbidden: false, isMute: false }
  const Rung = event('Rung', z.object({ bell: z.string() }))
  const ring = command('Ring', {
    input: z.object({ bell: z.string() }),
    stream: ({ bell }) => `bell-${bell}`,
    authorize: () => !state.isForbidden,
    decide: ({ input }) => {
      if (state.isBroken) throw new Error('the rope is torn')
      return state.isMute ? reject('Mute') : Rung(input)
    },
  })
  return { ring, Rung, state }
}

export type Belfry = ReturnType<typeof belfry>

export function openBelfry({ store, clock, tend }: Pick<Given, 'store' | 'clock' | 'tend'>, { ring }: Belfry, more: object = {}) {
  return tend(testApp({ store, clock, commands: [ring], ...more }))
}

export type BelfryApp = ReturnType<typeof openBelfry>

/** A gate in front of commands at which a process freezes until it thaws. */
export function freezing() {
  const [reached, thawed] = [moment(), moment()]
  const gate = async (_: unknown, next: () => Promise<unknown>) => {
    reached.resolve()
    await thawed.promise
    return next()
  }
  return { gate, reached: reached.promise, thaw: () => thawed.resolve() }
}

/** The seconds since `start` at which bells were meant to ring, by schedule. */
export async function rungAt(store: EventStore, start: number): Promise<Readonly<Record<string, readonly number[]>>> {
  const found: Record<string, number[]> = {}
  for await (const { events } of store.readAll()) {
    for (const { type, metadata } of events) {
      if (type !== 'Rung') continue
      const { id, dueAt } = JSON.parse(metadata).schedule as RunOf
      found[id] = [...(found[id] ?? []), (Date.parse(dueAt) - start) / 1000]
    }
  }
  return found
}

/** Time passes, a second after the other, and apps do what is due meanwhile. */
export async function pass(clock: TestClock, apps: readonly Pick<BelfryApp, 'settle'>[], seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await clock.advance({ seconds: 1 })
    for (const app of apps) await app.settle()
  }
}
