/** Many runs of one workload, in rounds, become one result. */
import { type Attempt, attemptsOf, nameOf } from './attempts.ts'
import type { Answer } from './child.ts'
import type { Options } from './options.ts'
import type { Place } from './place.ts'
import type { Progress } from './progress.ts'
import { type Circumstances, type Result, round, summary, type Tally } from './result.ts'
import { makePlace, removePlace, run } from './run.ts'
import type { BenchServer } from './server.ts'
import { has, type StoreName, type SystemName } from './systems/system.ts'
import type { Workload } from './workloads/workload.ts'

/** What is to be measured, and what has been. */
export interface Measuring {
  readonly plan: Pick<Options, 'quick' | 'rounds' | 'systems' | 'workloads'>
  readonly circumstances: Circumstances
  readonly progress: Progress
  /** Where anything is measured on one. */
  readonly server: BenchServer | undefined
  /** By store and workload. */
  readonly done: Map<string, readonly Tally[]>
}

/** How long it may take, in runs of the usual length; it will be less where attempts drop out. */
export function lengthOf(workload: Workload, store: StoreName, plan: Measuring['plan']): number {
  return talliesOf(workload, store, plan).length * roundsOf(workload, plan) * workload.weight
}

export async function measure(workload: Workload, store: StoreName, measuring: Measuring): Promise<Result> {
  const { plan, circumstances, progress, done } = measuring
  const server = store === 'postgres' ? measuring.server : undefined
  const tallies = talliesOf(workload, store, plan)
  const runs = workload.prepare ? preparedRuns(workload, server?.url) : freshRuns(workload, server?.url)
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
        count(tally, await runs.run(tally.attempt, (told) => progress.tell(label, told)))
        const outcome = tally.error || `${round(tally.values.at(-1) as number).toLocaleString('en')} ${workload.unit}`
        progress.done(label, outcome, workload.weight)
      }
    }
  } finally {
    await runs.end()
  }
  const borrowed = Object.entries(workload.sameAs).flatMap(([peer, name]) => {
    if (tallies.some(({ attempt }) => attempt.system === peer)) return []
    // What was said about them there need not be said again.
    return (done.get(`${store} ${name}`) ?? []).filter(({ attempt }) => attempt.system === peer).map((tally) => ({ ...tally, remarks: [] }))
  })
  done.set(`${store} ${workload.name}`, [...tallies, ...borrowed])
  const note = [server?.name, workload.note, plan.quick ? 'a quick run' : ''].filter(Boolean).join('; ')
  return summary({ ...workload, note }, store, [...tallies, ...borrowed], circumstances)
}

const roundsOf = ({ once }: Workload, { rounds }: Measuring['plan']) => (once ? 1 : rounds)

function talliesOf(workload: Workload, store: StoreName, { quick, systems, workloads }: Measuring['plan']): readonly Tally[] {
  const sameAs: Partial<Record<SystemName, string>> = workload.sameAs
  const known = (system: SystemName) =>
    workloads.some(({ name, anyConcurrency }) => name === sameAs[system] && anyConcurrency.includes(store))
  return workload.systems
    .filter((system) => systems.includes(system) && has(system, store) && !known(system))
    .flatMap((system) => attemptsOf(workload, store, system, quick))
    .map((attempt) => ({ attempt, values: [], durability: '', failed: 0, unanswered: 0, reason: '', error: '', remarks: [] }))
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
  if (value > 0) {
    tally.values.push(value)
    tally.remarks.push(remark ?? '')
  } else tally.error = `no call succeeds: ${reason || `${unanswered} had no answer after 5 s more`}`
}

/** Clearly slower than another way to ask the same system: it will not be the best one. */
function isBeaten({ attempt, values }: Tally, tallies: readonly Tally[]): boolean {
  const others = tallies.filter((other) => other.attempt.system === attempt.system).flatMap((other) => other.values)
  return values.length > 0 && Math.max(...values) < Math.max(...others) * 0.9
}

type Tell = (told: string) => void

/** Each run has a place of its own. */
function freshRuns(workload: Workload, server: string | undefined) {
  return {
    async run(attempt: Attempt, tell: Tell): Promise<Answer> {
      const place = makePlace(server)
      try {
        return await run(taskOf(workload, attempt, place, 'measure'), workload.timeoutSeconds, tell)
      } finally {
        await removePlace(place)
      }
    },
    async end() {},
  }
}

/** Every system prepares its store, once; the floor reads Dacapo's. */
function preparedRuns(workload: Workload, server: string | undefined) {
  const prepared = new Map<SystemName, { readonly place: Place; readonly answer: Promise<Answer> }>()
  const start = (attempt: Attempt, place: Place, phase: 'prepare' | 'measure', tell: Tell) =>
    run(taskOf(workload, attempt, place, phase), workload.timeoutSeconds, tell)
  return {
    async run(attempt: Attempt, tell: Tell): Promise<Answer> {
      const filler = attempt.system === 'raw' ? 'dacapo' : attempt.system
      let store = prepared.get(filler)
      if (!store) {
        const place = makePlace(server)
        store = { place, answer: start({ ...attempt, system: filler }, place, 'prepare', tell) }
        prepared.set(filler, store)
      }
      const answer = await store.answer
      return 'error' in answer ? answer : await start(attempt, store.place, 'measure', tell)
    },
    async end() {
      for (const { place } of prepared.values()) await removePlace(place)
    },
  }
}

function taskOf({ name, warm }: Workload, { oneConnection, ...load }: Attempt, place: Place, phase: 'prepare' | 'measure') {
  return { workload: name, phase, place, opening: { store: load.store, warm, oneConnection }, load }
}
