/** Appends of one event until there are very many: do the last of them go as fast as those at the beginning? */
import type { StoreName, System } from '../systems/system.ts'
import { callersOf, nothing, plus } from './drive.ts'
import { median } from './median.ts'
import { secondsOf } from './rate.ts'
import { type Load, usual, type Workload } from './workload.ts'

const tenths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
/** As many as with the commands. */
const eventsPerStream = 20
/** Prime to any number of streams: what is neighbour in time is far apart in the index, which is where a large file costs most. */
const stride = 7919

interface Growth {
  readonly name: string
  readonly unit: string
  readonly store: StoreName
  readonly events: number
  /** For a look. */
  readonly quickEvents: number
  /** New streams follow when the streams of a round have got all their events. */
  readonly rounds: number
  /** The tenth with which the last one is compared. */
  readonly from: number
  /** The tenths after which reads are timed. */
  readonly readAfter: readonly number[]
  /** A machine that needs longer has nothing to say about so many. */
  readonly mostSeconds: number
  readonly weight: number
  readonly onDemand: boolean
}

function growing({ name, unit, store, events, quickEvents, rounds, from, readAfter, mostSeconds, weight, onDemand }: Growth): Workload {
  return {
    ...usual,
    name,
    unit,
    weight,
    onDemand,
    title: `append ${events.toLocaleString('en')} events, 64 callers`,
    stores: [store],
    systems: ['dacapo', 'raw'],
    callers: 64,
    timeoutSeconds: mostSeconds + 90,
    once: true,
    note: `${(events / eventsPerStream).toLocaleString('en')} streams in random order; one run; not asked of the peers, which would take too long`,
    async measure(open, load, tell) {
      const spread = spreadOf(load.quick ? quickEvents : events, rounds)
      const first = await open()
      await appender(first, load, spread)(secondsOf(load).warmUp)
      await first.close()

      const system = await open()
      const goOn = appender(system, load, spread)
      const rates: number[] = []
      const reads: string[] = []
      let driven = nothing
      for (const tenth of tenths) {
        const there = (spread.events * tenth) / 10
        const part = await goOn(mostSeconds - driven.seconds, there / (load.callers * load.perCall))
        driven = plus(driven, part)
        rates.push((part.succeeded * load.perCall) / part.seconds)
        tell(`${there.toLocaleString('en')} events, ${told(rates.at(-1))} a second`)
        if (!readAfter.includes(tenth)) continue
        await system.settle()
        reads.push(`at ${there.toLocaleString('en')} events ${await timeReads(system, spread, there)}`)
      }
      await system.close()
      if (driven.seconds > mostSeconds) throw new Error(`${driven.succeeded} calls in ${mostSeconds} s were too few; ${driven.reason}`)
      const [before, last] = [rates[from - 1] as number, rates.at(-1) as number]
      const size = `${Math.round((await system.bytes()) / 1e6).toLocaleString('en')} MB`
      const remark = [`${told(before)} events/s at first, ${told(last)} at last, ${size}`, ...reads].join(', ')
      return { ...driven, value: last / before, remark }
    },
  }
}

/** Which stream an event goes to. */
interface Spread {
  readonly events: number
  readonly eventsPerRound: number
  readonly streamsPerRound: number
  /** The n-th stream, by the order in which they begin. */
  stream(n: number): string
}

function spreadOf(events: number, rounds: number): Spread {
  const streams = events / eventsPerStream
  return {
    events,
    eventsPerRound: events / rounds,
    streamsPerRound: streams / rounds,
    stream: (n) => `account-${(n * stride) % streams}`,
  }
}

function appender(system: System, { callers, perCall }: Load, { events, eventsPerRound, streamsPerRound, stream }: Spread) {
  const atOnce = callers * perCall
  const streamOf = (event: number) => stream(Math.floor(event / eventsPerRound) * streamsPerRound + (event % streamsPerRound))
  return callersOf({
    callers,
    most: events / atOnce,
    call(caller, n) {
      const event = n * atOnce + caller * perCall
      return system.append(
        Array.from({ length: perCall }, (_, offset) => streamOf(event + offset)),
        1,
      )
    },
  })
}

/** Streams and pages of the log from all over what is there. */
async function timeReads(system: System, { eventsPerRound, streamsPerRound, stream }: Spread, events: number): Promise<string> {
  const streams = (events / eventsPerRound) * streamsPerRound
  const ofStream = await medianMs(200, async (part) => {
    expect(await system.readStream(stream(Math.floor(part * streams))), eventsPerStream)
  })
  const ofPage = await medianMs(100, async (part) => {
    expect((await system.readPage?.(Math.floor(part * (events - 1000)))) ?? 0, 1000)
  })
  return `a stream of ${eventsPerStream} in ${ofStream} ms and 1,000 of the log in ${ofPage} ms`
}

/** @param read  is given where to read: from 0 to 1. */
async function medianMs(times: number, read: (part: number) => Promise<void>): Promise<string> {
  const took: number[] = []
  for (let n = 0; n < times; n++) {
    const started = performance.now()
    await read(n / times)
    took.push(performance.now() - started)
  }
  return median(took).toFixed(2)
}

function expect(found: number, expected: number): void {
  if (found !== expected) throw new Error(`${found} events where ${expected} were written.`)
}

const told = (rate: number | undefined) => Math.round(rate ?? 0).toLocaleString('en')

export const growingLogWorkloads: readonly Workload[] = [
  growing({
    name: 'million-append',
    unit: 'last 10 % / first 10 %',
    store: 'sqlite',
    events: 1_000_000,
    quickEvents: 1_000_000,
    rounds: 1,
    from: 1,
    readAfter: [],
    mostSeconds: 150,
    weight: 16,
    onDemand: false,
  }),
  growing({
    name: 'ten-million-append',
    unit: 'last million / second million',
    store: 'postgres',
    events: 10_000_000,
    quickEvents: 200_000,
    rounds: 10,
    // The first million also fills the server's memory.
    from: 2,
    readAfter: [2, 10],
    mostSeconds: 1800,
    weight: 120,
    onDemand: true,
  }),
]
