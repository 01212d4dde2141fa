/** The job: every line of a file, settled by the bank. */
import type { Bank } from '../domain/bank.ts'
import { KeepOrder } from './keep-order.ts'
import { readLines } from './lines.ts'
import { parseRequest, touches } from './request.ts'
import { settle } from './settle.ts'
import { Tally } from './tally.ts'

export interface Run {
  readonly tally: Tally
  readonly seconds: number
  /** Whether the file was read to its end. */
  readonly finished: boolean
}

/**
 * Settles the lines, in the file's order for each account, many accounts at once.
 *
 * It may be stopped at any moment, also by a crash: what was settled is kept under the lines' keys, so the next run only
 * does what is missing.
 *
 * @throws what kept a line from being settled, when those already under way are done.
 */
export async function run(
  bank: Bank,
  file: string,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress?: (bytesRead: number, lines: number) => void },
): Promise<Run> {
  const started = performance.now()
  const tally = new Tally()
  const tasks = new KeepOrder({ atOnce: 256 })
  let finished = true
  let read = 0

  try {
    for await (const { number, text, bytesRead } of readLines(file)) {
      if (signal.aborted) {
        finished = false
        break
      }
      const line = parseRequest(text)
      if ('problem' in line) tally.count(number, { kind: 'invalid', reason: line.problem })
      else await tasks.add(touches(line.request), async () => tally.count(number, await settle(bank, line.request)))
      read = bytesRead
      onProgress?.(read, tally.lines)
    }
  } finally {
    await tasks.done()
  }
  onProgress?.(read, tally.lines)
  tally.invalid.sort((a, b) => a.line - b.line)
  return { tally, finished, seconds: (performance.now() - started) / 1000 }
}
