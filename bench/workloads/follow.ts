/** Those that follow the log: how fast they come to its end, how soon they hear of an event, and what they cost when there is none. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Followers } from '../systems/followers.ts'
import type { System } from '../systems/system.ts'
import { median } from './median.ts'
import { type Load, usual, type Workload } from './workload.ts'

const events = 100_000
const streams = Array.from({ length: 1000 }, (_, n) => `account-${n}`)
/** Of one stream in a row. */
const atATime = 10

const followed = {
  ...usual,
  stores: ['sqlite', 'postgres'],
  systems: ['dacapo', 'emmett', 'raw'],
} as const

/** A peer would need half a minute for all of them, with each size of its pages: it is asked for the first ones, which can only help it. */
const eventsOfPeers = 20_000

/** The sizes of pages that Emmett may choose from; its own is 100. It never waits longer than a millisecond between two. */
const batches = [100, 1000, 10_000]

const followersOf = ({ followers }: System): Followers => {
  if (!followers) throw new Error('has nothing that follows the log')
  return followers
}

const timed = (
  name: string,
  title: string,
  note: string,
  follow: (followers: Followers, count: number, batch: number) => Promise<number>,
): Workload => ({
  ...followed,
  name,
  title,
  unit: 'events/s',
  batches,
  weight: 4,
  note,
  async prepare(system) {
    for (let done = 0; done < events; done += streams.length * atATime) await system.fill(streams, atATime)
  },
  async measure(open, { batch = 0, system: name }) {
    const system = await open()
    const count = name === 'emmett' ? eventsOfPeers : events
    const started = performance.now()
    const found = await follow(followersOf(system), count, batch)
    const seconds = (performance.now() - started) / 1000
    if (found !== count) throw new Error(`${found} events where ${count} were to be followed.`)
    await system.close()
    return { value: count / seconds, failed: 0, unanswered: 0, reason: '' }
  },
})

const catchUp = timed(
  'catch-up',
  'a handler catches up on 100,000 events',
  'in a fresh process, from its start to its last event; the driver reads pages of 1,000; Emmett: the first 20,000',
  async (followers, count, batch) => {
    await followers.catchUp(count, batch)
    return count
  },
)

const asyncProjection = timed(
  'async-projection',
  'an async projection of 100,000 events',
  'a row for each of 1,000 streams, ten of whose events come in a row; the driver writes rows and position once for 1,000 events; Emmett: the first 20,000 events',
  (followers, count, batch) => followers.project(count, batch),
)

/** How long somebody appends one event after the other, each when the one before has been heard of. */
const listeningSeconds = ({ quick }: Load) => (quick ? 2 : 10)
const pauseMs = 20

const handlerLatency: Workload = {
  ...followed,
  name: 'handler-latency',
  title: 'from an append to its handler',
  unit: 'ms',
  better: 'smaller',
  weight: 4,
  note: 'p50 from the call of the append; one event every 20 ms or when the one before was handled, default settings; the driver reads as soon as it has written',
  async measure(open, load) {
    const system = await open()
    const { listen, nudge } = followersOf(system)
    let heard = () => {}
    await listen(() => heard())
    const took: number[] = []
    for (const end = performance.now() + listeningSeconds(load) * 1000; performance.now() < end; await pause(pauseMs)) {
      const called = performance.now()
      const handled = new Promise<void>((resolve) => {
        heard = () => {
          took.push(performance.now() - called)
          resolve()
        }
      })
      await system.append([streams[took.length % streams.length] as string], 1)
      await nudge?.()
      await handled
    }
    await system.close()
    const p99 = took.toSorted((left, right) => left - right)[Math.floor(took.length * 0.99)] as number
    return { value: median(took), failed: 0, unanswered: 0, reason: '', remark: `p99 ${p99.toFixed(2)} ms of ${took.length}` }
  },
}

const idleCount = 1000
/** What the start has asked must be counted before; PostgreSQL counts what a connection has done up to ten seconds later. */
const startMs = 12_000
const idleSeconds = ({ quick }: Load) => (quick ? 11 : 30)

const idleSubscriptions: Workload = {
  ...followed,
  systems: ['dacapo', 'emmett'],
  name: 'idle-subscriptions',
  title: '1,000 handlers with nothing to do',
  unit: 'queries/s',
  better: 'smaller',
  weight: 10,
  note: 'PostgreSQL counts transactions itself, SQLite’s drivers count statements; Emmett’s 1,000 processors share one consumer',
  async measure(open, load) {
    const system = await open()
    const { idle, statements = system.transactions } = followersOf(system)
    if (!idle) throw new Error('has nothing that can be idle')
    await system.append([streams[0] as string], 1)
    await idle(idleCount)
    await pause(startMs)
    const [before, started] = [await statements(), performance.now()]
    await pause(idleSeconds(load) * 1000)
    const value = ((await statements()) - before) / ((performance.now() - started) / 1000)
    await system.close()
    return { value, failed: 0, unanswered: 0, reason: '' }
  },
}

export const followWorkloads: readonly Workload[] = [catchUp, asyncProjection, handlerLatency, idleSubscriptions]
