/** Commands on streams of 20 events: load, decide, append. After 10 commands a stream has had enough, so that none gets long. */

import { storeNames } from '../systems/system.ts'
import { rate } from './rate.ts'
import { usual, type Workload } from './workload.ts'

const commandsPerStream = 10

const commands = (name: string, title: string, warm: boolean): Workload => ({
  ...usual,
  name,
  title,
  unit: 'commands/s',
  callers: 64,
  anyConcurrency: storeNames,
  warm,
  note: warm ? 'Emmett keeps no state warm' : '',
  measure: (open, load) => {
    const { store, callers, perCall } = load
    // On SQLite fewer, since some of the systems take long to fill theirs.
    const streams = Array.from({ length: store === 'memory' ? 5000 : 2000 }, (_, n) => `account-${n}`)
    const share = Math.floor(streams.length / (callers * perCall))
    return rate(open, load, perCall, {
      async fill(system) {
        await system.fill(streams, 20)
        if (warm) await system.keepWarm?.(streams)
      },
      calls: (system) => ({
        callers,
        most: share * commandsPerStream,
        call(caller, n) {
          const first = (caller * share + (n % share)) * perCall
          return system.command(streams.slice(first, first + perCall))
        },
      }),
    })
  },
})

export const commandWorkloads = [
  commands('command-64-warm', 'command, 64 callers, warm state', true),
  { ...commands('command-64-cold', 'command, 64 callers, cold state', false), sameAs: { emmett: 'command-64-warm' } },
]
