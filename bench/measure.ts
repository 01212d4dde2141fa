/** Many runs of one workload, in rounds, become one result. */
import { type Attempt, attemptsOf, nameOf } from './attempts.ts'
import type { Answer } from './child.ts'
import type { Options } from './options.ts'
import type { Progress } from './progress.ts'
import { type Circumstances, type Result, round, summary, type Tally } from './result.ts'
import { makeFolder, removeFolder, run } from './run.ts'
import type { StoreName, SystemName } from './systems/system.ts'
import type { Workload } from './workloads/workload.ts'

/** What is to be measured, and what has been. */
export interface Measuring {
  readonly plan: Pick<Options, 'quick' | 'rounds' | 'systems' | 'workloads'>
  readonly circumstances: Circumstances
  readonly progress: Progress
  /** By store and workload. */
  readonly done: Map<string, readonly Tally[]>
}

/** How long it may take, in runs of the usual length; it will be less where attempts drop out. */
export function lengthOf(workload: Workload, store: StoreName, plan: Measuring['plan']): number {
  return talliesOf(workload, store, plan).length * roundsOf(workload, plan) * workload.weight
}

export async function measure(workload: Workload, store: StoreName, measuring: Measuring): Promise<Result> {
  const { plan, circumstances, progress, done } = measuring
  const tallies = talliesOf(workload, store, plan)
  const runs = workload.prepare ? preparedRuns(workload) : freshRuns(workload)
  try {
    // The systems take turns, so that a slow minute of the machine is everybody's.
    for (let turn = 1; turn <= roundsOf(workload, plan); turn++) {
      for (const tally of tallies) {
        const label = `${store} ${workload.name} ${nameOf(tally.attempt)}`
        if (tally.error || isBeaten(tally, tallies)) {
          progress.skip(workload.weight)
          continue
        }
        progress.start(label)
        count(tally, await runs.run(tally.attempt))
        const outcome = tally.error || `${round(tally.values.at(-1) as number).toLocaleString('en')} ${workload.unit}`
        progress.done(label, outcome, workload.weight)
      }
    }
  } finally {
    runs.end()
  }
  const borrowed = Object.entries(workload.sameAs).flatMap(([peer, name]) => {
    return (done.get(`${store} ${name}`) ?? []).filter(({ attempt }) => attempt.system === peer)
  })
  done.set(`${store} ${workload.name}`, [...tallies, ...borrowed])
  const note = [workload.note, plan.quick ? 'a quick run' : ''].filter(Boolean).join('; ')
  return summary({ ...workload, note }, store, [...tallies, ...borrowed], circumstances)
}

const roundsOf = ({ once }: Workload, { rounds }: Measuring['plan']) => (once ? 1 : rounds)

function talliesOf(workload: Workload, store: StoreName, { quick, systems, workloads }: Measuring['plan']): readonly Tally[] {
  const sameAs: Partial<Record<SystemName, string>> = workload.sameAs
  const known = (system: SystemName) => workloads.some(({ name }) => name === sameAs[system])
  return workload.systems
    .filter((system) => systems.includes(system) && !known(system))
    .flatMap((system) => attemptsOf(workload, store, system, quick))
    .map((attempt) => ({ attempt, values: [], durability: '', failed: 0, unanswered: 0, reason: '', error: '', remark: '' }))
}

function count(tally: Tally, answer: Answer): void {
  if ('error' in answer || !answer.sample) {
    tally.error = 'error' in answer ? answer.error : 'nothing was measured'
    return
  }
  const { value, failed, unanswered, reason, remark } = answer.sample
  tally.durability = answer.durability
  tally.failed += failed
  tally.unanswered += unanswered
  tally.reason ||= reason
  tally.remark ||= remark ?? ''
  if (value > 0) tally.values.push(value)
  else tally.error = `no call succeeds: ${reason || `${unanswered} had no answer after 5 s more`}`
}

/** Clearly slower than another way to ask the same system: it will not be the best one. */
function isBeaten({ attempt, values }: Tally, tallies: readonly Tally[]): boolean {
  const others = tallies.filter((other) => other.attempt.system === attempt.system).flatMap((other) => other.values)
  return values.length > 0 && Math.max(...values) < Math.max(...others) * 0.9
}

/** Each run has a folder of its own. */
function freshRuns(workload: Workload) {
  return {
    async run(attempt: Attempt): Promise<Answer> {
      const folder = makeFolder()
      try {
        return await run(taskOf(workload, attempt, folder, 'measure'))
      } finally {
        removeFolder(folder)
      }
    },
    end() {},
  }
}

/** Every system prepares its store, once; the floor reads Dacapo's. */
function preparedRuns(workload: Workload) {
  const prepared = new Map<SystemName, { readonly folder: string; readonly answer: Promise<Answer> }>()
  return {
    async run(attempt: Attempt): Promise<Answer> {
      const filler = attempt.system === 'raw' ? 'dacapo' : attempt.system
      let store = prepared.get(filler)
      if (!store) {
        const folder = makeFolder()
        store = { folder, answer: run(taskOf(workload, { ...attempt, system: filler }, folder, 'prepare')) }
        prepared.set(filler, store)
      }
      const answer = await store.answer
      return 'error' in answer ? answer : await run(taskOf(workload, attempt, store.folder, 'measure'))
    },
    end() {
      for (const { folder } of prepared.values()) removeFolder(folder)
    },
  }
}

function taskOf({ name, warm }: Workload, { oneConnection, ...load }: Attempt, folder: string, phase: 'prepare' | 'measure') {
  return { workload: name, phase, folder, opening: { store: load.store, warm, oneConnection }, load }
}
