/** Reads with the data parsed. */
import type { System } from '../systems/system.ts'
import { usual, type Workload } from './workload.ts'

const reads = (
  name: string,
  events: number,
  streams: number,
  note: string,
  read: (system: System) => Promise<number> | number,
): Workload => ({
  ...usual,
  name,
  unit: 'events/s',
  note,
  async fill(system) {
    for (let written = 0; written < events; written += 1000) await system.append([`account-${(written / 1000) % streams}`], 1000)
  },
  async measure(system, { quick }) {
    const times: number[] = []
    for (let n = 0; n < (quick ? 3 : 5); n++) {
      const started = performance.now()
      const found = await read(system)
      times.push((performance.now() - started) / 1000)
      if (found !== events) throw new Error(`${found} events where ${events} were written.`)
    }
    return { value: events / Math.min(...times), failed: 0, reason: '' }
  },
})

export const readWorkloads = [
  reads('read-stream', 10_000, 1, '', (system) => system.readStream('account-0')),
  reads('read-all', 100_000, 10, 'Emmett: the query of its consumers', (system) => {
    if (!system.readAll) throw new Error('has no such read')
    return system.readAll()
  }),
]
