/** One run in a process of its own, so that nobody inherits a heap, a cache or optimised code. Talks to `run.ts`. */
import { open } from './systems/open.ts'
import type { Opening } from './systems/system.ts'
import { workloads } from './workloads/all.ts'
import type { Load, Sample } from './workloads/workload.ts'

/** What to do. */
export interface Task {
  readonly workload: string
  readonly phases: readonly ('fill' | 'measure')[]
  readonly opening: Opening
  readonly load: Load
}

/** What came of it. */
export type Answer = { readonly durability: string; readonly sample?: Sample } | { readonly error: string }

process.once('message', async (task: Task) => {
  let answer: Answer
  try {
    answer = await perform(task)
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) }
  }
  process.send?.(answer, () => process.exit(0))
})

async function perform({ workload: name, phases, opening, load }: Task): Promise<Answer> {
  const workload = workloads.find((one) => one.name === name)
  if (!workload) throw new Error(`There is no workload ${name}.`)
  const system = await open(load.system, opening)
  if (phases.includes('fill')) await workload.fill(system, load)
  const sample = phases.includes('measure') ? await workload.measure(system, load) : undefined
  await system.close()
  return { durability: system.durability, ...(sample ? { sample } : {}) }
}
