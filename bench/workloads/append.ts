/** Appends to distinct streams without an expected version: 5,000 of them in turn, which are there already in memory. */
import { drive, during } from './drive.ts'
import { usual, type Workload } from './workload.ts'

const streamCount = 5000
/** So that a fast store in memory is not measured at making room. */
const mostEvents = 400_000

const appends = (name: string, callers: number, events: number): Workload => ({
  ...usual,
  name,
  unit: 'events/s',
  callers,
  anyConcurrency: true,
  async fill(system, { store }) {
    if (store === 'memory') for (let n = 0; n < streamCount; n++) await system.append([`account-${n}`], 1)
  },
  async measure(system, { callers, perCall, quick }) {
    const share = Math.floor(streamCount / (callers * perCall))
    const call = (caller: number, n: number) => {
      const first = (caller * share + (n % share)) * perCall
      const streams = perCall === 1 ? [`account-${first}`] : Array.from({ length: perCall }, (_, offset) => `account-${first + offset}`)
      return system.append(streams, events)
    }
    await drive(callers, during(quick ? 0.1 : 0.5), call)
    const inTime = during(quick ? 0.4 : 1.5)
    const most = mostEvents / (callers * perCall * events)
    const { succeeded, failed, reason, seconds } = await drive(callers, (n) => n < most && inTime(), call)
    return { value: (succeeded * perCall * events) / seconds, failed, reason }
  },
})

export const appendWorkloads = [appends('append-1', 1, 1), appends('append-64', 64, 1), appends('append-10x64', 64, 10)]
