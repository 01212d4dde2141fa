/** Reads with the data parsed. */
import type { System } from '../systems/system.ts'
import { rate } from './rate.ts'
import { usual, type Workload } from './workload.ts'

const reads = (
  name: string,
  title: string,
  events: number,
  streams: number,
  note: string,
  read: (system: System) => (() => Promise<number> | number) | undefined,
): Workload => ({
  ...usual,
  name,
  title,
  unit: 'events/s',
  note,
  measure: (open, load) =>
    rate(open, load, events, {
      async fill(system) {
        for (let n = 0; n < events / 1000; n++) await system.fill([`account-${n % streams}`], 1000)
      },
      calls(system) {
        const readOnce = read(system)
        if (!readOnce) throw new Error('has no such read')
        return {
          callers: 1,
          most: Number.POSITIVE_INFINITY,
          async call() {
            const found = await readOnce()
            if (found !== events) throw new Error(`${found} events where ${events} were written.`)
          },
        }
      },
    }),
})

export const readWorkloads = [
  reads(
    'read-stream',
    'read a stream of 10,000 events',
    10_000,
    1,
    'in memory, Emmett and Act hand out the objects that they keep',
    (system) => {
      return () => system.readStream('account-0')
    },
  ),
  reads('read-all', 'read all of 100,000 events', 100_000, 10, 'Emmett: the query of its consumers', ({ readAll }) => readAll),
]
