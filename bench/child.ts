/** One run in a process of its own, so that nobody inherits a heap, a cache or optimised code. Talks to `run.ts`. */
import { dropDatabases, type Place, removeFolder, type Site, siteOf } from './place.ts'
import { open } from './systems/open.ts'
import type { Opening } from './systems/system.ts'
import { workloads } from './workloads/all.ts'
import type { Load, Sample } from './workloads/workload.ts'

/** What to do. */
export interface Task {
  readonly workload: string
  readonly phase: 'prepare' | 'measure'
  /** What is prepared is found there again. */
  readonly place: Place
  readonly opening: Omit<Opening, 'at'>
  readonly load: Load
}

/** How far it is, said now and then by those who take long. */
export interface Told {
  readonly told: string
}

/** What came of it. */
export type Answer = { readonly durability: string; readonly sample?: Sample } | { readonly error: string }

process.once('message', async (task: Task) => {
  // Whoever has started it has left, or was killed: nobody else would clean up.
  process.once('disconnect', async () => {
    try {
      removeFolder(task.place.folder)
      await site // a database that is only being made could not be dropped
      await dropDatabases(task.place)
    } finally {
      process.exit(1)
    }
  })
  let answer: Answer
  try {
    answer = await perform(task)
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) }
  }
  process.send?.(answer, () => process.exit(0))
})

let site: Promise<Site> | undefined

const tell = (told: string) => void process.send?.({ told } satisfies Told)

async function perform({ workload: name, phase, place, opening, load }: Task): Promise<Answer> {
  const workload = workloads.find((one) => one.name === name)
  if (!workload) throw new Error(`There is no workload ${name}.`)
  let opened = 0
  let durability = ''
  const openStore = async () => {
    site = siteOf(place, workload.prepare ? 'prepared' : `${++opened}`, phase === 'measure' && workload.prepare !== undefined)
    const system = await open(load.system, { ...opening, at: (await site).at })
    durability = system.durability
    return Object.assign(system, await site)
  }
  if (phase === 'measure') return { sample: await workload.measure(openStore, load, tell), durability }
  const system = await openStore()
  await workload.prepare?.(system)
  await system.settle()
  await system.close()
  return { durability }
}
