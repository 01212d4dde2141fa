/** Starts a process for a run and waits for its answer, but not for ever. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import type { Answer, Task, Told } from './child.ts'
import { dropDatabases, type Place, removeFolder } from './place.ts'

const children = new Set<ChildProcess>()
const places = new Set<Place>()
let ended = false

// However this process ends, it leaves nothing behind; when it is killed, its child sees that it is gone.
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  for (const { folder } of places) removeFolder(folder)
})

/** @param server  for stores that are on one. */
export function makePlace(server: string | undefined): Place {
  const place = { folder: mkdtempSync(join(import.meta.dirname, 'run-')), server }
  places.add(place)
  return place
}

export async function removePlace(place: Place): Promise<void> {
  removeFolder(place.folder)
  await dropDatabases(place)
  places.delete(place)
}

/** Before this process is ended from outside: a server that is not ours keeps its databases until somebody drops them. */
export async function endRuns(): Promise<void> {
  ended = true
  await Promise.all([...children].map(letGo))
  for (const place of places) await removePlace(place)
}

/** It removes what it is at work on; if it does not come to that, it is too busy. */
async function letGo(child: ChildProcess): Promise<void> {
  if (child.connected) child.disconnect()
  await Promise.race([once(child, 'close'), after(2000, undefined, { ref: false })])
  child.kill('SIGKILL')
}

/** @param tell  hears how far a long run is. */
export function run(task: Task, timeoutSeconds: number, tell: (told: string) => void): Promise<Answer> {
  return new Promise((resolve) => {
    if (ended) return // and nobody waits any more
    // A peer prints the errors that it throws as well, on stdout: nobody reads them twice.
    const child = fork(join(import.meta.dirname, 'child.ts'), {
      cwd: join(import.meta.dirname, '..'), // Act reads the package.json that it finds where it is started
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    children.add(child)
    let answer: Answer | undefined
    let stderr = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutSeconds * 1000)
    child.stderr?.on('data', (data) => {
      stderr = `${stderr}${data}`.slice(-4000)
    })
    child.on('message', (message: Answer | Told) => {
      if ('told' in message) return tell(message.told)
      answer = message
      // It has said everything; left alone, it would wait for whatever a driver's threads still wait for.
      child.kill('SIGKILL')
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      children.delete(child)
      const end = child.killed ? `stopped after ${timeoutSeconds} s` : `ended with ${signal ?? `code ${code}`}`
      if (ended) return
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
