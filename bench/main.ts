/**
 * `npm run bench`: Dacapo beside Emmett, Act and the bare driver, in one run, with the same payloads.
 *
 * Progress on stderr, a table on stdout; fails when a run of Dacapo fails. `npm run bench -- --help` tells the options.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { machine } from './machine.ts'
import { lengthOf, type Measuring, measure } from './measure.ts'
import { help, type Options, readOptions } from './options.ts'
import { installPeers } from './peers.ts'
import { showProgress } from './progress.ts'
import type { Result, Tally } from './result.ts'
import { endRuns } from './run.ts'
import { benchServer, endServer } from './server.ts'
import { peerNames } from './systems/system.ts'
import { oneLine, table } from './table.ts'

let ending = false
// Some send a signal twice: the second one must not cut off what the first one has begun.
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.on(name, () => {
    if (!ending) void end(code)
    ending = true
  })

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${help}`)
  process.exitCode = 1
}

/** What is on a server is removed first; everything else that run.ts has started and written is removed at the exit. */
async function end(code: number): Promise<never> {
  setTimeout(() => process.exit(code), 10_000) // should the server not answer
  try {
    await endRuns()
    await endServer()
  } finally {
    process.exit(code)
  }
}

async function main(options: Options): Promise<number> {
  if (options.help) {
    console.log(help)
    return 0
  }
  if (options.json) mkdirSync(dirname(options.json), { recursive: true })
  if (peerNames.some((peer) => options.systems.includes(peer))) installPeers()
  const chosen = options.stores.flatMap((store) =>
    options.workloads.filter(({ stores }) => stores.includes(store)).map((workload) => ({ store, workload })),
  )
  const progress = showProgress(chosen.reduce((sum, { store, workload }) => sum + lengthOf(workload, store, options), 0))
  process.once('exit', progress.stop) // which gives the terminal its cursor back
  const circumstances = { machine: machine(), date: new Date().toISOString().slice(0, 10) }
  const server = chosen.some(({ store }) => store === 'postgres') ? await benchServer() : undefined
  const measuring: Measuring = { plan: options, circumstances, progress, server, done: new Map() }
  const results: Result[] = []
  for (const { store, workload } of chosen) {
    const result = await measure(workload, store, measuring)
    results.push(result)
    progress.result(oneLine(result))
    // What is there is kept, should somebody end a long run.
    if (options.json) writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`)
  }
  progress.stop()
  await endServer()
  console.log(table(results))
  return [...measuring.done.values()].flat().some(dacapoFailed) ? 1 : 0
}

function dacapoFailed({ attempt, error, failed, unanswered }: Tally): boolean {
  return attempt.system === 'dacapo' && (error !== '' || failed > 0 || unanswered > 0)
}
