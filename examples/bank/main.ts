/**
 * The main job: a day at the bank, line by line, into one SQLite file, or into PostgreSQL. In the evening, for people: a few orders.
 *
 *   npm start
 *   npm start -- --help
 */
import { stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { type Bank, openBank } from './domain/bank.ts'
import { evening } from './job/evening.ts'
import { explain } from './job/explain.ts'
import { help, type Options, readOptions, UsageError } from './job/options.ts'
import { run } from './job/run.ts'
import { showEvening } from './show/evening.ts'
import { showProgress } from './show/progress.ts'
import { count, showBank, showInvalid, showNext, showRun } from './show/report.ts'
import { paint, say } from './show/terminal.ts'

const interrupted = 130

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error // `npm start | head`: nobody reads on, the job goes on
})

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}

async function main(options: Options): Promise<number> {
  if (options.help) {
    console.log(help)
    return 0
  }
  const signal = stopSignal()
  const file = await stat(options.input)
  if (file.isDirectory()) throw new UsageError(`${options.input} is a folder; --input needs a file.`)
  await using bank = openBank(options.db)
  await bank.prepare()
  return await (options.json ? forPrograms(bank, options, signal) : forPeople(bank, options, signal, file.size))
}

async function forPrograms(bank: Bank, { input }: Options, signal: AbortSignal): Promise<number> {
  const { tally, seconds, finished } = await run(bank, input, { signal })
  const { accepted, rejected, invalid, duplicates, events, lines } = tally
  const summary = { accepted, rejected: Object.fromEntries(rejected), invalid, duplicates, events }
  console.log(JSON.stringify({ ...summary, seconds: Number(seconds.toFixed(3)), perSecond: Math.round(lines / seconds) }))
  if (finished) return 0
  console.error(stoppedAfter(lines))
  return interrupted
}

async function forPeople(bank: Bank, { input, db }: Options, signal: AbortSignal, bytes: number): Promise<number> {
  say('', paint.bold('Dacapo: a day at the bank'), paint.dim(`${relative('', input)} → ${withoutPassword(db)}`), '')
  const progress = showProgress(bytes)
  const done = await run(bank, input, { signal, onProgress: progress.update }).finally(progress.stop)

  showRun(done)
  if (!done.finished) {
    say('', paint.yellow(stoppedAfter(done.tally.lines)), '')
    return interrupted
  }
  showInvalid(done.tally)
  const example = await showBank(bank)
  const settled = await evening(bank, signal)
  if (!settled) return interrupted
  showEvening(settled)
  showNext(example, process.argv.slice(2), db)
  return 0
}

function withoutPassword(place: string): string {
  return place.replace(/^(\w+:\/\/[^:@/]*):[^@]*@/, '$1:…@')
}

function stoppedAfter(lines: number): string {
  return `Stopped after ${count(lines)} lines, all settled. Run it again, and it does the rest.`
}

/** Aborts on Ctrl-C; a second one ends the process at once, which loses nothing either. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
  return controller.signal
}
