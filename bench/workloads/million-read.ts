/** A fresh process reads a log of a million events: how fast, and how much memory that takes. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { usual, type Workload } from './workload.ts'

const million = 1_000_000
const streams = Array.from({ length: 50_000 }, (_, n) => `account-${n}`)

export const millionRead: Workload = {
  ...usual,
  name: 'million-read',
  title: 'read all of 1,000,000 events',
  unit: 'events/s',
  stores: ['sqlite'],
  systems: ['dacapo', 'raw'],
  note: 'each run in a fresh process; not asked of the peers, which would take too long to fill theirs',
  prepare: async (system) => system.fill(streams, million / streams.length),
  async measure(open) {
    const { readAll, close } = await open()
    if (!readAll) throw new Error('has no such read')
    const [started, rss] = [performance.now(), watchAtTenths(() => process.memoryUsage.rss())]
    const found = await readAll(rss.onEvent)
    const seconds = (performance.now() - started) / 1000
    if (found !== million) throw new Error(`${found} events where ${million} were written.`)
    // Again, since collecting the garbage takes time: what is left then is what the read holds on to.
    const collect = collector()
    const heap = watchAtTenths(() => {
      collect()
      return process.memoryUsage().heapUsed
    })
    await readAll(heap.onEvent)
    await close()
    const growth = (heap.mostAfter() / heap.atFirst()).toFixed(2)
    const remark = `after 10 % and at most after that: RSS ${mb(rss.atFirst())} and ${mb(rss.mostAfter())}, heap without garbage ${mb(heap.atFirst())} and ${mb(heap.mostAfter())} (${growth}×)`
    return { value: million / seconds, failed: 0, unanswered: 0, reason: '', remark }
  },
}

/** Looks at something after each tenth of the events. */
function watchAtTenths(look: () => number) {
  const seen: number[] = []
  return {
    onEvent: (count: number) => void (count % (million / 10) === 0 && seen.push(look())),
    atFirst: () => seen[0] as number,
    mostAfter: () => Math.max(...seen.slice(1)),
  }
}

function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
