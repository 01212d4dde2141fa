/** `dacapo rebuild` and `dacapo compare`: one more process of the user's app, which works until the view is built. */
import { DacapoError } from '../core/errors.ts'
import type { Comparison } from '../runtime/rebuild/comparison.ts'
import type { RebuildArguments } from './arguments.ts'
import { type LoadedApp, loadApp } from './load-app.ts'
import { counted, progressLine, spanOf, type Terminal } from './progress-line.ts'

/** What the process ends with: done; rows differ; interrupted, as shells count it. */
const exitCodes = { done: 0, differs: 3, interrupted: 130 } as const

/** @returns the exit code. */
export async function rebuild({ kind, module, projection }: RebuildArguments, terminal: Terminal): Promise<number> {
  const app = await loadApp(module)
  const line = progressLine(terminal, Date.now)
  const interrupted = onInterrupt(app)
  const say = (text: string) => {
    line.end()
    terminal.write(`${text}\n`)
  }
  try {
    await app.start()
    const options = { onProgress: line.show }
    if (kind === 'rebuild') {
      const { position, events, durationMs } = await app.subscriptions.rebuild(projection, options)
      say(`${projection}: rebuilt from ${counted(events)} events, up to position ${counted(position)}, in ${spanOf(durationMs)}`)
      return exitCodes.done
    }
    const comparison = await app.subscriptions.compare(projection, options)
    for (const one of told(projection, comparison)) say(one)
    return Object.values(comparison.differing).some((count) => count > 0) ? exitCodes.differs : exitCodes.done
  } catch (error) {
    line.end()
    if (!(interrupted.isSo && DacapoError.is(error) && error.code === 'ES_STOPPED')) throw error
    say(
      `${projection}: not done yet. What is built is kept: run the same again, or leave it to the processes of your app, to go on from there.`,
    )
    return exitCodes.interrupted
  } finally {
    interrupted.ignore()
    await app.stop()
  }
}

function told(projection: string, { position, rows, differing, differences }: Comparison): readonly string[] {
  const { changed, missing, surplus } = differing
  const all = changed + missing + surplus
  const compared = `${projection}: ${counted(rows)} rows compared at position ${counted(position)}`
  if (all === 0) return [`${compared}, none differs`]
  const kinds = `${counted(changed)} changed, ${counted(missing)} missing, ${counted(surplus)} that should not be there`
  const more = all > differences.length ? [`… and ${counted(all - differences.length)} more`] : []
  return [
    `${compared}, ${counted(all)} differ: ${kinds}`,
    ...differences.map(({ tenant, key, stored, rebuilt }) => {
      const name = tenant === '' ? key : `${key} of tenant ${tenant}`
      return `  ${name}: stored ${textOf(stored)}, rebuilt ${textOf(rebuilt)}`
    }),
    ...more,
  ]
}

const textOf = (row: unknown): string => (row === undefined ? 'nothing' : JSON.stringify(row))

/** The first Ctrl-C stops the app, which leaves the work to whoever comes next; the second one ends the process at once. */
function onInterrupt(app: LoadedApp): { readonly isSo: boolean; ignore(): void } {
  let isSo = false
  function interrupt(): void {
    if (isSo) process.exit(exitCodes.interrupted)
    isSo = true
    app.stop().catch(() => {}) // whoever waits for the end of the app is told, too
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, interrupt)
  return {
    get isSo() {
      return isSo
    },
    ignore() {
      if (!isSo) for (const signal of signals) process.off(signal, interrupt)
    },
  }
}
