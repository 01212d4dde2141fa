/** Starts a process for a run and waits for its answer, but not for ever. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Answer, Task } from './child.ts'

/** Beyond what any workload takes that goes on. */
const timeoutMs = 240_000

const children = new Set<ChildProcess>()
const folders = new Set<string>()

// However this process ends, it leaves nothing behind; when it is killed, its child sees that it is gone.
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders) removeFolder(folder)
})

/** Beside the sources and not in the system's folder for temporary files, which may be in memory: a sync must reach a disk. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(import.meta.dirname, 'run-'))
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  // A process that has just been killed may still be there for a moment.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  folders.delete(folder)
}

export function run(task: Task): Promise<Answer> {
  return new Promise((resolve) => {
    // A peer prints the errors that it throws as well, on stdout: nobody reads them twice.
    const child = fork(join(import.meta.dirname, 'child.ts'), {
      cwd: join(import.meta.dirname, '..'), // Act reads the package.json that it finds where it is started
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    children.add(child)
    let answer: Answer | undefined
    let stderr = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.stderr?.on('data', (data) => {
      stderr = `${stderr}${data}`.slice(-4000)
    })
    child.once('message', (message) => {
      answer = message as Answer
      // It has said everything; left alone, it would wait for whatever a driver's threads still wait for.
      child.kill('SIGKILL')
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      children.delete(child)
      const end = child.killed ? `stopped after ${timeoutMs / 1000} s` : `ended with ${signal ?? `code ${code}`}`
      resolve(answer ?? { error: [end, lastWords(stderr)].filter(Boolean).join(': ') })
    })
    child.send(task)
  })
}

/** The line that says what went wrong: an uncaught error is followed by its stack and by Node's version. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim())
  return lines.findLast((line) => /^\[?(?:\w*Error\b|FATAL)/.test(line)) ?? lines.findLast((line) => line !== '') ?? ''
}
