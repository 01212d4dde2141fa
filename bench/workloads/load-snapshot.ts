/** The first load of an aggregate in a fresh process: from its snapshot and the 50 events after it, however long the stream is. */
import { usual, type Workload } from './workload.ts'

const stream = 'account-0'

const loads = (name: string, events: number): Workload => ({
  ...usual,
  name,
  title: `load an aggregate of ${events.toLocaleString('en')} events`,
  unit: 'ms',
  better: 'smaller',
  stores: ['sqlite', 'postgres'],
  systems: ['dacapo', 'act', 'raw'],
  warm: false,
  note: 'first load in a fresh process, from a snapshot 50 events before the end; Emmett has no snapshots',
  async prepare(system) {
    for (let left = events - 50; left > 0; left -= 10_000) await system.fill([stream], Math.min(left, 10_000))
    await system.snapshot?.(stream)
    await system.fill([stream], 50)
  },
  async measure(open) {
    const system = await open()
    const started = performance.now()
    await system.load?.(stream)
    return { value: performance.now() - started, failed: 0, unanswered: 0, reason: '' }
  },
})

export const loadSnapshotWorkloads = [loads('load-snapshot', 100_000), loads('load-snapshot-1000', 1000)]
