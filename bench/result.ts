/** Many runs of one workload become one line. */
import { type Attempt, run } from './run.ts'
import type { StoreName, SystemName } from './systems/system.ts'
import type { Workload } from './workloads/workload.ts'

/** A line of the table and of the JSON file; null where a system has none or fails. */
export interface Result {
  readonly store: StoreName
  readonly workload: string
  readonly unit: string
  readonly dacapo: number | null
  readonly emmett: number | null
  readonly raw: number | null
  /** How many times better Dacapo is than Emmett at its best. */
  readonly vsEmmett: number | null
  readonly vsRaw: number | null
  readonly note: string
}

interface Tally {
  readonly attempt: Attempt
  readonly values: number[]
  durability: string
  failed: number
  error: string
}

const runs = 3

/** @param tell  hears what is being done. */
export async function resultOf(workload: Workload, store: StoreName, quick: boolean, tell: (what: string) => void): Promise<Result> {
  const tallies = workload.systems
    .flatMap((system) => attemptsOf(workload, store, system, quick))
    .map((attempt): Tally => ({ attempt, values: [], durability: '', failed: 0, error: '' }))
  // The systems take turns, so that a slow minute of the machine is everybody's.
  for (let round = 1; round <= runs; round++) {
    for (const tally of tallies) {
      if (tally.error || isBeaten(tally, tallies)) continue
      tell(`${store} ${workload.name} ${nameOf(tally.attempt)} ${round}/${runs}`)
      const answer = await run(workload, tally.attempt)
      if ('error' in answer) {
        tally.error = answer.error
      } else if (answer.sample) {
        const { value, failed, reason } = answer.sample
        tally.durability = answer.durability
        tally.failed += failed
        if (value > 0) tally.values.push(value)
        else tally.error = `no call succeeds: ${reason}`
      }
    }
  }
  return summary(workload, store, tallies)
}

/** Half as fast as another way to ask the same system: it will not be the best one, and may take minutes. */
function isBeaten({ attempt, values }: Tally, tallies: readonly Tally[]): boolean {
  const others = tallies.filter((other) => other.attempt.system === attempt.system).flatMap((other) => other.values)
  return values.length > 0 && Math.max(...values) < Math.max(...others) / 2
}

function attemptsOf({ callers, anyConcurrency }: Workload, store: StoreName, system: SystemName, quick: boolean): Attempt[] {
  const base = { system, store, quick, callers, perCall: 1, oneConnection: false }
  if (system === 'raw') return [{ ...base, callers: 1, perCall: callers }]
  if (system === 'dacapo') return [base]
  if (!anyConcurrency) return [{ ...base, oneConnection: store === 'sqlite' && callers === 1 }]
  const attempts = [1, 8, 64].map((count) => ({ ...base, callers: count }))
  return store === 'sqlite' ? [{ ...base, callers: 1, oneConnection: true }, ...attempts] : attempts
}

function summary({ name, unit, better, note }: Workload, store: StoreName, tallies: readonly Tally[]): Result {
  const best = (system: SystemName) =>
    tallies
      .filter(({ attempt, values, error }) => attempt.system === system && !error && values.length > 0)
      .map((tally) => ({ ...tally, median: median(tally.values) }))
      .sort((left, right) => (better === 'larger' ? right.median - left.median : left.median - right.median))[0]
  const [dacapo, emmett, raw] = [best('dacapo'), best('emmett'), best('raw')]
  const ratio = (other: typeof dacapo) => {
    if (!dacapo || !other) return null
    return round(better === 'larger' ? dacapo.median / other.median : other.median / dacapo.median)
  }
  const notes = [
    [dacapo, emmett, raw].flatMap((found) => (found ? `${found.attempt.system} ${found.durability}` : [])).join(', '),
    emmett && emmett.attempt.callers !== dacapo?.attempt.callers ? `best: ${nameOf(emmett.attempt)}` : '',
    ...tallies.flatMap(({ attempt, error, failed }) => {
      if (error) return `${nameOf(attempt)}: ${error.split('\n')[0]}`
      return failed > 0 ? `${nameOf(attempt)}: ${failed} calls failed` : []
    }),
    note,
  ]
  return {
    store,
    workload: name,
    unit,
    dacapo: dacapo ? round(dacapo.median) : null,
    emmett: emmett ? round(emmett.median) : null,
    raw: raw ? round(raw.median) : null,
    vsEmmett: ratio(emmett),
    vsRaw: ratio(raw),
    note: notes.filter(Boolean).join('; '),
  }
}

function nameOf({ system, callers, perCall, oneConnection }: Attempt): string {
  return `${system} ${callers > 1 ? callers : perCall} at once${oneConnection ? ' on one connection' : ''}`
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] as number
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
