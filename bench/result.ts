/** What the runs of one workload come to: a line of the table and of the JSON file. */
import { type Attempt, nameOf } from './attempts.ts'
import type { StoreName, SystemName } from './systems/system.ts'
import { median } from './workloads/median.ts'
import type { Workload } from './workloads/workload.ts'

/** Null where a system has none or fails. */
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
  readonly act: number | null
  readonly vsAct: number | null
  readonly machine: string
  readonly date: string
}

/** Where and when: in each row, so that a row says by itself what it is worth. */
export type Circumstances = Pick<Result, 'machine' | 'date'>

/** What the runs of one attempt have come to so far. */
export interface Tally {
  readonly attempt: Attempt
  readonly values: number[]
  durability: string
  failed: number
  unanswered: number
  /** What the first failure said. */
  reason: string
  /** Of a run as a whole. */
  error: string
  /** What each run had to say, as many as values. */
  readonly remarks: string[]
}

export function summary(
  { name, unit, better, note }: Workload,
  store: StoreName,
  tallies: readonly Tally[],
  circumstances: Circumstances,
): Result {
  const best = (system: SystemName) =>
    tallies
      .filter(({ attempt, values }) => attempt.system === system && values.length > 0)
      .map((tally) => ({ ...tally, ...medianRun(tally) }))
      .sort((left, right) => (better === 'larger' ? right.median - left.median : left.median - right.median))[0]
  const [dacapo, emmett, act, raw] = [best('dacapo'), best('emmett'), best('act'), best('raw')]
  const ratio = (other: typeof dacapo) => {
    if (!dacapo || !other) return null
    return round(better === 'larger' ? dacapo.median / other.median : other.median / dacapo.median)
  }
  const found = [dacapo, emmett, act, raw].filter((one) => one !== undefined)
  const bestOf = [emmett, act].flatMap((peer) => (peer && hasChosen(peer.attempt, dacapo?.attempt) ? nameOf(peer.attempt) : []))
  const notes = [
    found.map(({ attempt, durability }) => `${attempt.system} ${durability}`).join(', '),
    ...found.flatMap(({ attempt, remark }) => (remark ? `${attempt.system}: ${remark}` : [])),
    bestOf.length > 0 ? `best: ${bestOf.join(', ')}` : '',
    ...tallies.flatMap((tally) => troublesOf(tally)),
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
    act: act ? round(act.median) : null,
    vsAct: ratio(act),
    ...circumstances,
  }
}

const hasChosen = (peer: Attempt, own: Attempt | undefined) => peer.batch !== undefined || peer.callers !== own?.callers

function troublesOf({ attempt, values, failed, unanswered, reason, error }: Tally): string[] {
  const counted = [failed > 0 ? `${failed} calls failed` : '', unanswered > 0 ? `${unanswered} had no answer after 5 s more` : '']
  const troubles = [error || counted.filter(Boolean).join(', '), error ? '' : reason].filter(Boolean)
  if (troubles.length === 0) return []
  const rate = values.length > 0 ? ` ${round(median(values)).toLocaleString('en')}/s` : ''
  return [`${nameOf(attempt)}:${rate} ${troubles.map((trouble) => trouble.split('\n')[0]).join(', ')}`]
}

/** The run that counts, with what it had to say. */
function medianRun({ values, remarks }: Tally) {
  const value = median(values)
  return { median: value, remark: remarks[values.indexOf(value)] }
}

/** To what can be told apart: three digits, or all before the point. */
export const round = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
