/** Appends to distinct streams without an expected version: 5,000 of them in turn, which are there already in memory. */

import { storeNames } from '../systems/system.ts'
import { rate } from './rate.ts'
import { usual, type Workload } from './workload.ts'

const streamCount = 5000
const streams = Array.from({ length: streamCount }, (_, n) => `account-${n}`)
/** On one store, so that a fast one in memory is not measured at making room. */
const mostEvents = 400_000

const appends = (name: string, title: string, callers: number, events: number): Workload => ({
  ...usual,
  name,
  title,
  unit: 'events/s',
  callers,
  anyConcurrency: storeNames,
  measure: (open, load) => {
    const { store, callers, perCall } = load
    const atOnce = callers * perCall
    const share = Math.floor(streamCount / atOnce)
    return rate(open, load, perCall * events, {
      fill: (system) => (store === 'memory' ? system.fill(streams, 1) : undefined),
      calls: (system) => ({
        callers,
        // How long one caller waits for a disk; in memory the clock itself would take its share.
        timed: store !== 'memory' && atOnce * events === 1,
        most: mostEvents / (atOnce * events),
        call(caller, n) {
          const first = (caller * share + (n % share)) * perCall
          return system.append(streams.slice(first, first + perCall), events)
        },
      }),
    })
  },
})

export const appendWorkloads: readonly Workload[] = [
  // On PostgreSQL many connections do many times the work of one: there one caller is one caller, for everybody.
  { ...appends('append-1', 'append, one caller', 1, 1), anyConcurrency: ['memory', 'sqlite'] },
  // Where the peers have had their choice of callers, they have had it already.
  { ...appends('append-64', 'append, 64 callers', 64, 1), sameAs: { emmett: 'append-1', act: 'append-1' } },
  appends('append-10x64', 'append 10 events, 64 callers', 64, 10),
]
