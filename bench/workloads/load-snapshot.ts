/** The first load of an aggregate in a fresh process: from its snapshot and the 50 events after it, however long the stream is. */
import { usual, type Workload } from './workload.ts'

const loads = (name: string, events: number): Workload => ({
  ...usual,
  name,
  unit: 'ms',
  better: 'smaller',
  stores: ['sqlite'],
  systems: ['dacapo', 'raw'],
  fresh: true,
  note: `${events.toLocaleString('en')} events, snapshot 50 before the end`,
  async fill(system) {
    for (let left = events - 50; left > 0; left -= 10_000) await system.append(['account-0'], Math.min(left, 10_000))
    await system.snapshot?.('account-0')
    await system.append(['account-0'], 50)
  },
  async measure(system) {
    const started = performance.now()
    await system.load('account-0')
    return { value: performance.now() - started, failed: 0, reason: '' }
  },
})

export const loadSnapshotWorkloads = [loads('load-snapshot', 100_000), loads('load-snapshot-1000', 1000)]
