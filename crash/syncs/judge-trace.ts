/** Whether a trace shows each answer to be durable. */
import { some } from '../some.ts'
import type { TracedCall } from './trace.ts'

export interface Verdict {
  /** Answers that were judged. */
  readonly acknowledged: number
  /** Of the write-ahead log. */
  readonly syncs: number
  readonly problems: readonly string[]
}

/**
 * Between the first write of a commit and its answer there must be a sync of the write-ahead log, and at the answer nothing that was
 * written to that log may be waiting for one. A trace without answers, or an answer without a commit, is no proof of anything.
 */
export function judgeTrace(calls: readonly TracedCall[], wal: string, marks: string): Verdict {
  const withoutCommit: string[] = []
  const withoutSync: string[] = []
  const unsynced: string[] = []
  let acknowledged = 0
  let syncs = 0
  let writes = 0
  let syncsHere = 0
  let waiting = 0

  for (const { kind, file, text } of calls) {
    if (file === wal && kind === 'write') {
      writes++
      waiting++
    } else if (file === wal) {
      syncs++
      if (writes > 0) syncsHere++
      waiting = 0
    } else if (file === marks && text.startsWith('asked')) {
      writes = 0
      syncsHere = 0
    } else if (file === marks && text.startsWith('answered')) {
      acknowledged++
      if (writes === 0) withoutCommit.push(text)
      else if (syncsHere === 0) withoutSync.push(text)
      if (waiting > 0) unsynced.push(text)
    }
  }
  const problems = [
    acknowledged === 0 ? 'the trace shows no answer' : undefined,
    some(withoutCommit, 'answers have no write to the log before them'),
    some(withoutSync, 'commits were acknowledged without a sync'),
    some(unsynced, 'answers were given while writes were not synced'),
  ]
  return { acknowledged, syncs, problems: problems.filter((problem) => problem !== undefined) }
}
