/** A million appends of one event: do the last of them go as fast as the first? */
import { statSync } from 'node:fs'
import { callersOf } from './drive.ts'
import { secondsOf } from './rate.ts'
import { type Load, type OpenStore, usual, type Workload } from './workload.ts'

const million = 1_000_000
/** In the end each has 20 events, as with the commands, and there are five times as many as Dacapo keeps warm. */
const streamCount = 50_000
/** Prime to their number: what is neighbour in time is far apart in the index, which is where a large file costs most. */
const stride = 7919
/** A machine that needs longer has nothing to say about a million. */
const mostSeconds = 150

export const millionAppend: Workload = {
  ...usual,
  name: 'million-append',
  title: 'append 1,000,000 events, 64 callers',
  unit: 'last 10 % / first 10 %',
  stores: ['sqlite'],
  systems: ['dacapo', 'raw'],
  callers: 64,
  weight: 16,
  once: true,
  note: `${streamCount.toLocaleString('en')} streams in random order; one run; not asked of the peers, which would take too long`,
  async measure(open, load) {
    await append(open, load, million, secondsOf(load).warmUp)
    const { secondsAt, bytes, ...driven } = await append(open, load, million, mostSeconds)
    const [first, beforeLast, last] = [0.1, 0.9, 1].map((part) => secondsAt.get(part * million))
    if (!first || !beforeLast || !last) throw new Error(`${driven.succeeded} calls in ${mostSeconds} s were too few; ${driven.reason}`)
    const [rateOfFirst, rateOfLast] = [million / 10 / first, million / 10 / (last - beforeLast)]
    const [told, toldLast] = [rateOfFirst, rateOfLast].map((rate) => Math.round(rate).toLocaleString('en'))
    return {
      ...driven,
      value: rateOfLast / rateOfFirst,
      remark: `${told} events/s at first, ${toldLast} at last, ${Math.round(bytes / 1e6)} MB`,
    }
  },
}

async function append(open: OpenStore, { callers, perCall }: Load, events: number, seconds: number) {
  const system = await open()
  const atOnce = callers * perCall
  /** Seconds by how many events were there then, at each tenth. */
  const secondsAt = new Map<number, number>()
  let acknowledged = 0
  const goOn = callersOf({
    callers,
    most: events / atOnce,
    async call(caller, n) {
      const from = n * atOnce + caller * perCall
      await system.append(
        Array.from({ length: perCall }, (_, offset) => `account-${((from + offset) * stride) % streamCount}`),
        1,
      )
      const before = acknowledged
      acknowledged += perCall
      const tenth = Math.floor((acknowledged / events) * 10)
      if (tenth > Math.floor((before / events) * 10)) secondsAt.set((tenth * events) / 10, (performance.now() - started) / 1000)
    },
  })
  const started = performance.now()
  const driven = await goOn(seconds)
  await system.close()
  return { ...driven, secondsAt, bytes: statSync(system.file).size }
}
