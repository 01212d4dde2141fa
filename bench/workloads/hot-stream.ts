/** 32 callers on one stream, with each library's own way to meet conflicts. */

import { storeNames } from '../systems/system.ts'
import { rate } from './rate.ts'
import { usual, type Workload } from './workload.ts'

/** Then all callers move on to the next stream, so that nobody is measured by how long his stream has become. */
const commandsPerStream = 3200
const streams = Array.from({ length: 6 }, (_, n) => `account-hot-${n}`)

export const hotStream: Workload = {
  ...usual,
  name: 'hot-stream',
  title: 'command, 32 callers on one stream',
  unit: 'commands/s',
  callers: 32,
  anyConcurrency: storeNames,
  note: 'Emmett and Act: retry on conflicts switched on',
  measure: (open, load) => {
    const { callers, perCall } = load
    const atOnce = callers * perCall
    return rate(open, load, perCall, {
      fill: (system) => system.fill(streams, 20),
      calls: (system) => ({
        callers,
        most: (streams.length * commandsPerStream) / atOnce,
        call(_, n) {
          const stream = streams[Math.floor((n * atOnce) / commandsPerStream)] as string
          return system.command(Array.from({ length: perCall }, () => stream))
        },
      }),
      async check(system, succeeded) {
        let found = 0
        for (const stream of streams) found += await system.readStream(stream)
        const expected = streams.length * 20 + succeeded * perCall
        if (found !== expected) throw new Error(`${found} events where ${expected} were acknowledged.`)
      },
    })
  },
}
