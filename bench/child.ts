/** One run in a process of its own, so that nobody inherits a heap, a cache or optimised code. Talks to `run.ts`. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { open } from './systems/open.ts'
import type { Opening, System } from './systems/system.ts'
import { workloads } from './workloads/all.ts'
import type { Load, Sample } from './workloads/workload.ts'

/** What to do. */
export interface Task {
  readonly workload: string
  readonly phase: 'prepare' | 'measure'
  /** For the files of the stores; what is prepared is found there again. */
  readonly folder: string
  readonly opening: Omit<Opening, 'file'>
  readonly load: Load
}

/** What came of it. */
export type Answer = { readonly durability: string; readonly sample?: Sample } | { readonly error: string }

process.once('message', async (task: Task) => {
  // Whoever has started it is gone, maybe killed: nobody else would clean up.
  process.once('disconnect', () => {
    rmSync(task.folder, { recursive: true, force: true })
    process.exit(1)
  })
  let answer: Answer
  try {
    answer = await perform(task)
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) }
  }
  process.send?.(answer, () => process.exit(0))
})

async function perform({ workload: name, phase, folder, opening, load }: Task): Promise<Answer> {
  const workload = workloads.find((one) => one.name === name)
  if (!workload) throw new Error(`There is no workload ${name}.`)
  let opened = 0
  let durability = ''
  const openStore = async () => {
    const file = join(folder, workload.prepare ? 'prepared.db' : `${++opened}.db`)
    const system = Object.assign(await open(load.system, { ...opening, file }), { file })
    durability = system.durability
    return system
  }
  if (phase === 'measure') return { sample: await workload.measure(openStore, load), durability }
  const system: System = await openStore()
  await workload.prepare?.(system)
  await system.close()
  return { durability }
}
