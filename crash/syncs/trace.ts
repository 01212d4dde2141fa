/** A trace: what a process wrote and synced, in the order in which the system saw it. */

/** One call: to which file, and the beginning of what was written. */
export interface TracedCall {
  readonly kind: 'write' | 'sync'
  readonly file: string
  readonly text: string
}

const whole = /^(\d+) +[\d.]+ (\w+)\(\d+<([^>]*)>(.*)$/
const resumed = /^(\d+) +[\d.]+ <\.\.\. (\w+) resumed>(.*)$/

/**
 * Reads a trace as strace prints it with -f -ttt -y; the shim writes the same. A write counts from its start, a sync only when it has
 * ended well: both to the disadvantage of who claims that all is synced.
 */
export function readTrace(text: string): readonly TracedCall[] {
  const calls: TracedCall[] = []
  const unfinished = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, thread = '', name = '', file = '', rest = ''] = whole.exec(line) ?? []
    if (name.includes('write')) calls.push({ kind: 'write', file, text: /"(\w+ \d+)\\n"/.exec(rest)?.[1] ?? '' })
    else if (name.includes('sync')) {
      if (rest.includes('<unfinished')) unfinished.set(thread, file)
      else if (/= 0$/.test(rest)) calls.push({ kind: 'sync', file, text: '' })
    }
    const [, sameThread = '', sync = '', result = ''] = resumed.exec(line) ?? []
    const pending = unfinished.get(sameThread)
    if (sync.includes('sync') && pending !== undefined && /= 0$/.test(result)) {
      unfinished.delete(sameThread)
      calls.push({ kind: 'sync', file: pending, text: '' })
    }
  }
  return calls
}
