/** Starts a process for a run and waits for its answer, but not for ever. */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Answer, Task } from './child.ts'
import type { Workload } from './workloads/workload.ts'

/** How Emmett is asked besides by how many. */
export type Attempt = Task['load'] & { readonly oneConnection: boolean }

const timeoutMs = { quick: 20_000, full: 60_000 }

/** Beside the sources and not in the system's folder for temporary files, which may be in memory: a sync must reach a disk. */
export async function run(workload: Workload, { oneConnection, ...load }: Attempt): Promise<Answer> {
  const folder = mkdtempSync(join(import.meta.dirname, 'run-'))
  const opening = { store: load.store, file: join(folder, 'bench.db'), warm: workload.warm, oneConnection }
  const task = { workload: workload.name, opening, load }
  try {
    if (!workload.fresh) return await ask({ ...task, phases: ['fill', 'measure'] })
    const filled = await ask({ ...task, load: { ...load, system: 'dacapo' }, phases: ['fill'] })
    return 'error' in filled ? filled : await ask({ ...task, phases: ['measure'] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function ask(task: Task): Promise<Answer> {
  return new Promise((resolve) => {
    // A peer prints the errors that it throws as well: nobody reads them twice.
    const child = fork(join(import.meta.dirname, 'child.ts'), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    const limitMs = task.load.quick ? timeoutMs.quick : timeoutMs.full
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
    let answer: Answer | undefined
    child.once('message', (message) => {
      answer = message as Answer
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      resolve(answer ?? { error: signal ? `ended by ${signal} after ${limitMs / 1000} s` : `ended with code ${code}` })
    })
    child.send(task)
  })
}
